"""The tour of scripts/run: every capability used by a real client of the lab, its output shown, and a
tick or a cross for each."""

import argparse
import re
import signal
import sys
import tempfile
import time

import lab as lab_module
from load import Load

STATE = lab_module.ROOT / "control/examples/lab.yaml"
DNS4, DNS6 = "198.18.100.53", "2001:2:0:100::53"
WEB4, WEB6 = "198.18.100.80", "2001:2:0:100::80"
BOLD, GREEN, RED, PLAIN = "\033[1m", "\033[32m", "\033[31m", "\033[0m"


class Tour:
    def __init__(self, lab):
        self.lab = lab
        self.held = self.broken = 0

    def step(self, title, *commands, expect):
        """Runs commands of (host or 'sluice', words...), shows them with their output, and judges all the
        output together by expect(text) -> bool."""
        shown = []
        for where, *words in commands:
            if where == "sluice":
                done = self.lab.sluice(*words, check=False)
                shown.append(f"$ sluice {' '.join(map(str, words))}")
            else:
                done = self.lab.exec(where, *words, check=False)
                shown.append(f"{where}$ {' '.join(map(str, words))}")
            shown.append((done.stdout or "").rstrip())
        self.judge(title, "\n".join(shown), expect)

    def judge(self, title, text, expect):
        try:
            good = bool(expect(text))
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the step's result
            good, text = False, f"{text}\n{type(error).__name__}: {error}"
        self.held += good
        self.broken += not good
        mark = f"{GREEN}✓{PLAIN}" if good else f"{RED}✗{PLAIN}"
        print(f"{mark} {BOLD}{title}{PLAIN}")
        lines = text.splitlines()
        for line in lines if len(lines) <= 30 else lines[:27] + ["..."] + lines[-2:]:
            print(f"    {line}")
        sys.stdout.flush()

    # -- steps -------------------------------------------------------------------------------------
    def names(self):
        dig = ("dig", "+tries=2", "+time=2", "+noall", "+answer", "+comments")
        for title, server, name, kind, wanted in (
                ("DNS: an IPv4 address, answered by a poll core", DNS4, "www.example.test", "A", WEB4),
                ("DNS: an IPv6 address, asked over IPv6", DNS6, "www.example.test", "AAAA", WEB6),
                ("DNS: an alias, with what it points at", DNS4, "alias.example.test", "A", "CNAME"),
                ("DNS: a name that does not exist", DNS4, "nothing.example.test", "A", "NXDOMAIN")):
            self.step(title, ("client", *dig, f"@{server}", name, kind), expect=lambda t, w=wanted: w in t)
        self.step("DNS over TCP: through the exception path to an io_uring shard",
                  ("client", *dig, "+tcp", f"@{DNS4}", "www.example.test", "A"), expect=lambda t: WEB4 in t)

    def web(self):
        for family, address in (("IPv4", WEB4), ("IPv6", f"[{WEB6}]")):
            command = ("client", "sh", "-c", f"for i in $(seq 24); do curl -sgm 3 http://{address}/; done | sort | uniq -c")
            self.step(f"Balancer: service web over {family} reaches all three backends", command,
                      expect=lambda t: all(b in t for b in lab_module.BACKENDS))
        self.step("Balancer: direct server return", ("client", "curl", "-sm", "3", "http://198.18.100.81:8080/"),
                  expect=lambda t: any(t.rstrip().endswith(b) for b in lab_module.BACKENDS))
        self.step("Balancer: full NAT, backends see an address of Sluice's",
                  ("client", "curl", "-sm", "3", "http://198.18.100.86/"),
                  ("client", "curl", "-sgm", "3", "http://[2001:2:0:100::86]/"),
                  expect=lambda t: sum(t.count(f"{b}\n") + t.endswith(b) for b in lab_module.BACKENDS) >= 2)
        self.step("Balancer: IP in IP and GUE to backends that answer directly",
                  ("client", "curl", "-sm", "3", "http://198.18.100.84:8080/"),
                  ("client", "curl", "-sgm", "3", "http://[2001:2:0:100::85]:8080/"),
                  expect=lambda t: sum(t.count(f"{b}\n") + t.endswith(b) for b in lab_module.BACKENDS) >= 2)
        echo = ("import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.settimeout(3)\n"
                "s.sendto(b'hello',('198.18.100.82',7))\nprint(s.recvfrom(99))")
        self.step("Balancer: UDP service echo", ("client", "/usr/bin/python3", "-c", echo),
                  expect=lambda t: "(b'hello', ('198.18.100.82', 7))" in t)

    def wait_for_health(self, backend, wanted):
        """Waits until the checks of web say so of every address of a backend; the lines that say it."""
        deadline = time.monotonic() + 20
        while True:
            shown = self.lab.sluice("describe", "service", "web", check=False).stdout
            lines = [line for line in shown.splitlines() if line.startswith(f"{backend} ")]
            if (lines and all(line.split()[2] == wanted for line in lines)) or time.monotonic() > deadline:
                return "\n".join(lines)
            time.sleep(0.2)

    def health(self):
        """A backend's server dies and comes back; clients do not notice once it is found out."""
        self.wait_for_health("be2", "healthy")
        self.lab.end("be2", signal.SIGKILL)
        dead = self.wait_for_health("be2", "unhealthy")
        shown = self.lab.sluice("get", "services", check=False).stdout
        answers = self.lab.exec("client", "sh", "-c", f"for i in $(seq 24); do curl -sm 3 http://{WEB4}/ || echo none; "
                                "done | sort | uniq -c", check=False).stdout
        self.lab.start_backend("be2")
        alive = self.wait_for_health("be2", "healthy")
        self.judge("Health: a backend that dies gets no more connections, and is back when it lives",
                   f"$ sluice describe service web  # be2's server was killed\n{dead}\n$ sluice get services\n{shown}"
                   f"client$ for i in $(seq 24); do curl http://{WEB4}/; done | sort | uniq -c\n{answers}"
                   f"$ sluice describe service web  # it was started again\n{alive}",
                   lambda _: dead.count("unhealthy") == 2 and "2/3" in shown and alive.count(" healthy") == 2
                   and "be1" in answers and "be3" in answers and "be2" not in answers and "none" not in answers)

    def telnet_counter(self):
        return self.lab.counter("firewall_counter_packets_total", counter="telnet-alt")

    def firewall(self):
        before = self.telnet_counter()
        probe = self.lab.exec("client", "curl", "-sS", "--connect-timeout", "2", "telnet://198.18.1.11:2323", check=False)
        time.sleep(1.5)  # counters are reported every second
        after = self.telnet_counter()
        self.judge("Firewall: TCP port 2323 is dropped, and the counter says so",
                   f"client$ curl --connect-timeout 2 telnet://198.18.1.11:2323\n{probe.stdout.rstrip()}\n"
                   f"counter telnet-alt: {before} packets before, {after} after",
                   lambda _: probe.returncode == 28 and after > before)

    def routing(self):
        self.step("Routing: through both ports, and an echo of our own",
                  ("client", "ping", "-c", "2", "-i", "0.2", "-W", "2", "198.18.1.12"),
                  ("client", "ping", "-c", "2", "-i", "0.2", "-W", "2", "2001:2::1"),
                  expect=lambda t: t.count(" 0% packet loss") == 2)

    def look(self):
        self.step("Operator: what is configured", ("sluice", "get", "services"), ("sluice", "get", "firewalls"),
                  expect=lambda t: "web" in t and "echo" in t)
        self.step("Operator: status", ("sluice", "status"), expect=lambda t: "applied" in t)
        self.trace()
        self.why()

    def why(self):
        self.step("Operator: why a packet would go where it goes, asked of the live tables",
                  ("sluice", "why", "udp", "198.18.0.2:5000", f"{DNS4}:53"),
                  ("sluice", "why", "tcp", "198.18.0.2:5000", f"{WEB4}:80"),
                  ("sluice", "why", "tcp", "198.18.0.2:5000", "198.18.1.11:2323"),
                  expect=lambda t: "zone example.test" in t and "chosen by Maglev" in t and "dropped, rule edge:" in t)
        self.step("Operator: the live tables of the workers",
                  ("sluice", "get", "flows", "--limit", "3"), ("sluice", "get", "neighbours"),
                  expect=lambda t: "web" in t and "198.18.1.11" in t)

    def trace(self):
        """Traces packets while a client makes some."""
        client = self.lab.popen("tracee", "client", "sh", "-c",
                                f"for i in 1 2 3 4 5 6 7 8; do dig +tries=1 +time=1 @{DNS4} www.example.test; sleep 0.3; done")
        self.step("Operator: trace shows what each stage decided",
                  ("sluice", "trace", "--dport", "53", "-n", "1"), expect=lambda t: "answered" in t)
        self.lab.end("tracee")
        del client

    def change_under_load(self):
        """Backends drained and weights changed while clients make new connections all the time."""
        with Load(self.lab, f"http://{WEB4}/", f"http://[{WEB6}]/", f"dns://{DNS4}/www.example.test") as load:
            time.sleep(1)
            applied = []
            for weights in ((1, 0, 1), (3, 1, 1), (1, 1, 0), (1, 1, 1)):
                with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=STATE.parent) as file:
                    file.write(reweighted(STATE.read_text(), weights))
                    file.flush()
                    done = self.lab.sluice("apply", "-f", file.name, check=False)
                applied.append(f"weights {weights}: {done.stdout.strip().splitlines()[-1] if done.stdout else ''}")
                time.sleep(0.7)
        text = "\n".join([*applied, *load.report()])
        self.judge("Change: four configurations under load, no request lost", text,
                   lambda _: load.requests > 100 and load.failures == 0)
        done = self.lab.sluice("history", check=False)
        self.judge("Change: the history knows them", f"$ sluice history\n{done.stdout.rstrip()}",
                   lambda t: len(t.splitlines()) > 5)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=STATE.parent) as file:
            file.write(reweighted(STATE.read_text(), (1, 0, 1)))
            file.flush()
            done = self.lab.sluice("diff", "-f", file.name, check=False)
        self.judge("Change: a dry run tells what share of a table and how many flows it would move",
                   f"$ sluice diff -f drained.yaml\n{done.stdout.rstrip()}",
                   lambda t: "% of 65537 slots move" in t and "are let finish" in t)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("kind: Service\nname: web\nspec:\n  addresses: [198.18.100.80]\n  port: eighty\n")
            file.flush()
            done = self.lab.sluice("apply", "-f", file.name, check=False)
        self.judge("Change: a bad one is refused with its line, and changes nothing",
                   f"$ sluice apply -f bad.yaml\n{done.stdout.rstrip()}",
                   lambda t: done.returncode == 1 and ":5:" in t)

    def books(self):
        time.sleep(1.5)
        done = self.lab.exec("dut", "curl", "-sm", "3", "http://127.0.0.1:7780/metrics", check=False)
        totals = {}
        for line in (done.stdout or "").splitlines():
            name = line.split("{")[0].split(" ")[0]
            if name.startswith("sluice_packets_"):
                totals[name] = totals.get(name, 0) + float(line.rsplit(" ", 1)[1])
        text = "\n".join(f"{name} {value:.0f}" for name, value in sorted(totals.items()))
        gone = sum(v for n, v in totals.items() if any(
            n == f"sluice_packets_{w}" for w in ("sent_total", "answered_total", "punted_total", "dropped_total", "held")))
        self.judge("Metrics: the books balance (received = sent + answered + punted + held + dropped)",
                   f"dut$ curl http://127.0.0.1:7780/metrics\n{text}",
                   lambda _: totals["sluice_packets_received_total"] == gone and gone > 0)

    def run(self):
        for part in (self.names, self.web, self.firewall, self.routing, self.look, self.health,
                     self.change_under_load, self.books):
            part()
        return self.broken == 0


def reweighted(text, weights):
    """lab.yaml with other weights for the backends of service web."""
    documents = text.split("\n---")
    for i, document in enumerate(documents):
        if re.search(r"^kind: Service\nname: web$", document, re.M):
            for backend, weight in zip(lab_module.BACKENDS, weights):
                document = re.sub(rf"(name: {backend}\b)(,?)(\n *)?",
                                  lambda m, w=weight: f"{m[1]}, weight: {w}{m[2]}{m[3] or ''}" if m[2]
                                  else f"{m[1]}{m[3]}weight: {w}{m[3]}", document, count=1)
            documents[i] = document
    return "\n---".join(documents)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--nic", default="af_xdp")
    parser.add_argument("--name", default="sluice")
    options = parser.parse_args()
    lab = lab_module.Lab(options.name)
    if lab.is_up():
        print(f"scripts/run: lab {lab.name} is up already; scripts/lab down --name {lab.name} ends it", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(f"{BOLD}==> lab {lab.name} up, NIC mode {options.nic}{PLAIN}", flush=True)
        lab.up(options.nic)
        tour = Tour(lab)
        tour.step("Apply: the desired state of the lab", ("sluice", "apply", "-f", STATE), expect=lambda t: "revision" in t)
        good = tour.run()
        print(f"\n{BOLD}{tour.held} steps held, {tour.broken} broke{PLAIN}", flush=True)
        if not options.once:
            stay(lab)
    finally:
        lab.down()
        print(f"lab {lab.name} is down", flush=True)
    return 0 if good else 1


def stay(lab):
    print(f"""
The lab stays up until Ctrl-C. To try, in another terminal:
  scripts/lab exec client dig @{DNS4} www.example.test
  scripts/lab exec client curl http://{WEB4}/
  scripts/lab sluice get services
  scripts/lab sluice trace --dport 80 -n 5
  scripts/lab sluice why tcp 198.18.0.2:5000 {WEB4}:80
  scripts/lab exec dut curl http://127.0.0.1:7780/metrics
Logs are in {lab.run_folder}.""", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lab_module.LabError as error:
        print(f"scripts/run: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
