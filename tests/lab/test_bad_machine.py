"""Machines that cannot carry a daemon, or stop being able to: each gives one clear line (what, where, what
to do), and what ran before runs on."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from conftest import STATE, eventually, raised
from nodes import Node, documents
from test_lifecycle import answers_dns, answers_web

BIG = "kind: AddressSet\nname: big\nspec:\n  text: |\n" + "".join(
    f"    10.{n >> 8}.{n & 255}.0/24\n" for n in range(0, 65536, 2))
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]


def wan_node(lab, key, **fields):
    return Node(lab, key, "af_xdp", documents(("Port", "wan", {"addresses": ["198.18.0.1/24"]})), port={"device": "wan"},
                **fields)


def control_config(lab, key, **fields):
    file = lab.run_folder / f"{key}.yaml"
    file.write_text(json.dumps({"state_folder": str(lab.state_folder / key), "socket": str(lab.run_folder / f"{key}.sock"),
                                "metrics": "127.0.0.1:7781", **fields}))
    return file


def last_line(done):
    return done.stdout.strip().splitlines()[-1]


def in_tmpfs(folder, size, *command):
    """A command with a small disk of its own under FOLDER; `ip netns exec` has given it mounts of its own."""
    return ["sh", "-c", f'mkdir -p "{folder}" && mount -t tmpfs -o size={size} none "{folder}" && exec "$@"', "sh", *command]


@contextlib.contextmanager
def filled(pid, folder):
    """The disk under FOLDER, as process PID sees it, without a byte left."""
    filler = pathlib.Path(f"/proc/{pid}/root{folder}/filler")
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink(missing_ok=True)


@contextlib.contextmanager
def listener(lab, address, number):
    """A process of the host that has the address already."""
    program = ("import socket,time\ns=socket.socket(); s.setsockopt(0,15,1)\n"  # IP_FREEBIND: before it exists
               f"s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('{address}',{number})); s.listen()\n"
               "print('ready',flush=True); time.sleep(600)")
    process = subprocess.Popen(lab.inside("dut", "/usr/bin/python3", "-c", program), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.kill()
        process.wait()


# -- refused at start ------------------------------------------------------------------------------

def test_missing_huge_pages_are_said(network):
    node = wan_node(network, "huge", memory={"buffers": 16_000_000, "huge_pages": "yes"})
    line = node.refusal()
    assert line.startswith("memory.huge_pages: ") and "are needed" in line and "sysctl vm.nr_hugepages=" in line


def test_without_huge_pages_ordinary_memory_must_do(network):
    node = wan_node(network, "plain", memory={"buffers": 16_000_000, "huge_pages": "auto", "megabytes": 64})
    assert "memory: the packet buffers need" in node.refusal() and "set megabytes to" in node.refusal()


def test_no_permission(network):
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        binary = pathlib.Path(shutil.copy(network.bin / "sluice-dataplane", scratch))
        node = wan_node(network, "nobody", state_folder=f"{scratch}/state")
        config = pathlib.Path(shutil.copy(node.config_file, scratch))
        os.chmod(config, 0o644)
        shutil.copy(node.state_file, scratch)
        node.config["desired_state"] = f"{scratch}/{node.state_file.name}"
        config.write_text(json.dumps(node.config))

        def as_nobody():
            return last_line(network.exec("dut", *AS_NOBODY, binary, "--config", config, check=False, timeout=30))

        assert as_nobody() == (f"{scratch}/state: cannot make the state folder: Permission denied; make it, or name "
                               "another state_folder")
        os.mkdir(f"{scratch}/state")
        os.chown(f"{scratch}/state", 65534, 65534)
        assert as_nobody() == ("port wan: mode af_xdp needs the capability cap_net_admin; start as root, or let systemd "
                               "grant it by AmbientCapabilities=")


def test_more_queues_than_the_interface_has(network):
    node = wan_node(network, "queues", cores={"workers": [0, 0], "shards": [], "control": 0})
    node.config["ports"][0]["queues"] = 2
    node.write()
    assert node.refusal() == "port wan: 2 queues, but wan has 1; set queues to 1 or less"


def test_an_interface_that_another_instance_drives(network):
    first = wan_node(network, "first").start()
    second = wan_node(network, "second")
    line = second.refusal()
    assert line == ("port wan: another process has an AF_XDP socket on queue 0 of wan; end it; `ss --xdp -p` lists them")
    first.end()
    tap = Node(network, "tap1", "tap", documents(), port={"device": "twice0"}).start()
    line = Node(network, "tap2", "tap", documents(), port={"device": "twice0"}).refusal()
    assert line == "port wan: another process has made the interface 'twice0'; end it, or give another name"
    tap.end()


def test_a_control_daemons_addresses_in_use(network):
    key = f"{network.run_folder}/none.pem"
    tls = {"certificate": key, "key": key, "authority": key}
    taken = network.popen("taken", "dut", network.bin / "sluice-control", "--config", control_config(network, "taken"))
    eventually(lambda: "ready" in network.log("taken"), 10, "the daemon that has the addresses")

    def refusal(**fields):
        done = network.exec("dut", network.bin / "sluice-control", "--config", control_config(network, "late", **fields),
                            check=False, timeout=20)
        assert done.returncode == 1
        return last_line(done)

    socket = str(network.run_folder / "taken.sock")
    assert refusal(socket=socket, metrics="127.0.0.1:7782") == (
        f"sluice-control: {socket}: another sluice-control serves this socket; stop it, or set `socket` to another path")
    assert refusal() == ("sluice-control: 127.0.0.1:7781: cannot serve /metrics; stop what listens there, or set `metrics` "
                         "to another address")
    with listener(network, "127.0.0.1", 7700):
        assert refusal(listen="127.0.0.1:7700", metrics="127.0.0.1:7782", tls=tls) == (
            "sluice-control: 127.0.0.1:7700: cannot listen: Address already in use; stop what listens there, or set "
            "another address")
    assert network.alive("taken"), "the first one goes on"
    network.end("taken")
    del taken


def test_a_damaged_store_is_not_served_from(network):
    folder = network.state_folder / "damaged"
    folder.mkdir()
    (folder / "store.db").write_bytes(b"SQLite format 3\0" + os.urandom(8000))
    done = network.exec("dut", network.bin / "sluice-control", "--config", control_config(network, "damaged"),
                        check=False, timeout=20)
    assert done.returncode == 1
    assert last_line(done).startswith(f"sluice-control: {folder}: cannot ") and "restore it from a backup" in last_line(done)


# -- while running ---------------------------------------------------------------------------------

def test_a_name_servers_tcp_address_in_use():
    """Everything else is served; the line stands in the status until the address is free."""
    lab = raised("b")
    try:
        lab.end("dataplane")
        with listener(lab, "198.18.100.53", 53):
            lab.start_dataplane()
            eventually(lambda: answers_dns(lab) and answers_web(lab), 10, "the rest works")
            eventually(lambda: "Address already in use" in lab.sluice("status").stdout, 10, "the status says it")
        eventually(lambda: "198.18.100.80" in lab.exec(
            "client", "dig", "+tcp", "+short", "+tries=1", "+time=1", "@198.18.100.53", "www.example.test", check=False).stdout,
            15, "listening once the address is free")
        eventually(lambda: "Address already in use" not in lab.sluice("status").stdout, 10, "the status is well again")
    finally:
        lab.down()


def test_a_full_disk_under_the_control_daemon():
    """A change that cannot be kept is refused; all else goes on, and there is room again when there is."""
    lab = raised("c")
    try:
        folder = lab.state_folder / "control"
        lab.end("control")
        lab.popen("control", "dut", *in_tmpfs(folder, "1m", lab.bin / "sluice-control", "--config",
                                              lab.run_folder / "control.yaml"))
        eventually(lambda: lab.dataplane_connected(), 20, "the data plane connects")
        lab.sluice("apply", "-f", STATE)
        before = lab.sluice("history", "-o", "json").stdout
        big = lab.run_folder / "big.yaml"
        big.write_text(BIG)
        with filled(lab.alive("control"), folder):
            done = lab.sluice("apply", "-f", big, check=False)
            assert done.returncode == 1 and "no space is left" in done.stdout and "free space there" in done.stdout
            assert str(folder) in done.stdout and len(done.stdout.strip().splitlines()) == 1, done.stdout
            assert lab.sluice("history", "-o", "json").stdout == before
            assert "big" not in lab.sluice("get", "addresssets").stdout
            assert answers_dns(lab) and answers_web(lab)
        small = lab.run_folder / "small.yaml"
        small.write_text("kind: AddressSet\nname: small\nspec:\n  prefixes: [192.0.2.0/24]\n")
        lab.sluice("apply", "-f", small)
        assert "small" in lab.sluice("get", "addresssets").stdout
    finally:
        lab.down()


def test_a_full_disk_under_the_data_plane():
    """The change is in force, the status says that it is not saved, and it is saved once there is room."""
    lab = raised("d")
    try:
        folder = lab.state_folder / "dataplane"
        lab.end("dataplane")
        lab.popen("dataplane", "dut", *in_tmpfs(folder, "1m", lab.bin / "sluice-dataplane", "--config",
                                                lab.run_folder / "dataplane.yaml"))
        eventually(lambda: answers_dns(lab) and answers_web(lab), 20, "it serves")
        small = lab.run_folder / "small.yaml"
        small.write_text("kind: AddressSet\nname: small\nspec:\n  prefixes: [192.0.2.0/24]\n")
        with filled(lab.alive("dataplane"), folder):
            assert lab.sluice("apply", "-f", small).returncode == 0
            eventually(lambda: "the snapshot is not saved" in lab.sluice("status").stdout, 10, "the status says it")
            assert "free space" in lab.sluice("status").stdout
            assert answers_dns(lab) and answers_web(lab)
        eventually(lambda: "snapshot saved" in lab.log("dataplane"), 30, "saved when there is room")
        eventually(lambda: "not saved" not in lab.sluice("status").stdout, 10, "the status is well again")
    finally:
        lab.down()


def test_a_damaged_snapshot_is_said_and_replaced():
    lab = raised("s")
    try:
        snapshot = lab.state_folder / "dataplane/snapshot"
        for spoil in (lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:20], lambda _: b"", lambda _: os.urandom(5000)):
            lab.end("control")
            os.kill(lab.alive("dataplane"), signal.SIGKILL)
            whole = snapshot.read_bytes()
            snapshot.write_bytes(spoil(whole) if whole else b"x")
            lab.popen("dataplane", "dut", lab.bin / "sluice-dataplane", "--config", lab.run_folder / "dataplane.yaml")
            eventually(lambda: "the saved snapshot is damaged" in lab.log("dataplane", 5), 20, "the log says so")
            assert "remove it; the control daemon sends a new one" in lab.log("dataplane", 5)
            lab.start_control()
            eventually(lambda: answers_dns(lab) and answers_web(lab), 20, "served from a new one")
            eventually(lambda: snapshot.read_bytes() == whole, 5, "which is saved")
            time.sleep(0.1)
    finally:
        lab.down()
