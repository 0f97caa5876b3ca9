"""Ten thousand connections, held open in every forwarding mode while the configuration is replaced a hundred
times, backends are added, reweighted and drained: none breaks."""

import pathlib

import pytest
from conftest import raised
from held_connections import Holder, __file__ as program

CONNECTIONS, CHANGES, ROUND_EVERY = 10_000, 100, 10
PORT = 7007
# By mode: the addresses of the example's service of that mode, which the backends hold where they must.
VIPS = {"NAT": ("198.18.100.80", "2001:2:0:100::80"), "DIRECT_RETURN": ("198.18.100.81",),
        "IPIP": ("198.18.100.84", "2001:2:0:100::84"), "GUE": ("198.18.100.85", "2001:2:0:100::85"),
        "FULL_NAT": ("198.18.100.86", "2001:2:0:100::86")}
MORE = {"FULL_NAT": "  local_addresses: [198.18.1.64/28, \"2001:2:0:1:40::/124\"]\n",
        "IPIP": "  tunnel:\n    sources: [198.18.2.0/24, \"2001:2:0:2::/64\"]\n"}
MORE["GUE"] = MORE["IPIP"]


def services(weights):
    """A service of each mode; a weight of None: the backend is not there."""
    text = ""
    for mode, addresses in VIPS.items():
        listed = ", ".join(f'"{a}"' for a in addresses)
        text += (f"---\nkind: Service\nname: held-{mode.lower().replace('_', '-')}\nspec:\n  addresses: [{listed}]\n  port: {PORT}\n"
                 f"  protocol: TCP\n  mode: {mode}\n{MORE.get(mode, '')}  backends:\n")
        for n, weight in enumerate(weights, start=1):
            if weight is not None:
                text += f'    - {{name: be{n}, addresses: [198.18.1.{10 + n}, "2001:2:0:1::{10 + n}"], weight: {weight}}}\n'
    return text


def apply(lab, weights):
    path = pathlib.Path(lab.run_folder) / "held.yaml"
    path.write_text(services(weights))
    lab.sluice("apply", "-f", path)


@pytest.fixture(scope="module")
def lab():
    lab = raised("h")
    try:
        for backend in ("be1", "be2", "be3"):
            lab.popen(f"echo-{backend}", backend, "/usr/bin/python3", program, "serve", PORT)
        lab.wait(lambda: all("ready" in lab.log(f"echo-{b}") for b in ("be1", "be2", "be3")), 10, "the echo servers")
        yield lab
    finally:
        lab.down()


def test_no_connection_breaks_while_backends_come_and_drain(lab):
    apply(lab, (1, 1, None))
    targets = [f"[{a}]:{PORT}" if ":" in a else f"{a}:{PORT}" for addresses in VIPS.values() for a in addresses]
    with Holder(lab, CONNECTIONS, targets) as holder:
        assert holder.opened["broken"] == 0 and holder.opened["connections"] > 0.99 * CONNECTIONS, holder.opened
        # Added, drained, heavy, light; from the second change on the third backend is there.
        turns = ((1, 1, 1), (0, 1, 1), (9, 1, 3), (1, 0, 0), (2, 5, 1), (1, 1, 0), (0, 0, 1))
        for number in range(CHANGES):
            apply(lab, turns[number % len(turns)])
            if number % ROUND_EVERY == ROUND_EVERY - 1:
                answer = holder.round()
                assert answer["broken"] == 0, (number, answer)
