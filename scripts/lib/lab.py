"""The test network: namespaces, wires, backends and the two daemons, by name. Used by scripts/lab,
the tour and the tests. Ends only processes it started, found again by process id and start time."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOSTS = ("client", "dut", "be1", "be2", "be3")
BACKENDS = ("be1", "be2", "be3")
NIC_MODES = ("af_xdp", "af_packet", "tap")

WAN4, WAN6 = "198.18.0", "2001:2:"
LAN4, LAN6 = "198.18.1", "2001:2:0:1:"
SERVICES4, SERVICES6 = "198.18.100.0/24", "2001:2:0:100::/64"
DSR_ADDRESS = "198.18.100.81"
# Services whose backends are reached in tunnels, and where control/examples/lab.yaml sends them from.
TUNNEL_ADDRESSES = ("198.18.100.84", "2001:2:0:100::84", "198.18.100.85", "2001:2:0:100::85")
TUNNEL_SOURCES = ("198.18.2.0/24", "2001:2:0:2::/64")
MAC = {"wan": "02:5c:00:00:00:01", "lan": "02:5c:00:00:01:01"}


class LabError(Exception):
    """Something an operator can read and act on."""


def run(*command, check=True, quiet=True, **keywords):
    """Runs a command; on failure says which and what it printed."""
    keywords.setdefault("text", True)
    if quiet:
        keywords.setdefault("stdout", subprocess.PIPE)
        keywords.setdefault("stderr", subprocess.STDOUT)
    done = subprocess.run([str(c) for c in command], check=False, stdin=subprocess.DEVNULL, **keywords)
    if check and done.returncode != 0:
        raise LabError(f"`{' '.join(map(str, command))}` failed: {(done.stdout or '').strip()}")
    return done


def start_time(pid):
    """Field 22 of /proc/PID/stat: tells a process from a later one with the same id."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Lab:
    """One lab, up or not. Everything it keeps is under run_folder and state_folder."""

    def __init__(self, name="sluice", build="release"):
        if not name or not all(c.isalnum() or c in "-_" for c in name) or len(name) > 24:
            raise LabError(f"'{name}' is no name for a lab: letters, digits, '-' and '_', at most 24")
        self.name = name
        self.run_folder = pathlib.Path("/run/sluice") / name
        self.state_folder = pathlib.Path("/var/lib/sluice") / name
        self.facts_file = self.run_folder / "lab.json"
        self.socket = self.run_folder / "control.sock"
        self.bin = ROOT / "build" / build / "bin"
        self.facts = {"nic": "af_xdp", "processes": {}}
        with contextlib.suppress(OSError, ValueError):
            self.facts = json.loads(self.facts_file.read_text())

    # -- names -------------------------------------------------------------------------------------
    def namespace(self, host):
        return f"{self.name}-{host}"

    @property
    def namespaces(self):
        return [self.namespace(h) for h in (*HOSTS, "lan")]

    def is_up(self):
        return all(pathlib.Path(f"/run/netns/{n}").exists() for n in self.namespaces)

    # -- running things ----------------------------------------------------------------------------
    def inside(self, host, *command):
        return ["ip", "netns", "exec", self.namespace(host), *map(str, command)]

    def exec(self, host, *command, **keywords):
        """Runs a command on a host of the lab and returns it finished."""
        return run(*self.inside(host, *command), **keywords)

    def sluice(self, *arguments, **keywords):
        """The operator's command against this lab's control daemon."""
        environment = {**os.environ, "SLUICE_CONTROL": str(self.socket)}
        return run(self.bin / "sluice", *arguments, env=environment, **keywords)

    def counter(self, name, **labels):
        """A counter of the data plane, summed over what has these labels."""
        found = [c for c in json.loads(self.sluice("get", "counters", "-o", "json").stdout) if c["name"] == name
                 and labels.items() <= {x["name"]: x["value"] for x in c["labels"]}.items()]
        if not found:
            raise LabError(f"no counter {name} with {labels}")
        return sum(int(c["value"]) for c in found)

    def popen(self, key, host, *command):
        """Starts a process that outlives us; its output goes to run_folder/KEY.log."""
        log = open(self.run_folder / f"{key}.log", "ab")  # noqa: SIM115 - handed to the child
        process = subprocess.Popen(self.inside(host, *command), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True, cwd="/")
        log.close()
        self.facts["processes"][key] = {"pid": process.pid, "start": start_time(process.pid)}
        self.save()
        return process

    def alive(self, key):
        """Process id of KEY if it runs."""
        known = self.facts["processes"].get(key)
        if known and known["start"] is not None and start_time(known["pid"]) == known["start"]:
            return known["pid"]
        return None

    def end(self, key, how=signal.SIGTERM, patience=10.0):
        """Ends KEY in order, and without it if patience runs out. True if it went in order."""
        pid = self.alive(key)
        in_order = True
        if pid:
            os.kill(pid, how)
            deadline = time.monotonic() + patience
            while self.alive(key):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    in_order = False
                    deadline = time.monotonic() + 5
                time.sleep(0.02)
        self.facts["processes"].pop(key, None)
        self.save()
        return in_order

    def save(self):
        if self.run_folder.exists():
            temporary = self.facts_file.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.facts, indent=1))
            temporary.replace(self.facts_file)

    def log(self, key, lines=15):
        with contextlib.suppress(OSError):
            return "\n".join((self.run_folder / f"{key}.log").read_text(errors="replace").splitlines()[-lines:])
        return ""

    # -- the network -------------------------------------------------------------------------------
    def raise_network(self):
        for namespace in self.namespaces:
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", self.namespace("client"), "numtxqueues", "1",
            "numrxqueues", "1", "type", "veth", "peer", "name", "wan", "netns", self.namespace("dut"),
            "numtxqueues", "1", "numrxqueues", "1")
        run("ip", "link", "add", "uplink", "netns", self.namespace("lan"), "numtxqueues", "1",
            "numrxqueues", "1", "type", "veth", "peer", "name", "lan", "netns", self.namespace("dut"),
            "numtxqueues", "1", "numrxqueues", "1")
        lan = self.namespace("lan")
        run("ip", "-n", lan, "link", "add", "segment", "type", "bridge", "stp_state", "0",
            "mcast_snooping", "0")
        run("ip", "-n", lan, "link", "set", "segment", "up")
        for wire in ["uplink"] + list(BACKENDS):
            if wire != "uplink":
                run("ip", "link", "add", wire, "netns", lan, "type", "veth", "peer", "name", "eth0",
                    "netns", self.namespace(wire))
            run("ip", "-n", lan, "link", "set", wire, "master", "segment", "up")
        self.raise_host("client", f"{WAN4}.2/24", f"{WAN6}:2/64", f"{WAN4}.1", f"{WAN6}:1")
        for index, backend in enumerate(BACKENDS, start=11):
            self.raise_host(backend, f"{LAN4}.{index}/24", f"{LAN6}:{index}/64", f"{LAN4}.1", f"{LAN6}:1")
            # Direct server return: the backend owns the service address and never speaks ARP for it.
            run("ip", "-n", self.namespace(backend), "address", "add", f"{DSR_ADDRESS}/32", "dev", "lo")
            self.exec(backend, ROOT / "scripts/backend", "up", "--dev", "eth0", "--mode", "ipip", "--mode", "gue",
                      "--from", *TUNNEL_SOURCES, "--address", *TUNNEL_ADDRESSES)
        for port in ("wan", "lan"):
            self.raise_port(port)
        self.attach_pass("client", "eth0")
        self.attach_pass("lan", "uplink")

    def raise_host(self, host, address4, address6, router4, router6):
        namespace = self.namespace(host)
        for key in ("all", "default", "eth0"):
            self.exec(host, "sysctl", "-qw", f"net.ipv4.conf.{key}.rp_filter=0")
            self.exec(host, "sysctl", "-qw", f"net.ipv6.conf.{key}.accept_dad=0")
            self.exec(host, "sysctl", "-qw", f"net.ipv6.conf.{key}.accept_ra=0")
        # Unfinished checksums would arrive at the poll cores: veth leaves them to a NIC that is not there.
        self.exec(host, "ethtool", "-K", "eth0", "tx", "off", "rx", "off", check=False)
        run("ip", "-n", namespace, "address", "add", address4, "dev", "eth0")
        run("ip", "-n", namespace, "address", "add", address6, "dev", "eth0", "nodad")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "route", "add", "default", "via", router4)
        run("ip", "-n", namespace, "-6", "route", "add", "default", "via", router6)

    def raise_port(self, port):
        """The kernel's side of a port: up, promiscuous, and without an address of its own."""
        dut = self.namespace("dut")
        self.exec("dut", "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=1")
        self.exec("dut", "ethtool", "-K", port, "tx", "off", "rx", "off", "gro", "off", check=False)
        run("ip", "-n", dut, "link", "set", port, "address", MAC[port])
        run("ip", "-n", dut, "link", "set", port, "promisc", "on", "up")

    def attach_pass(self, host, device):
        """veth is at full speed for XDP only if both ends have a program."""
        program = ROOT / "build" / "release" / "ebpf" / "pass.bpf.o"
        if program.exists():
            self.exec(host, "ip", "link", "set", "dev", device, "xdpdrv", "obj", program, "sec", "xdp",
                      check=False)

    def start_backend(self, backend):
        self.popen(backend, backend, "/usr/bin/python3", ROOT / "scripts/lib/backend.py", backend)

    def start_backends(self):
        for backend in BACKENDS:
            self.start_backend(backend)
        self.wait(lambda: all("ready" in self.log(b) for b in BACKENDS), 10, "the backends")

    # -- the daemons -------------------------------------------------------------------------------
    def write_configs(self):
        nic = self.facts["nic"]
        device = {"wan": "wan", "lan": "lan"}
        if nic == "tap":
            device = {"wan": "tapwan", "lan": "taplan"}
        # A TAP gets another Ethernet address at every start, unless told.
        more = {p: f"    driver_arguments: mac={MAC[p]}\n" if nic == "tap" else "" for p in device}
        ports = "".join(
            f"  - name: {p}\n    mode: {nic}\n    device: {device[p]}\n    queues: 1\n{more[p]}" for p in ("wan", "lan"))
        cores = os.sched_getaffinity(0)
        first, last = min(cores), max(cores)
        (self.run_folder / "dataplane.yaml").write_text(
            f"node: {self.name}\n"
            f"state_folder: {self.state_folder}/dataplane\n"
            f"control: unix:{self.socket}\n"
            f"cores:\n  workers: [{first}]\n  shards: [{last}]\n  control: {last}\n"
            f"ports:\n{ports}"
            f"exception:\n  tap: sluice0\n"
            f"memory:\n  buffers: 16384\n")
        (self.run_folder / "control.yaml").write_text(
            f"state_folder: {self.state_folder}/control\n"
            f"socket: {self.socket}\n"
            f"metrics: 127.0.0.1:7780\n")

    def start_control(self):
        if self.alive("control"):
            return
        self.popen("control", "dut", self.bin / "sluice-control", "--config", self.run_folder / "control.yaml")
        self.wait(lambda: self.sluice("status", check=False).returncode == 0, 15, "sluice-control", "control")

    def start_dataplane(self):
        if self.alive("dataplane"):
            return
        self.popen("dataplane", "dut", self.bin / "sluice-dataplane", "--config",
                   self.run_folder / "dataplane.yaml")
        if self.facts["nic"] == "tap":
            self.join_taps()
        self.wait(self.dataplane_connected, 30, "sluice-dataplane", "dataplane")

    def join_taps(self):
        """In tap mode each TAP that the data plane made is joined with its wire: the frames of the one
        leave by the other. A bridge would not do, for the kernel answers at it for its own addresses."""
        dut = self.namespace("dut")
        for port in ("wan", "lan"):
            self.wait(lambda p=port: run("ip", "-n", dut, "link", "show", f"tap{p}", check=False).returncode == 0,
                      15, f"the TAP of port {port}", "dataplane")
            self.exec("dut", "sysctl", "-qw", f"net.ipv6.conf.tap{port}.disable_ipv6=1")
            run("ip", "-n", dut, "link", "set", f"tap{port}", "up")
        chains = "".join(
            f'chain {here} {{ type filter hook ingress device "{here}" priority 0; fwd to "{there}"; }}; '
            for port in ("wan", "lan") for here, there in ((port, f"tap{port}"), (f"tap{port}", port)))
        self.exec("dut", "nft", f"table netdev wires {{}}; delete table netdev wires; table netdev wires {{ {chains} }}")

    def dataplane_connected(self):
        done = self.sluice("status", "-o", "json", check=False)
        if done.returncode != 0:
            return False
        with contextlib.suppress(ValueError):
            return any(n.get("connected") for n in json.loads(done.stdout).get("nodes", []))
        return False

    def wait(self, condition, seconds, what, log_key=None):
        deadline = time.monotonic() + seconds
        while not condition():
            dead = log_key and not self.alive(log_key)
            if dead or time.monotonic() > deadline:
                tail = f"; the end of its log:\n{self.log(log_key)}" if log_key else ""
                raise LabError(f"{what} {'ended' if dead else f'is not ready after {seconds} s'}{tail}")
            time.sleep(0.05)

    # -- the whole ---------------------------------------------------------------------------------
    def up(self, nic="af_xdp", daemons=True, state=None):
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: run it as root")
        if nic not in NIC_MODES:
            raise LabError(f"the lab has no NIC mode '{nic}': {', '.join(NIC_MODES)} reach its namespaces; "
                           "pci needs a device, memif, pcap, ring and null have no wire to it")
        if not self.is_up():
            self.down()
            self.run_folder.mkdir(parents=True, exist_ok=True)
            os.chmod(self.run_folder, 0o755)
            self.state_folder.mkdir(parents=True, exist_ok=True)
            os.chmod(self.state_folder, 0o700)
            self.facts = {"nic": nic, "processes": {}}
            self.save()
            try:
                self.raise_network()
                self.start_backends()
            except BaseException:
                self.down()
                raise
        if daemons:
            try:
                self.write_configs()
                self.start_control()
                self.start_dataplane()
                if state:
                    self.sluice("apply", "-f", state)
            except BaseException:
                if "-v" in sys.argv:
                    print(self.log("control"), self.log("dataplane"), file=sys.stderr)
                self.down()
                raise

    def down(self):
        """Takes everything of this lab away, whatever is left of it."""
        for key in list(self.facts["processes"]):
            self.end(key)
        for backend in BACKENDS:
            if pathlib.Path(f"/run/netns/{self.namespace(backend)}").exists():
                self.exec(backend, ROOT / "scripts/backend", "down", "--dev", "eth0", check=False)
        for namespace in self.namespaces:
            if pathlib.Path(f"/run/netns/{namespace}").exists():
                run("ip", "netns", "delete", namespace, check=False)
        shutil.rmtree(self.run_folder, ignore_errors=True)
        shutil.rmtree(self.state_folder, ignore_errors=True)

    def status(self):
        return {
            "name": self.name,
            "up": self.is_up(),
            "nic": self.facts["nic"],
            "namespaces": {h: self.namespace(h) for h in HOSTS},
            "control_socket": str(self.socket),
            "pid.dataplane": self.alive("dataplane"),
            "pid.control": self.alive("control"),
            "pids": {k: self.alive(k) for k in self.facts["processes"]},
            "state_folder": str(self.state_folder),
            "log_folder": str(self.run_folder),
        }
