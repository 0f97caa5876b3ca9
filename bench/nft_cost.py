"""What kernel nftables takes to find that no rule is met. Runs in a network namespace of its own (unshare
-n) and prints {number of rules: [nanoseconds a packet, ...]}, beyond what the packet costs without rules.

Packets are written into a TUN device, which runs them through the kernel at once; they end in a chain that
drops all. Time is processor time, and a round measures every rule set in turn."""

import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
END = """table inet end {
  chain end {
    type filter hook prerouting priority 10; policy drop;
  }
}
"""


def packet(r):
    """UDP from where the rules look to a port that none of them has."""
    source, destination = 0x0A000000 | r.randrange(1 << 24), 0xAC100001 | r.randrange(256) << 8
    udp = struct.pack("!4H", 5000, r.randrange(1, 1024), 30, 0) + bytes(22)
    head = struct.pack("!2B3H2BHII", 0x45, 0, 50, 0, 0, 64, 17, 0, source, destination)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + udp


def load(rules):
    text = "flush ruleset\n" + rules.replace("hook forward", "hook prerouting") + END
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def cost(device, packets, count):
    began = time.process_time_ns()
    for i in range(count):
        os.write(device, packets[i % len(packets)])
    return (time.process_time_ns() - began) / count


def main():
    program, rounds, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rule_sets = {n: subprocess.run([program, "--rules", str(n)], stdout=subprocess.PIPE, text=True, check=True).stdout
                 for n in (10, 100, 1000)}
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"cost", IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", "cost", "up"], check=True)
    subprocess.run(["ip", "address", "add", "198.18.0.1/24", "dev", "cost"], check=True)
    packets = [packet(random.Random(i)) for i in range(64)]
    costs = {n: [] for n in rule_sets}
    for _ in range(rounds):
        load("")
        cost(device, packets, 100)
        bare = cost(device, packets, count)
        for n, rules in rule_sets.items():
            load(rules)
            costs[n].append(cost(device, packets, max(200, count * 10 // (10 + n))) - bare)
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
