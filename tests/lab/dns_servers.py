"""Knot and NSD on the loopback with the zones of a test, and our own packet path beside them."""

import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
UDP, UDP6, TCP = 0, 1, 2
UDP_SIZE = 4096


def free_port():
    """A port that is free for UDP and TCP on the loopback."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Daemon:
    """A name server process that listens on 127.0.0.1; ended by its own process id."""

    def __init__(self, folder, zones):
        self.port = free_port()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        command = self.configure(zones)
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", self.port))

    def wait_until_serving(self, origin):
        """Asks for the SOA until it is answered with authority."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in origin.rstrip(".").split(".") if label)
        question = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 6, 1)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            answer = self.ask(question, seconds=0.2)
            if answer and answer[2] & 4 and answer[3] & 15 == 0:
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not serve {origin}: " + (self.folder / "log").read_text())

    def ask(self, query, transport=UDP, seconds=2.0):
        """The answer's bytes, or None."""
        if transport == TCP:
            return self._ask_tcp(query, seconds)
        self.socket.settimeout(seconds)
        try:
            self.socket.send(query)
            while True:
                answer = self.socket.recv(65535)
                if answer[:2] == query[:2]:
                    return answer
        except OSError:
            return None

    def _ask_tcp(self, query, seconds):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as tcp:
                tcp.sendall(struct.pack("!H", len(query)) + query)
                stream = tcp.makefile("rb")
                head = stream.read(2)
                return stream.read(struct.unpack("!H", head)[0]) if len(head) == 2 else None
        except OSError:
            return None

    def stop(self):
        self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Knot(Daemon):
    name = "Knot"

    def configure(self, zones):
        lines = ["server:", f"    listen: 127.0.0.1@{self.port}", f"    rundir: {self.folder}",
                 f"    udp-max-payload: {UDP_SIZE}", "    udp-workers: 1", "    tcp-workers: 1",
                 "    background-workers: 1",
                 "database:", f"    storage: {self.folder}",
                 "template:", "  - id: default", "    semantic-checks: off", "    zonefile-sync: -1",
                 "    journal-content: none", "zone:"]
        for origin, file in zones.items():
            lines += [f"  - domain: \"{origin}\"", f"    file: {file}"]
        config = self.folder / "knot.conf"
        config.write_text("\n".join(lines) + "\n")
        return [shutil.which("knotd") or "/usr/sbin/knotd", "-c", str(config)]


class Nsd(Daemon):
    name = "NSD"

    def configure(self, zones):
        lines = ["server:", f"  ip-address: 127.0.0.1@{self.port}", f"  port: {self.port}", "  server-count: 1",
                 "  username: \"\"", "  chroot: \"\"", "  database: \"\"", f"  zonesdir: \"{self.folder}\"",
                 f"  pidfile: \"{self.folder}/nsd.pid\"", f"  zonelistfile: \"{self.folder}/zone.list\"",
                 f"  xfrdfile: \"{self.folder}/xfrd.state\"", f"  xfrdir: \"{self.folder}\"",
                 "  minimal-responses: no", "  rrl-ratelimit: 0", "  refuse-any: yes",
                 f"  ipv4-edns-size: {UDP_SIZE}",
                 "remote-control:", "  control-enable: no"]
        for origin, file in zones.items():
            lines += ["zone:", f"  name: \"{origin}\"", f"  zonefile: \"{file}\""]
        config = self.folder / "nsd.conf"
        config.write_text("\n".join(lines) + "\n")
        return [shutil.which("nsd") or "/usr/sbin/nsd", "-d", "-c", str(config)]


class Ours:
    """tests/support/dns_oracle: our packet path, without a network."""

    name = "Sluice"

    def __init__(self, zones):
        program = pathlib.Path(os.environ.get("DNS_ORACLE", ROOT / "build/release/tests/support/dns_oracle"))
        self.process = subprocess.Popen([program, *(f"{o}={f}" for o, f in zones.items())],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, query, transport=UDP):
        self.process.stdin.write(struct.pack("!BH", transport, len(query)) + query)
        self.process.stdin.flush()
        head = self.process.stdout.read(2)
        assert len(head) == 2, "dns_oracle has ended"
        return self.process.stdout.read(struct.unpack("!H", head)[0]) or None

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Servers:
    """All three over the same zones: {origin: file}."""

    def __init__(self, folder, zones):
        self.running = []
        try:
            for make in (lambda: Ours(zones), lambda: Knot(pathlib.Path(folder) / "knot", zones),
                         lambda: Nsd(pathlib.Path(folder) / "nsd", zones)):
                self.running.append(make())
            self.ours, self.knot, self.nsd = self.running
            for daemon in (self.knot, self.nsd):
                for origin in zones:
                    daemon.wait_until_serving(origin)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for server in self.running:
            server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
