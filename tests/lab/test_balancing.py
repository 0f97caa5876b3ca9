"""Schedulers, draining with an end, and the preview of changes, with real connections held open."""

import collections
import json
import pathlib
import re
import signal
import time

import pytest
from conftest import STATE, eventually
from lab import BACKENDS

ASKING = pathlib.Path(__file__).with_name("asking.py")
WEB, DIRECT, FULL = "198.18.100.80", "198.18.100.81", "198.18.100.86"


def document(name, **more):
    """The service of lab.yaml of this name, with fields added to its spec."""
    [text] = [d for d in STATE.read_text().split("\n---\n") if re.search(rf"^kind: Service\nname: {name}$", d, re.M)]
    return text.rstrip() + "".join(f"\n  {key}: {value}" for key, value in more.items()) + "\n"


def with_weights(text, *weights):
    for backend, weight in zip(BACKENDS, weights):
        text = re.sub(rf"(- {{?)name: {backend}\b(,?)(\n *)?",
                      lambda m, b=backend, w=weight: f"{m[1]}name: {b}, weight: {w}{m[2]}" if m[2]
                      else f"{m[1]}name: {b}{m[3]}weight: {w}{m[3]}", text)
    return text


def run(lab, verb, text, *options):
    file = STATE.parent / f".{lab.name}-balancing.yaml"
    file.write_text(text)
    try:
        return lab.sluice(verb, "-f", file, *options, check=False)
    finally:
        file.unlink()


def apply(lab, text, *options):
    done = run(lab, "apply", text, *options)
    assert done.returncode == 0, done.stdout
    return done


class Connections:
    """`with Connections(lab, n, host, port) as held:` they ask all the while; afterwards .result."""

    def __init__(self, lab, count, host=WEB, port=80, key="held"):
        self.lab, self.key, self.arguments = lab, key, (count, host, port)

    def __enter__(self):
        self.log = self.lab.run_folder / f"{self.key}.log"
        self.log.unlink(missing_ok=True)
        self.lab.popen(self.key, "client", "/usr/bin/python3", ASKING, *map(str, self.arguments))
        eventually(lambda: "held" in self.log.read_text(), 20, "the connections")
        return self

    def __exit__(self, *_):
        self.lab.end(self.key, signal.SIGTERM, 30)
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        self.result = json.loads(lines[-1]) if lines else {"broken": "no result: " + self.log.read_text()}


def answers(lab, count):
    return collections.Counter(lab.exec(
        "client", "sh", "-c", f"for i in $(seq {count}); do curl -sm 3 http://{WEB}/; done").stdout.split())


def forgotten(lab, service):
    """No flow of it is left, of those that are over neither."""
    rows = json.loads(lab.sluice("get", "flow-counts", "-o", "json").stdout)
    return all(int(row["flows"]) == 0 for row in rows if row["service"] == service)


def preview(lab, text):
    done = run(lab, "diff", text, "-o", "json")
    [change] = [c for c in json.loads(done.stdout)["changes"] if c["name"] == "web"]
    return change["preview"]


def test_held_connections_survive_every_change(lab):
    with (Connections(lab, 60) as held, Connections(lab, 20, DIRECT, 8080, "direct") as direct,
          Connections(lab, 20, FULL, key="full") as full):
        for scheduler in ("WEIGHTED_ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_HASH", "RANDOM_OF_TWO", "MAGLEV"):
            for weights in ((1, 0, 1), (5, 1, 1), (0, 0, 1), (1, 1, 1)):
                apply(lab, "---\n".join(with_weights(document(name, scheduler=scheduler), *weights)
                                        for name in ("web", "web-dsr", "web-full")))
                time.sleep(0.2)
    for one in (held.result, direct.result, full.result):
        assert one["broken"] == 0 and one["moved"] == 0, one
        assert len(one["backends"]) == 3 and one["asked"] > 100


def test_round_robin_takes_turns(lab):
    apply(lab, with_weights(document("web", scheduler="WEIGHTED_ROUND_ROBIN"), 3, 2, 1))
    try:
        assert answers(lab, 24) == {"be1": 12, "be2": 8, "be3": 4}
    finally:
        apply(lab, document("web"))


@pytest.mark.parametrize("service,address", [("web", WEB), ("web-full", FULL)])
def test_least_connections_goes_where_there_is_room(lab, service, address):
    apply(lab, document(service, scheduler="LEAST_CONNECTIONS"))
    eventually(lambda: forgotten(lab, service), 30, "the end of earlier connections")
    try:
        with Connections(lab, 60, address) as held:
            pass
        assert sorted(held.result["backends"].values()) == [20, 20, 20], held.result
    finally:
        apply(lab, document(service))


def test_source_hash_and_persistence_keep_a_client_at_a_backend(lab):
    try:
        for more in ({"scheduler": "SOURCE_HASH"},
                     {"scheduler": "WEIGHTED_ROUND_ROBIN", "persistence": "{timeout: 5m}"}):
            apply(lab, document("web", **more))
            assert len(answers(lab, 20)) == 1, more
    finally:
        apply(lab, document("web"))


def test_the_preview_counts_what_happens(lab):
    with Connections(lab, 30) as held:
        said = preview(lab, with_weights(document("web"), 1, 0, 1))
        rows = lab.sluice("get", "flow-counts").stdout
    assert held.result["broken"] == 0
    assert {t["family"] for t in said["tables"]} == {4, 6}
    for table in said["tables"]:
        assert 33.3 < table["least"] < 33.4 and table["least"] - 0.1 < table["moved"] < 36
    at_be2 = held.result["backends"]["be2"]
    assert said["flows"] >= 30 and said["flows_ended"] == 0
    assert at_be2 <= said["flows_draining"] <= said["flows"] - 30 + at_be2
    assert re.search(r"web +be2 +[1-9]", rows)
    text = run(lab, "apply", with_weights(document("web"), 1, 0, 1), "--dry-run").stdout
    assert "% of 65537 slots move" in text and "are let finish" in text


def test_max_disruption_refuses_and_can_be_overridden(lab):
    apply(lab, document("web", max_disruption=20))
    try:
        done = run(lab, "apply", with_weights(document("web", max_disruption=20), 1, 0, 1))
        assert done.returncode == 1 and "more than the 20 % allowed" in done.stdout
        assert "max_disruption" in run(lab, "diff", with_weights(document("web", max_disruption=20), 1, 0, 1)).stdout
        apply(lab, with_weights(document("web", max_disruption=20), 9, 10, 10))
        apply(lab, with_weights(document("web", max_disruption=50), 1, 0, 1))
    finally:
        apply(lab, document("web"))


def test_a_guarded_change_is_made_in_steps(lab):
    before, wanted = document("web", max_disruption=20), with_weights(document("web", max_disruption=20), 1, 1, 9)
    apply(lab, before)
    try:
        refused = run(lab, "apply", wanted)
        assert refused.returncode == 1 and "--stagger" in refused.stdout
        foreseen = apply(lab, wanted, "--dry-run", "--stagger", "1s").stdout
        assert run(lab, "diff", before).returncode == 0, "a dry run changes nothing"
        with Connections(lab, 60) as held:
            done = apply(lab, wanted, "--stagger", "1s", "-m", "more to be3").stdout
        assert held.result["broken"] == 0 and held.result["moved"] == 0, held.result
        steps = re.findall(r"^step (\d) of \d, revision \d+: Service/web: ([\d.]+) % of the table, ([\d.]+) % left", done, re.M)
        assert len(steps) >= 3 and all(0 < float(moved) <= 20 for _, moved, _ in steps), done
        assert float(steps[-1][2]) == 0 and "the whole change is in force" in done
        assert foreseen.count("step ") == len(steps)
        assert run(lab, "diff", wanted).returncode == 0, "the last state is the wanted one"
        history = lab.sluice("history", "-n", len(steps)).stdout
        assert all(f"more to be3 (step {n} of a staggered change)" in history for n, _, _ in steps)
    finally:
        apply(lab, document("web"))


def test_who_goes_is_drained_before(lab):
    text = document("web", max_disruption=20)
    apply(lab, text)
    try:
        without = re.sub(r"\n    - \{?name: be2\b.*(\n      .*)*", "", text)
        assert without != text
        done = apply(lab, without, "--stagger", "200ms").stdout
        assert done.count("step ") == 3 and "moves no table" in done
        assert run(lab, "diff", without).returncode == 0
    finally:
        apply(lab, document("web"))


def test_a_staggered_change_can_be_interrupted(lab):
    before, wanted = document("web", max_disruption=20), with_weights(document("web", max_disruption=20), 1, 1, 9)
    apply(lab, before)
    start = json.loads(lab.sluice("status", "-o", "json").stdout)["revision"]
    file = STATE.parent / f".{lab.name}-interrupted.yaml"
    file.write_text(wanted)
    try:
        lab.popen("apply", "dut", lab.bin / "sluice", "--control", lab.socket, "apply", "-f", file, "--stagger", "1h")
        log = lab.run_folder / "apply.log"
        eventually(lambda: "step 1" in log.read_text(), 10, "the first step")
        lab.end("apply", signal.SIGINT)
        said = log.read_text()
        assert "interrupted" in said and "The same command goes on" in said and f"sluice rollback {start}" in said
        assert "step 1 of 2" in apply(lab, wanted, "--stagger", "100ms").stdout
        assert run(lab, "diff", wanted).returncode == 0
        lab.sluice("rollback", start)
        assert run(lab, "diff", before).returncode == 0
    finally:
        file.unlink()
        apply(lab, document("web"))


def test_what_cannot_be_divided_is_refused_in_steps_too(lab):
    apply(lab, document("web", max_disruption=20))
    try:
        for options in ((), ("--dry-run",)):
            done = run(lab, "apply", document("web", max_disruption=20, table_size=4093), "--stagger", "1s", *options)
            assert done.returncode == 1 and "table_size moves" in done.stdout and "cannot be divided" in done.stdout
        assert run(lab, "apply", document("web"), "--stagger", "soon").returncode == 2
    finally:
        apply(lab, document("web"))


@pytest.mark.parametrize("service,address", [("web", WEB), ("web-full", FULL)])
def test_a_drain_ends_with_its_time(lab, service, address):
    drained = with_weights(document(service, drain_timeout="3s"), 1, 0, 1)
    with Connections(lab, 30, address) as held:
        apply(lab, drained)
        time.sleep(1.5)
        apply(lab, drained.replace("drain_timeout", "max_disruption: 100\n  drain_timeout"))  # does not begin anew
        time.sleep(3)
    apply(lab, document(service))
    gone = held.result["backends"]["be2"]
    assert gone > 0 and held.result["broken"] == gone and held.result["moved"] == 0, held.result
    assert all("be2: ConnectionResetError" in e for e in held.result["errors"]), held.result
    eventually(lambda: lab.counter("service_flows_ended_by_drain_total", service=service) == gone, 5, "the count")


def test_direct_return_is_forwarded_no_more_after_its_drain(lab):
    try:
        with Connections(lab, 12, DIRECT, 8080):
            apply(lab, with_weights(document("web-dsr", drain_timeout="1s"), 0, 1, 1))
            eventually(lambda: lab.counter("packets_dropped_total", reason="drain_over") > 0, 8, "drops")
    finally:
        apply(lab, document("web-dsr"))


@pytest.mark.parametrize("line,wanted", [
    ("scheduler: ROUND", "WEIGHTED_ROUND_ROBIN"), ("drain_timeout: soon", "30s"),
    ("max_disruption: 101", "100"), ("persistence: {prefix_v4: 33}", "32"),
])
def test_mistakes_are_named(lab, line, wanted):
    done = run(lab, "validate", document("web") + f"  {line}\n")
    assert done.returncode == 1 and wanted in done.stdout
