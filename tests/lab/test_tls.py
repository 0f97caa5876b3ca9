"""Mutual TLS to the control daemon on TCP 7700, across the network of the lab: who has the right certificate
is let in under its name, everybody else is refused with a line."""

import json
import subprocess

import pytest
import yaml
from conftest import eventually, raised

ADDRESS = "198.18.0.1:7700"  # the client reaches it through the exception path


def openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, stdout=subprocess.PIPE,
                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def authority(folder, name):
    openssl(folder, "req", "-x509", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")


def issue(folder, issuer, name, days=2):
    """A certificate for NAME, valid for so many days from now; -1: no longer."""
    openssl(folder, "req", "-new", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    names = folder / f"{name}.names"
    names.write_text("subjectAltName=IP:198.18.0.1,IP:127.0.0.1,DNS:localhost\n" if name == "server"
                     else f"subjectAltName=DNS:{name}\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial",
            "-days", days, "-extfile", names, "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "house")
    authority(folder, "stranger")
    issue(folder, "house", "server")
    issue(folder, "house", "operator")
    issue(folder, "house", "node-1")
    issue(folder, "house", "yesterday", days=-1)
    issue(folder, "stranger", "intruder")
    return folder


@pytest.fixture(scope="module")
def tls_lab(files):
    """A lab whose control daemon listens on TCP too."""
    lab = raised("t")
    try:
        config = yaml.safe_load((lab.run_folder / "control.yaml").read_text())
        config["listen"] = "0.0.0.0:7700"
        config["tls"] = {"certificate": str(files / "server.pem"), "key": str(files / "server.key"),
                         "authority": str(files / "house.pem")}
        (lab.run_folder / "control.yaml").write_text(json.dumps(config))
        lab.end("control")
        lab.start_control()
        eventually(lab.dataplane_connected, 20, "the data plane dials again")
        yield lab
    finally:
        lab.down()


def sluice(lab, files, name, *words, authority="house"):
    """The operator's command on the client's host, with the certificate of NAME."""
    return lab.exec("client", lab.bin / "sluice", "--control", ADDRESS, "--certificate", files / f"{name}.pem", "--key",
                    files / f"{name}.key", "--authority", files / f"{authority}.pem", *words, check=False, timeout=60)


def refusal(done):
    assert done.returncode == 1
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1, done.stdout
    return lines[0]


def test_the_right_certificate_is_let_in_under_its_name(tls_lab, files):
    lab = tls_lab
    done = sluice(lab, files, "operator", "status")
    assert done.returncode == 0 and lab.name in done.stdout, done.stdout
    file = lab.run_folder / "set.yaml"
    file.write_text("kind: AddressSet\nname: by-tls\nspec:\n  prefixes: [192.0.2.0/24]\n")
    assert sluice(lab, files, "operator", "apply", "-f", file).returncode == 0
    history = json.loads(lab.sluice("history", "-o", "json").stdout)
    assert "operator" in json.dumps(history), history


def test_without_a_certificate_nothing_is_said(tls_lab, files):
    lab = tls_lab
    done = lab.exec("client", lab.bin / "sluice", "--control", ADDRESS, "status", check=False)
    assert "a TCP address needs certificates; give --certificate, --key and --authority" in refusal(done)
    # A client that tries all the same.
    done = lab.exec("client", "openssl", "s_client", "-connect", ADDRESS, "-CAfile", files / "house.pem", "-alpn", "h2",
                    "-ign_eof", check=False, timeout=20)
    assert "certificate required" in done.stdout or "unexpected eof" in done.stdout, done.stdout
    assert lab.exec("client", "curl", "-sm", "3", f"http://{ADDRESS}/", check=False).returncode != 0


@pytest.mark.parametrize("name,why", [
    ("intruder", "see that each certificate is from the authority"),
    ("yesterday", "has expired"),
])
def test_another_certificate_is_refused(tls_lab, files, name, why):
    line = refusal(sluice(tls_lab, files, name, "status"))
    assert ADDRESS in line or name in line
    assert why in line, line
    assert sluice(tls_lab, files, "operator", "status").returncode == 0


def test_a_daemon_that_another_authority_vouches_for_is_not_believed(tls_lab, files):
    line = refusal(sluice(tls_lab, files, "operator", "status", authority="stranger"))
    assert "certificate verify failed" in line, line


def test_files_that_are_none_are_named(tls_lab, files):
    line = refusal(sluice(tls_lab, files, "nobody", "status"))
    assert "nobody.pem" in line
    (files / "noise.pem").write_text("noise")
    (files / "noise.key").write_text("noise")
    line = refusal(sluice(tls_lab, files, "noise", "status"))
    assert "noise.pem" in line, line


@pytest.mark.parametrize("name,good", [("node-1", True), ("intruder", False), ("yesterday", False)])
def test_the_steering_stream(tls_lab, files, name, good):
    """The data plane dials over TCP with a certificate of its own."""
    lab = tls_lab
    config = yaml.safe_load((lab.run_folder / "dataplane.yaml").read_text())
    config["control"] = "127.0.0.1:7700"
    config["tls"] = {"certificate": str(files / f"{name}.pem"), "key": str(files / f"{name}.key"),
                     "authority": str(files / "house.pem")}
    (lab.run_folder / "dataplane.yaml").write_text(json.dumps(config))
    lab.end("dataplane")
    old = len(lab.log("dataplane", 10_000))
    lab.popen("dataplane", "dut", lab.bin / "sluice-dataplane", "--config", lab.run_folder / "dataplane.yaml")
    if good:
        eventually(lab.dataplane_connected, 20, "the stream over TLS")
        file = lab.run_folder / "set.yaml"
        file.write_text("kind: AddressSet\nname: steered\nspec:\n  prefixes: [192.0.2.0/24]\n")
        lab.sluice("apply", "-f", file)
        eventually(lambda: "snapshot applied" in lab.log("dataplane"), 10, "a snapshot comes down")
    else:
        def lines():
            return [x for x in lab.log("dataplane", 10_000)[old:].splitlines() if "control daemon not connected" in x]

        eventually(lines, 20, "the log says so")
        assert not lab.dataplane_connected()
        assert len(lines()) == 1 and "certificate" in lines()[0], lines()
