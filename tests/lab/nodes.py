"""Data planes of a test's own beside the lab's, from the port files of nic-configs/: each alone with a file
of documents, in the namespace dut."""

import contextlib
import json

import yaml
from conftest import ROOT, eventually

CONFIGS = ROOT / "nic-configs"


class Node:
    """A data plane from nic-configs/MODE, its first port changed by `port`, with more `ports`, or any other
    field of its configuration."""

    def __init__(self, lab, key, mode, state="", port=None, ports=(), **fields):
        self.lab, self.key = lab, key
        config = yaml.safe_load((CONFIGS / mode / "port.yaml").read_text())
        config["ports"][0].update(port or {})
        config["ports"] += list(ports)
        config["state_folder"] = str(lab.state_folder / key)
        config["memory"] = {"buffers": 8192, "megabytes": 128}
        config.pop("control")
        self.state_file = lab.run_folder / f"{key}-state.yaml"
        self.state_file.write_text(state)
        config["desired_state"] = str(self.state_file)
        config.update(fields)
        self.config = config
        self.config_file = lab.run_folder / f"{key}-node.yaml"
        self.write()

    def write(self):
        self.config_file.write_text(json.dumps(self.config))  # JSON is YAML

    @property
    def command(self):
        return [self.lab.bin / "sluice-dataplane", "--config", self.config_file]

    def start(self):
        self.lab.popen(self.key, "dut", *self.command)
        eventually(lambda: "running" in self.log() or not self.lab.alive(self.key), 20, f"{self.key} starts")
        assert self.lab.alive(self.key), self.log()
        return self

    def end(self):
        """In order, by SIGTERM."""
        assert self.lab.end(self.key), self.log()

    def log(self):
        with contextlib.suppress(OSError):
            return (self.lab.run_folder / f"{self.key}.log").read_text()
        return ""

    def refusal(self, seconds=30):
        """The last line of what a start that must fail says."""
        done = self.lab.exec("dut", *self.command, check=False, timeout=seconds)
        assert done.returncode == 1, done.stdout
        return done.stdout.strip().splitlines()[-1]


def port(name, mode, device="", **fields):
    """A further port of a configuration."""
    return {"name": name, "mode": mode, "device": device, "queues": 1, **fields}


def documents(*documents):
    """A desired state of (kind, name, spec)."""
    return yaml.safe_dump_all([{"kind": k, "name": n, "spec": s} for k, n, s in documents])
