"""The way of a change: applied under load without loss, refused with a line, remembered, taken back."""

import json
import pathlib
import time

import pytest
from conftest import ROOT, STATE
from load import Load
from tour import reweighted

URLS = ("http://198.18.100.80/", "http://[2001:2:0:100::80]/", "dns://198.18.100.53/www.example.test")


def apply_text(lab, text, *options, name="change.yaml"):
    """Applies text as a file beside lab.yaml, so that the zone's path holds; gives the finished command."""
    file = STATE.parent / f".{lab.name}-{name}"
    file.write_text(text)
    try:
        return lab.sluice("apply", "-f", file, *options, check=False)
    finally:
        file.unlink()


def revision(lab):
    return json.loads(lab.sluice("status", "-o", "json").stdout)["revision"]


def test_changes_under_load_lose_nothing(lab):
    with Load(lab, *URLS) as load:
        for weights in ((1, 0, 1), (5, 1, 1), (0, 1, 0), (1, 1, 1)) * 5:
            assert apply_text(lab, reweighted(STATE.read_text(), weights)).returncode == 0
            time.sleep(0.1)
    assert load.requests > 300
    assert load.failures == 0, load.report()


def test_a_drained_backend_gets_no_new_connection(lab):
    assert apply_text(lab, reweighted(STATE.read_text(), (1, 0, 1))).returncode == 0
    answers = lab.exec("client", "sh", "-c", "for i in $(seq 30); do curl -sm 3 http://198.18.100.80/; done").stdout.split()
    assert set(answers) == {"be1", "be3"}
    assert apply_text(lab, STATE.read_text()).returncode == 0


def test_the_same_state_again_is_no_new_revision(lab):
    before = revision(lab)
    assert lab.sluice("apply", "-f", STATE).returncode == 0
    assert revision(lab) == before


def test_diff_says_what_would_change(lab):
    assert lab.sluice("diff", "-f", STATE, check=False).returncode == 0
    file = STATE.parent / f".{lab.name}-diff.yaml"
    file.write_text(reweighted(STATE.read_text(), (1, 7, 1)))
    try:
        done = lab.sluice("diff", "-f", file, check=False)
    finally:
        file.unlink()
    assert done.returncode == 1 and "weight" in done.stdout and "7" in done.stdout


def test_rollback_brings_the_old_state_back(lab):
    good = revision(lab)
    assert apply_text(lab, reweighted(STATE.read_text(), (9, 1, 1))).returncode == 0
    assert revision(lab) != good
    assert lab.sluice("rollback", good).returncode == 0
    services = lab.sluice("get", "service", "web", "-o", "json").stdout
    assert '"weight": 9' not in services and '"weight":9' not in services


def test_delete_and_apply_again(lab):
    assert lab.sluice("delete", "service", "echo").returncode == 0
    assert "echo" not in lab.sluice("get", "services").stdout
    assert lab.sluice("apply", "-f", STATE).returncode == 0
    assert "echo" in lab.sluice("get", "services").stdout


BAD = {
    "wrong type": ("kind: Service\nname: x\nspec:\n  addresses: [198.18.100.99]\n  port: eighty\n", 5),
    "unknown field": ("kind: Service\nname: x\nspec:\n  addresses: [198.18.100.99]\n  port: 80\n  bakends: []\n", 6),
    "unknown kind": ("kind: Servise\nname: x\nspec: {}\n", 1),
    "duplicate key": ("kind: Service\nname: x\nspec:\n  addresses: [198.18.100.99]\n  port: 80\n  port: 81\n", 6),
    "duplicate name": ("kind: Route\nname: a\nspec:\n  prefix: 203.0.113.0/24\n  via: 198.18.1.11\n---\n"
                       "kind: Route\nname: a\nspec:\n  prefix: 203.0.114.0/24\n  via: 198.18.1.11\n", 7),
    "bad address": ("kind: Service\nname: x\nspec:\n  addresses: [198.18.100.999]\n  port: 80\n", 4),
    "dangling reference": ("kind: Route\nname: r\nspec:\n  prefix: 203.0.113.0/24\n  port: nowhere\n", 5),
    "port out of range": ("kind: Service\nname: x\nspec:\n  addresses: [198.18.100.99]\n  port: 70000\n", 5),
    "rule syntax": ("kind: Firewall\nname: f\nspec:\n  rules: |\n    table inet f {\n      chain c {\n"
                    "        frobnicate\n      }\n    }\n", 7),
    "not YAML": ("kind: Service\nname: [x\nspec:\n", 3),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_state_is_refused_with_its_line_and_changes_nothing(lab, what):
    text, line = BAD[what]
    before = revision(lab)
    done = apply_text(lab, text, name="bad.yaml")
    assert done.returncode == 1, done.stdout
    assert f"bad.yaml:{line}:" in done.stdout, done.stdout
    assert revision(lab) == before


def test_every_mistake_is_said_not_only_the_first(lab):
    text = "kind: Service\nname: x\nspec:\n  addresses: [1.2.3]\n  port: 0\n  colour: red\n"
    done = apply_text(lab, text, name="bad.yaml")
    assert {f"bad.yaml:{n}:" for n in (4, 5, 6)} <= {w for w in (
        "bad.yaml:4:", "bad.yaml:5:", "bad.yaml:6:") if w in done.stdout}


def test_validate_needs_no_daemon(lab):
    done = lab.sluice("--control", "/nonexistent.sock", "validate", "-f", STATE, check=False)
    assert done.returncode == 0, done.stdout


def test_examples_of_the_documentation_load():
    assert pathlib.Path(ROOT / "control/examples/lab.yaml").exists()
