"""Kernel nftables between two TUN devices, in a network namespace that ends with its process. Writing a
packet into a TUN device runs it through the kernel at once, so what can be read behind the write is all
that came of it.

Started as a program it serves requests: a line of JSON {rules, packets: [[port, hex]]} in, a line of
JSON {out: [[[port, hex]]], counters} or {error} out."""

import fcntl
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NETS = {"wan": ("198.18.0.1/32", "2001:2::1/128", "10.0.0.0/8", "2001:db8:a::/48"),
        "lan": ("198.18.1.1/32", "2001:2:0:1::1/128", "172.16.0.0/12", "2001:db8:b::/48")}


class Client:
    """The test's end."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "/usr/bin/python3", __file__], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, rules, packets):
        """(what came out of each packet as [(port, bytes)], counters as {named, own}); the connections of
        earlier runs are forgotten."""
        request = {"rules": rules, "packets": [[port, data.hex()] for port, data in packets]}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the kernel\'s side has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return [[(port, bytes.fromhex(h)) for port, h in out] for out in answer["out"]], answer["counters"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def run(*command, data=None):
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def open_tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def setting(name, value):
    pathlib.Path("/proc/sys/net", name).write_text(value)


def settle():
    """Devices, addresses and routes; no limit on errors, no traffic of the kernel's own."""
    for where in ("all", "default"):
        setting(f"ipv4/conf/{where}/rp_filter", "0")
        setting(f"ipv6/conf/{where}/accept_ra", "0")
        setting(f"ipv6/conf/{where}/forwarding", "1")
    setting("ipv6/conf/default/addr_gen_mode", "1")
    setting("ipv4/ip_forward", "1")
    setting("ipv4/icmp_ratemask", "0")
    setting("ipv6/icmp/ratemask", "\n")
    run("ip", "link", "set", "lo", "up")
    devices = {name: open_tun(name) for name in NETS}
    for name, (own4, own6, *behind) in NETS.items():
        run("ip", "link", "set", name, "up")
        run("ip", "address", "add", own4, "dev", name)
        run("ip", "address", "add", own6, "dev", name, "nodad")
        for prefix in behind:
            run("ip", "route", "add", prefix, "dev", name)
    return devices


def forget_connections():
    """An IPCTNL_MSG_CT_DELETE that names none deletes all."""
    request, acknowledge, kind = 1, 4, 1 << 8 | 2
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        netlink.send(struct.pack("=IHHII", 20, kind, request | acknowledge, 1, 0) + bytes(4))
        error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise RuntimeError(f"flush of connections: {os.strerror(error)}")


def read_all(devices):
    out = []
    for name, device in devices.items():
        while True:
            try:
                packet = os.read(device, 65535)
            except BlockingIOError:
                break
            if packet[0] >> 4 == 6 and packet[24] == 0xFF:  # the kernel's own report of its groups
                continue
            out.append([name, packet.hex()])
    return out


def counters():
    """Of counters by name, and of each rule's own in the order in which they stand, by chain."""
    named, chains = {}, {}
    for item in json.loads(run("nft", "-j", "list", "ruleset"))["nftables"]:
        if "counter" in item:
            named[item["counter"]["name"]] = [item["counter"]["packets"], item["counter"]["bytes"]]
        elif "chain" in item:
            chains.setdefault((item["chain"]["table"], item["chain"]["name"]), [])
        elif "rule" in item:
            rule = item["rule"]
            own = [e["counter"] for e in rule["expr"] if isinstance(e.get("counter"), dict)]
            chains[rule["table"], rule["chain"]] += [[c["packets"], c["bytes"]] for c in own]
    return {"named": named, "own": [c for chain in chains.values() for c in chain]}


def answer(request, devices):
    run("nft", "flush", "ruleset")
    forget_connections()
    run("nft", "-f", "-", data=request["rules"])
    read_all(devices)
    out = []
    for port, packet in request["packets"]:
        os.write(devices[port], bytes.fromhex(packet))
        out.append(read_all(devices))
    return {"out": out, "counters": counters()}


def main():
    devices = settle()
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), devices)
        except (RuntimeError, OSError) as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
