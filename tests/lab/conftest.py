"""Fixtures of the lab tests: labs of this test run, by name, taken down whatever happens."""

import os
import pathlib
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
import lab as lab_module  # noqa: E402

STATE = ROOT / "control/examples/lab.yaml"


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="makes network namespaces: needs root"))


def raised(name, **keywords):
    lab = lab_module.Lab(f"{name}{os.getpid()}")
    lab.up(state=STATE, **keywords)
    return lab


@pytest.fixture(scope="module")
def lab():
    """A lab with the example state, shared by the tests of a file."""
    lab = raised("t")
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def network():
    """Wires and backends without daemons, for tests that start data planes of their own."""
    lab = lab_module.Lab(f"n{os.getpid()}")
    lab.up(daemons=False)
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def fresh_lab():
    """A lab of its own for a test that ends daemons."""
    lab = raised("f")
    try:
        yield lab
    finally:
        lab.down()


def read_metrics(lab):
    """Every sample of /metrics: {"name{labels}": value}."""
    done = lab.exec("dut", "curl", "-sfm", "5", "http://127.0.0.1:7780/metrics")
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in done.stdout.splitlines() if line and not line.startswith("#")}


def total(metrics, name):
    """Sum over the labels of one metric."""
    return sum(v for k, v in metrics.items() if k == name or k.startswith(name + "{"))


def eventually(condition, seconds=10.0, what="the condition"):
    """Waits for a condition that another process brings about."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.1)
