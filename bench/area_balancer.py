"""The balancer's stages alone."""

import micro


def run(quick):
    return [micro.run("balancer stages", "balancer_bench", quick)], True
