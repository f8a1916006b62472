# SPDX-License-Identifier: BSD-2-Clause
"""latency.py - how long clients wait for hits, beside dnsdist."""

import statistics

import report
from load import Asker, Pairs, stream
from report import say
from systems import Dnsdist, Tandem, running_server
from topology import GENERATOR, BenchError

QPS, SECONDS = 50000, 3
NAME, NAMES = "n%.bench.example", 10000
LOSS_MAX = 0.01
GENERATOR_CPU, SYSTEM_CPU = 0, 1        # as two machines would have it: otherwise they now and then share one
PERCENTILES = ("p50_us", "p99_us", "p999_us")


def bench_latency(topology, build):
    asker = Asker(topology, build, cpu=GENERATOR_CPU)
    keys = {"names": NAMES, "from": GENERATOR}
    results = {"tandem": [], "dnsdist": []}
    with running_server(topology, build, answers=True):
        def measure(system):
            with system.running():
                asker.fill(NAME, **keys)
                result, = asker.ask(SECONDS, stream(QPS, NAME, order="random", **keys))
            say(f"  {system.name:8} p99 {result.p99_us:8.1f} us, {100 * result.loss:.2f} % lost")
            if result.loss > LOSS_MAX:
                say(f"  {system.name} does not keep up with {QPS} q/s")
            if not result.answered:
                raise BenchError(f"{system.name} does not answer")
            results[system.name].append(result)
            return result.p99_us

        tandem = Tandem(topology, build).pin(SYSTEM_CPU)
        dnsdist = Dnsdist(topology, build, entries=2 * NAMES).pin(SYSTEM_CPU)
        pairs = Pairs(lambda: measure(dnsdist), lambda: measure(tandem), 120)
    rows = [(name, *(report.number(statistics.median(getattr(run, key) for run in runs)) for key in PERCENTILES),
             f"{100 * statistics.median(run.loss for run in runs):.2f} %") for name, runs in results.items()]
    targets = report.Targets()
    targets.add("p99, tandem / dnsdist", pairs.ratios(), at_most=0.5)
    return f"{report.table(('median', 'p50, us', 'p99, us', 'p99.9, us', 'lost'), rows)}\n{targets.render()}\n" \
           f"{QPS:,} q/s for {NAMES:,} names in the cache; from just before the system call that sends a query to " \
           "the moment its answer is seen by XDP on the client's device. The generator has a core to itself, and so " \
           "has each system.\n"
