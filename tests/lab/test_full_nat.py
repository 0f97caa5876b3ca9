"""Full NAT: backends that know of no route to the clients, PROXY headers, ports that run out, lost packets."""

import json
import pathlib
import time

import pytest
from conftest import STATE, eventually, raised, read_metrics

WEB4, WEB6 = "198.18.100.86", "2001:2:0:100::86"
LOCAL4, LOCAL6 = "198.18.1.64/28", "2001:2:0:1:40::/124"


def service(name, backends=(11, 12, 13), to=8080, port=80, more=""):
    """A Service document; addresses by default are WEB4 and WEB6."""
    listed = "".join(f"    - {{name: be{n - 10}, addresses: [198.18.1.{n}, \"2001:2:0:1::{n}\"], port: {to}}}\n" for n in backends)
    return (f"---\nkind: Service\nname: {name}\nspec:\n  addresses: [{WEB4}, \"{WEB6}\"]\n  port: {port}\n  mode: FULL_NAT\n"
            f"  local_addresses: [{LOCAL4}, \"{LOCAL6}\"]\n{more}  backends:\n{listed}")


def apply(lab, *documents):
    """The example's state without its own full NAT, and these."""
    path = STATE.parent / f".{lab.name}.yaml"
    try:
        path.write_text(STATE.read_text() + "".join(documents))
        lab.sluice("apply", "-f", path)
    finally:
        path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def stranded():
    """A lab whose backends have no route but to their own segment."""
    lab = raised("u")
    try:
        for backend in ("be1", "be2", "be3"):
            lab.exec(backend, "ip", "route", "delete", "default")
            lab.exec(backend, "ip", "-6", "route", "delete", "default")
        yield lab
    finally:
        lab.down()


def url(address, path="/"):
    return f"http://[{address}]{path}" if ":" in address else f"http://{address}{path}"


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_backends_without_a_route_to_the_client(stranded, address):
    apply(stranded, service("full"))
    answers = stranded.exec("client", "sh", "-c", f"for i in $(seq 30); do curl -sgm 3 {url(address)}; done").stdout.split()
    assert set(answers) == {"be1", "be2", "be3"} and len(answers) == 30
    flows = json.loads(stranded.sluice("get", "flows", "-o", "json").stdout)
    local = "[2001:2:0:1:40:" if ":" in address else "198.18.1."
    assert any(f["service"] == "full" and f["from"].startswith(local) for f in flows)
