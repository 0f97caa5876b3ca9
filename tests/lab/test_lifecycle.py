"""Daemons that end, are killed, or are started where they cannot run."""

import contextlib
import os
import signal
import subprocess
import tempfile

import lab as lab_module
import pytest
from conftest import ROOT, STATE, eventually, raised

BIN = ROOT / "build/release/bin"


def answers_dns(lab):
    done = lab.exec("client", "dig", "+short", "+tries=1", "+time=1", "@198.18.100.53", "www.example.test", check=False)
    return "198.18.100.80" in done.stdout


def answers_web(lab):
    return lab.exec("client", "curl", "-sfm", "2", "http://198.18.100.80/", check=False).returncode == 0


def test_the_data_plane_serves_on_without_control_and_restarts_from_its_snapshot(fresh_lab):
    lab = fresh_lab
    os.kill(lab.alive("control"), signal.SIGKILL)
    assert answers_dns(lab) and answers_web(lab)
    restart_killed(lab)
    eventually(lambda: answers_dns(lab), 30, "answers from the last good snapshot")
    assert answers_web(lab)


def restart_killed(lab):
    """Kills the data plane and starts it at once, while the kernel still takes the old one's sockets away."""
    os.kill(lab.alive("dataplane"), signal.SIGKILL)
    lab.popen("dataplane", "dut", BIN / "sluice-dataplane", "--config", lab.run_folder / "dataplane.yaml")


@pytest.mark.parametrize("nic", ["af_xdp", "af_packet", "tap"])
def test_killed_and_started_at_once_again_and_again(nic):
    lab = raised("k", nic=nic)

    def back():
        with contextlib.suppress(lab_module.LabError):  # a TAP may still be the killed one's
            if nic == "tap":
                lab.join_taps()
            return answers_dns(lab) and answers_web(lab)

    try:
        for _ in range(4):
            restart_killed(lab)
            eventually(back, 30, "answers")
        assert lab.alive("dataplane"), lab.log("dataplane")
    finally:
        lab.down()


def test_control_killed_keeps_what_it_acknowledged(fresh_lab):
    lab = fresh_lab
    before = lab.sluice("history", "-o", "json").stdout
    os.kill(lab.alive("control"), signal.SIGKILL)
    lab.popen("control", "dut", BIN / "sluice-control", "--config", lab.run_folder / "control.yaml")  # at once
    eventually(lambda: lab.sluice("status", check=False).returncode == 0, 15, "the control daemon")
    assert lab.sluice("history", "-o", "json").stdout == before
    eventually(lab.dataplane_connected, 15, "the data plane dials again")
    assert lab.sluice("apply", "-f", STATE).returncode == 0


def test_sigterm_ends_in_order(fresh_lab):
    lab = fresh_lab
    for key in ("dataplane", "control"):
        pid = lab.alive(key)
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, lab.log(key)


def test_a_second_instance_is_refused(fresh_lab):
    lab = fresh_lab
    for binary, config in (("sluice-dataplane", "dataplane.yaml"), ("sluice-control", "control.yaml")):
        done = lab.exec("dut", BIN / binary, "--config", lab.run_folder / config, check=False, timeout=20)
        assert done.returncode == 1
        message = done.stdout.strip().splitlines()[-1]
        assert "already" in message or "another" in message or "in use" in message, done.stdout
    assert answers_dns(lab)


@pytest.mark.parametrize("change,wanted", [
    (("device: wan", "device: nosuch0"), "nosuch0"),
    (("mode: af_xdp", "mode: af_xpd"), "af_xpd"),
    (("workers: [", "workers: [999, "), "999"),
    (("state_folder:", "state_folder: /proc/nowhere #"), "/proc/nowhere"),
])
def test_a_machine_that_cannot_carry_it_gives_one_clear_line(fresh_lab, change, wanted):
    lab = fresh_lab
    lab.end("dataplane")
    text = (lab.run_folder / "dataplane.yaml").read_text()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text.replace(*change, 1))
        file.flush()
        done = lab.exec("dut", BIN / "sluice-dataplane", "--config", file.name, check=False, timeout=30)
    assert done.returncode in (1, 2), done.stdout
    assert wanted in done.stdout.strip().splitlines()[-1], done.stdout


@pytest.mark.parametrize("binary", ["sluice-dataplane", "sluice-control"])
def test_a_missing_configuration_is_named(binary):
    done = subprocess.run([BIN / binary, "--config", "/nonexistent.yaml"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=20)
    assert done.returncode != 0 and "/nonexistent.yaml" in done.stdout
