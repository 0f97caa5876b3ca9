"""Root is given up after start-up where `run_as` names a user: every thread, in each mode, and all that is
done later works without it."""

import os
import pathlib
import pwd
import time

import pytest
from conftest import eventually, raised
from test_early_drop import LISTED4, list_sources, lost
from test_lifecycle import answers_dns, answers_web

NOBODY = pwd.getpwnam("nobody").pw_uid
# capabilities(7): net_bind_service, net_admin, ipc_lock, bpf
KEPT = 1 << 10 | 1 << 12 | 1 << 14 | 1 << 39


@pytest.fixture(scope="module", params=["af_xdp", "af_packet", "tap"])
def unprivileged_lab(request):
    lab = raised("p", nic=request.param)
    try:
        lab.end("dataplane")
        config = lab.run_folder / "dataplane.yaml"
        config.write_text(config.read_text() + "run_as: nobody\n")
        os.chmod(lab.state_folder, 0o711)
        os.chown(lab.state_folder / "dataplane", NOBODY, -1)
        os.chmod(lab.socket, 0o666)  # as membership of the group "sluice" would give
        lab.start_dataplane()
        lab.exec("client", "ip", "address", "add", f"{LISTED4}/24", "dev", "eth0")
        yield lab
    finally:
        lab.down()


def threads_of(pid):
    """/proc/PID/task/*/status as dictionaries."""
    return [dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def test_no_thread_is_root(unprivileged_lab):
    threads = threads_of(unprivileged_lab.alive("dataplane"))
    assert len(threads) >= 3
    for thread in threads:
        assert thread["Uid"].split() == [str(NOBODY)] * 4, thread["Name"]
        assert thread["Groups"].strip() == "", thread["Name"]
        for held in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert int(thread[held], 16) & ~KEPT == 0, (thread["Name"], held, thread[held])
    workers = [t for t in threads if t["Name"].startswith("worker")]
    assert workers and all(t["NoNewPrivs"].strip() == "1" for t in workers)


def test_everything_works_without_root(unprivileged_lab):
    """Addresses for the exception path, early-drop lists, the TCP listener of a new name server, the snapshot."""
    lab = unprivileged_lab
    eventually(lambda: answers_dns(lab) and answers_web(lab), 20, "it serves")
    file = lab.run_folder / "more.yaml"
    file.write_text("kind: NameServer\nname: second\nspec:\n  addresses: [198.18.100.54]\n")
    lab.sluice("apply", "-f", file)
    eventually(lambda: "198.18.100.80" in lab.exec(
        "client", "dig", "+tcp", "+short", "+tries=1", "+time=1", "@198.18.100.54", "www.example.test", check=False).stdout,
        10, "DNS over TCP on port 53 of a new address")
    assert lost(lab, LISTED4) == 0
    list_sources(lab, f"{LISTED4}/32")
    assert lost(lab, LISTED4) == 5
    lab.sluice("delete", "addressset", "unwanted")
    assert lost(lab, LISTED4) == 0
    snapshot = lab.state_folder / "dataplane/snapshot"
    eventually(lambda: snapshot.stat().st_uid == NOBODY, 5, "the snapshot is saved by that user")
    time.sleep(1.5)
    assert "not saved" not in lab.sluice("status").stdout


def test_it_starts_again_from_what_it_saved(unprivileged_lab):
    lab = unprivileged_lab
    lab.end("dataplane")
    lab.start_dataplane()
    eventually(lambda: answers_dns(lab) and answers_web(lab), 20, "it serves")
    assert "started from the last snapshot" in lab.log("dataplane", 20)


def test_a_state_folder_that_the_user_may_not_write_is_refused(unprivileged_lab):
    lab = unprivileged_lab
    lab.end("dataplane")
    folder = lab.state_folder / "dataplane"
    os.chown(folder, 0, -1)
    done = lab.exec("dut", lab.bin / "sluice-dataplane", "--config", lab.run_folder / "dataplane.yaml", check=False, timeout=30)
    os.chown(folder, NOBODY, -1)
    assert done.returncode == 1
    assert done.stdout.strip().splitlines()[-1] == (
        f"{folder}: 'nobody' may not write in the state folder; chown -R nobody {folder}, and let them enter the folders "
        "above it")
