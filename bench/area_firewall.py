"""The firewall's stages alone."""

import micro


def run(quick):
    return [micro.run("firewall stages", "firewall_bench", quick)], True
