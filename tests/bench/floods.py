# SPDX-License-Identifier: BSD-2-Clause
"""floods.py - what honest clients notice of a flood (flood), and how well the cache keeps what they ask for while
random names fill it (random)."""

import statistics

import report
from load import Asker, rounds, stream
from report import say
from systems import Dnsdist, Tandem, running_server
from topology import GENERATOR, BenchError

MB = 1000 * 1000

# --- flood ---

LIMIT = """limit = { recursive = { qps = 200; burst = 400; over = "cache-only"; hit_qps = 2000; };
          authoritative = { qps = 50; over = "slip"; slip = 2; }; };"""
NAME, NAMES = "n%.bench.example", 10000
RANDOM_NAME = "x%.bench.example"
# Each in a /20 of its own: what a wider prefix may ask is not what this is about
HONEST_QPS, HONEST = 10000, {"from": "10.32.0.1", "clients": 200, "spread": 4099, "names": NAMES, "order": "random"}
FULL_QPS = 1000000              # as fast as it can
FLOOD_S, FLOOD_QPS_MIN = 3, 150000
FLOOD_NAMES = 2 * 1000 * 1000   # more than there will be queries
ONE, SPOOFED = {"from": "10.99.3.7"}, {"from": "10.128.0.1", "clients": 8 * 1000 * 1000}
CACHED = {"name": NAME, "names": NAMES, "order": "random"}
FLOODS = {                      # without names: random ones
    "one client, cached names": {**ONE, **CACHED, "rate": FULL_QPS},
    "one client, random names": {**ONE, "rate": FULL_QPS},
    "spoofed, cached names": {**SPOOFED, **CACHED, "rate": FLOOD_QPS_MIN},
    "spoofed, random names": {**SPOOFED, "rate": FLOOD_QPS_MIN},
}
GENERATOR_CPU, WORKER_CPU = 0, 1        # as two machines would have it: otherwise they now and then share one
FLOOD_MEMORY = "64M"            # all of it taken from the start, so that what grows is not the cache


def bucket_ends():
    """Microseconds at which the buckets of the node's histogram end (dataplane/latency.h)."""
    ends, step = [1, 2, 3, 4], 1
    while True:
        yield from ends
        ends = [ends[-1] + step * i for i in range(1, 5)]
        step *= 2


class InNode:
    """How long what was answered at once between two readings was in the node, from the filter to the send call; one
    query in 64 is timed."""

    def __init__(self, tandem):
        self.tandem = tandem
        self.before = self.read()

    def read(self):
        return self.tandem.ctl("counters")["latency"]["at_once"]["buckets"]

    def p99_us(self):
        """Since the last call."""
        now = self.read()
        counts, self.before = [new - old for new, old in zip(now, self.before)], now
        left, start = 0.99 * sum(counts), 0
        for count, end in zip(counts, bucket_ends()):
            if count and left <= count:
                return start + (end - start) * left / count
            left, start = left - count, end
        raise BenchError("the node has timed no query")


def bench_flood(topology, build):
    asker = Asker(topology, build, cpu=GENERATOR_CPU)
    tandem = Tandem(topology, build, memory=FLOOD_MEMORY, prefault=True, node=f"cpus = [ {WORKER_CPU} ];", more=LIMIT)
    honest, rows, targets = stream(HONEST_QPS, NAME, **HONEST), [], report.Targets()
    with running_server(topology, build, answers=True), tandem.running() as process:
        asker.ask(3, stream(HONEST_QPS, NAME, **{**HONEST, "order": "turn"}))
        in_node = InNode(tandem)
        for what, keys in FLOODS.items():
            runs, ratios, grown = [], [], []
            for _ in rounds(50):
                names = keys if "name" in keys else {**keys, "name": RANDOM_NAME, **asker.fresh_names(FLOOD_NAMES)}
                before, (quiet,) = process.resident(), asker.ask(FLOOD_S, honest)
                quiet.in_node_us = in_node.p99_us()
                noisy, flood = asker.ask(FLOOD_S, honest, stream(**names))
                noisy.in_node_us = in_node.p99_us()
                runs.append((quiet, noisy, flood))
                ratios.append(noisy.in_node_us / quiet.in_node_us)
                grown.append((process.resident() - before) / MB)
                say(f"  {what}: {flood.sent / flood.seconds:8.0f} q/s, honest loss {100 * noisy.loss:.3f} %, "
                    f"p99 {quiet.p99_us:.0f} -> {noisy.p99_us:.0f} us, in the node {quiet.in_node_us:.0f} -> "
                    f"{noisy.in_node_us:.0f} us")
            rows.append(flood_row(what, runs))
            add_flood_targets(targets, what, runs, ratios, grown)
    header = ("flood from", "its q/s", "of it answered", "honest lost, quiet", "honest lost", "p50, us",
              "p99 quiet, us", "p99, us", "in the node: p99 quiet, us", "p99, us")
    return f"{report.table(header, rows)}\n{targets.render()}\n{HONEST_QPS:,} q/s of honest hits from " \
           f"{HONEST['clients']} addresses far from each other. One client floods as fast as the generator can, " \
           f"spoofed sources do {FLOOD_QPS_MIN:,} q/s. Times are the client's, from before its system call, which " \
           "sends the flood's frames too, unless they say in the node: from the filter to the send call, one query in " \
           "64. The generator has a core to itself, and so has the worker.\n"


def flood_row(what, runs):
    def median(of):
        return statistics.median(of(*run) for run in runs)

    return (what, report.number(median(lambda quiet, noisy, flood: flood.sent / flood.seconds)),
            f"{100 * median(lambda quiet, noisy, flood: flood.answered / flood.sent):.1f} %",
            f"{100 * median(lambda quiet, noisy, flood: quiet.loss):.3f} %",
            f"{100 * median(lambda quiet, noisy, flood: noisy.loss):.3f} %",
            report.number(median(lambda quiet, noisy, flood: noisy.p50_us)),
            report.number(median(lambda quiet, noisy, flood: quiet.p99_us)),
            report.number(median(lambda quiet, noisy, flood: noisy.p99_us)),
            report.number(median(lambda quiet, noisy, flood: quiet.in_node_us)),
            report.number(median(lambda quiet, noisy, flood: noisy.in_node_us)))


def add_flood_targets(targets, what, runs, ratios, grown):
    targets.add(f"{what}: honest queries lost", [100 * noisy.loss for _, noisy, _ in runs], at_most=0.1, unit=" %")
    targets.add(f"{what}: p99 in the node, flooded / quiet", ratios, at_most=2)
    targets.add(f"{what}: memory grew", grown, at_most=8 if "spoofed" in what else None, unit=" MB")


# --- random ---

RANDOM_MEMORY, RANDOM_OCTETS = "16M", 16 << 20
HOT_QPS, RANDOM_QPS = 10000, 20000
RANDOM_S, LEAD_S = 6, 3
DNSDIST_SAMPLE = 100000         # names that show how much memory dnsdist takes for one


def dnsdist_entries(topology, build, asker):
    """How many answers dnsdist keeps in RANDOM_OCTETS: by what it grows for DNSDIST_SAMPLE of them."""
    with Dnsdist(topology, build, entries=2 * DNSDIST_SAMPLE).running() as process:
        before = process.resident()
        asker.ask(30, stream(2 * HOT_QPS, RANDOM_NAME, queries=DNSDIST_SAMPLE, **{"from": GENERATOR},
                             **asker.fresh_names(DNSDIST_SAMPLE)))
        octets = (process.resident() - before) / DNSDIST_SAMPLE
    say(f"  dnsdist takes {octets:.0f} octets an answer")
    return int(RANDOM_OCTETS / octets)


def ask_both(asker, seconds):
    """What became of the hot names' queries."""
    return asker.ask(seconds, stream(HOT_QPS, NAME, names=NAMES, order="zipf", **{"from": GENERATOR}),
                     stream(RANDOM_QPS, RANDOM_NAME, **{"from": GENERATOR},
                            **asker.fresh_names((seconds + 1) * RANDOM_QPS)))[0]


def share_to_server(system, asker, server):
    """Of the hot names' queries; from an empty cache, after LEAD_S."""
    with system.running():
        ask_both(asker, LEAD_S)
        before = server.asked().get("n", 0)
        hot = ask_both(asker, RANDOM_S)
        to_server = server.asked().get("n", 0) - before
    say(f"  {system.name:8} {100 * to_server / hot.sent:6.2f} % of the hot names' queries to the server")
    if hot.loss > 0.1:
        raise BenchError(f"{system.name} lost {100 * hot.loss:.0f} % of the hot names' queries")
    return to_server / hot.sent


def bench_random(topology, build):
    asker, shares = Asker(topology, build), {"tandem": [], "dnsdist": []}
    with running_server(topology, build, answers=True) as server:
        entries = dnsdist_entries(topology, build, asker)
        systems = [Tandem(topology, build, memory=RANDOM_MEMORY), Dnsdist(topology, build, entries=entries)]
        for number in rounds(80):
            for system in systems if number % 2 else systems[::-1]:
                shares[system.name].append(share_to_server(system, asker, server))
    targets = report.Targets()
    for name, figures in shares.items():
        targets.add(f"hot names' queries that {name} sent to the server", [100 * share for share in figures],
                    unit=" %")
    return f"{targets.render()}\n{HOT_QPS:,} q/s for {NAMES:,} names by Zipf's law, {RANDOM_QPS:,} q/s for names that " \
           f"are never asked again; {RANDOM_MEMORY} of memory, for dnsdist {entries:,} entries, by what it grows for " \
           "one. Counted at the server.\n"
