"""scripts/pktgen: the throughput search, on a device whose limit is known and on the data plane itself."""

import json
import subprocess

import pytest
from conftest import ROOT
from rfc2544 import Search


class Device:
    """Forwards up to a rate and loses what is above it."""

    def __init__(self, limit, offers):
        self.limit, self.offers, self.sizes = limit, offers, []

    def trial(self, size, rate, seconds):
        self.sizes.append(size)
        offered = int(min(rate or self.offers, self.offers) * seconds)
        return {"size": size, "offered": offered, "received": min(offered, int(self.limit * seconds)), "seconds": seconds,
                "refused": 0}


@pytest.mark.parametrize(("limit", "offers", "link", "expected"), [
    (123_456, 1_000_000, 0, 123_456),  # the device is the limit
    (2_000_000, 1_000_000, 0, 1_000_000),  # the tester is
    (2_000_000, 1_000_000, 100, 100e6 / (8 * 84)),  # the link is
    (0, 1_000_000, 0, 0)])  # nothing gets through
def test_the_search_ends_below_the_limit(limit, offers, link, expected):
    search = Search(Device(limit, offers), seconds=1, precision=1, loss=0)
    rate, ceiling = search.highest(64, link)
    assert expected - 0.01 * ceiling <= rate <= expected + 1
    assert len(search.trials) <= 10
    assert all(t["held"] == (t["lost"] == 0) for t in search.trials)


@pytest.mark.parametrize("nic", ["af_packet", "memif"])
def test_a_data_plane_is_measured(nic, tmp_path):
    report = tmp_path / "report.json"
    search = subprocess.Popen([ROOT / "scripts/pktgen", "throughput", "--nic", nic, "--sizes", "64,1518", "--seconds", "0.2",
                               "--precision", "20", "--json", report], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    output, _ = search.communicate(timeout=600)
    assert search.returncode == 0, output
    results = json.loads(report.read_text())["results"]
    assert [r["frame_bytes"] for r in results] == [64, 1518]
    trials = [t for r in results for t in r["trials"]]
    assert trials and all(0 <= t["received"] <= t["offered"] for t in trials)
    assert any(t["received"] for t in trials), "nothing came through the data plane"
    assert f"rfc{search.pid}-" not in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout


@pytest.mark.parametrize(("words", "says"), [
    (("--nic", "null"), "invalid choice"), (("--sizes", "63"), "64 to 1518"), (("--tx", "af_packet:eth0"), "go together"),
    (("--seconds", "0"), "above 0")])
def test_wrong_use_is_told(words, says):
    done = subprocess.run(["/usr/bin/python3", ROOT / "scripts/lib/rfc2544.py", *words], text=True, capture_output=True)
    assert done.returncode == 2 and says in done.stderr
