"""The firewall's stages alone, and finding no rule beside kernel nftables on the same rules."""

import measure
import micro


def versus_nft(stages, quick):
    """Kernel nft holds a packet against one rule after the other; so this is the price of long lists, not
    of all that nft can do."""
    rounds, count = (3, 5_000) if quick else (7, 20_000)
    program = measure.ROOT / "build/release/bench/firewall_bench"
    costs = measure.run_json(["unshare", "-n", "/usr/bin/python3", measure.ROOT / "bench/nft_cost.py", program, rounds, count])
    report = measure.Report("no rule met, beside kernel nft", rounds=rounds)
    ours = {f["name"]: f["nanoseconds"] for f in stages["figures"]}
    for rules, values in costs.items():
        mine = ours[f"classify/none_met/{rules}"]
        report.figure(f"kernel nft, {rules} rules", "ns/packet", values)
        report.figure(f"Sluice, {rules} rules", "ns/packet", [mine])
        report.ratio(f"kernel / Sluice, {rules} rules", values, [mine] * len(values))
    return report.data


def run(quick):
    stages = micro.run("firewall stages", "firewall_bench", quick)
    return [stages, versus_nft(stages, quick)], True
