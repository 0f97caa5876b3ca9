"""Sources on an early-drop list: dropped before anything else, in XDP where the port has it, and in the
books all the same."""

import time

import pytest
from conftest import eventually, raised, read_metrics
from test_books import balanced

LISTED4, LISTED6 = "198.18.0.66", "2001:2::66"
NEAR4, NEAR6 = "198.18.0.67", "2001:2::67"  # not listed
SET = "kind: AddressSet\nname: unwanted\nspec:\n  early_drop: true\n  prefixes: [{}]\n"


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def listing_lab(request):
    lab = raised("e", nic=request.param)
    try:
        for address in (LISTED4, NEAR4):
            lab.exec("client", "ip", "address", "add", f"{address}/24", "dev", "eth0")
        for address in (LISTED6, NEAR6):
            lab.exec("client", "ip", "address", "add", f"{address}/64", "dev", "eth0", "nodad")
        yield lab
    finally:
        lab.down()


def list_sources(lab, *prefixes):
    """Returns when the data plane has acknowledged the list."""
    file = lab.run_folder / "unwanted.yaml"
    file.write_text(SET.format(", ".join(f'"{p}"' for p in prefixes)))
    lab.sluice("apply", "-f", file)


def lost(lab, source, count=5):
    """How many of COUNT echo requests from a source address stay without reply."""
    target = "2001:2:0:1::11" if ":" in source else "198.18.1.11"
    done = lab.exec("client", "ping", "-I", source, "-c", count, "-i", "0.1", "-W", "1", target, check=False)
    return count - int(done.stdout.split(" received")[0].rsplit(" ", 1)[1])


def dropped(lab, where=None):
    """Packets dropped for their source, so far; `where` narrows to a worker."""
    return sum(v for k, v in read_metrics(lab).items() if k.startswith("sluice_packets_dropped_total{")
               and 'reason="early_list"' in k and (where is None or f'worker="{where}"' in k))


@pytest.mark.parametrize("source,prefix,near", [
    (LISTED4, f"{LISTED4}/32", NEAR4),
    (LISTED6, f"{LISTED6}/128", NEAR6),
])
def test_a_listed_source_is_dropped_counted_and_let_in_again(listing_lab, source, prefix, near):
    lab = listing_lab
    where = "xdp" if lab.facts["nic"] == "af_xdp" else "0"
    assert lost(lab, source) == 0
    before = dropped(lab, where)
    list_sources(lab, prefix)
    assert lost(lab, source) == 5, "in force when apply returns"
    assert lost(lab, near) == 0
    eventually(lambda: dropped(lab, where) >= before + 5, 5, "the drops counted, where they happened")
    eventually(lambda: balanced(lab), 10, "balanced books")
    lab.sluice("delete", "addressset", "unwanted")
    assert lost(lab, source) == 0


def test_every_early_drop_is_received_and_dropped_once(listing_lab):
    """Exactly: no packet is counted by XDP and by a worker both. Over IPv4, where a listed client sends
    nothing by itself: of IPv6 its neighbour discovery is dropped too."""
    lab = listing_lab
    list_sources(lab, f"{LISTED4}/32")
    time.sleep(1.5)  # counters are reported every second
    before = dropped(lab)
    assert lost(lab, LISTED4, 20) == 20
    eventually(lambda: dropped(lab) == before + 20, 10, "twenty drops, no more and no less")
    eventually(lambda: balanced(lab), 10, "balanced books")
    lab.sluice("delete", "addressset", "unwanted")


def test_the_list_is_in_force_again_after_a_restart(listing_lab):
    lab = listing_lab
    list_sources(lab, "198.18.0.64/30")
    lab.end("dataplane")
    lab.start_dataplane()
    assert lost(lab, LISTED4) == 5
    assert lost(lab, "198.18.0.2") == 0
    lab.sluice("delete", "addressset", "unwanted")
    assert lost(lab, LISTED4) == 0


def test_more_prefixes_than_xdp_takes_are_dropped_all_the_same(listing_lab):
    """The workers have the whole list; the node says that XDP has not."""
    lab = listing_lab
    if lab.facts["nic"] != "af_xdp":
        pytest.skip("no XDP in this mode")
    members = lab.run_folder / "many.txt"
    members.write_text("".join(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(0, 2 * 65537, 2))
                       + f"{LISTED4}\n")
    file = lab.run_folder / "unwanted.yaml"
    file.write_text(f"kind: AddressSet\nname: unwanted\nspec:\n  early_drop: true\n  file: {members}\n")
    lab.sluice("apply", "-f", file)
    assert lost(lab, LISTED4) == 5
    eventually(lambda: "at most 65536 fit" in lab.sluice("status").stdout, 10, "status says what does not fit")
    lab.sluice("delete", "addressset", "unwanted")
    eventually(lambda: "at most 65536 fit" not in lab.sluice("status").stdout, 10, "status is well again")
    assert lost(lab, LISTED4) == 0
