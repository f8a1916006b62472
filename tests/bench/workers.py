# SPDX-License-Identifier: BSD-2-Clause
"""workers.py - two workers, each with its queue of both devices, beside one worker that serves both queues."""

import report
from load import Asker, CleanRate, Generator, rounds, stream
from report import say
from systems import Tandem, running_server
from topology import Topology

GUESS_QPS, RATE_S = 200000, 2
HIT_NAMES, WARM_QPS = 10000, 20000
# For the share of hits: more names than are asked often
NAME, NAMES, QPS, LEAD_S, SECONDS = "n%.bench.example", 100000, 20000, 3, 4


def bench_workers(_, build):
    """With devices of two queues."""
    with Topology(queues=2) as topology:
        tandems = {count: Tandem(topology, build, workers=count) for count in (1, 2)}
        with running_server(topology, build, answers=True) as server:
            rates = clean_rates(topology, tandems)
            shares, handed = hit_shares(Asker(topology, build), server, tandems)
    targets = report.Targets()
    for count, word in ((1, "one worker"), (2, "two workers")):
        targets.add(f"clean rate of hits, {word}", rates[count], unit=" q/s")
    targets.add("clean rate, two / one", [two / one for one, two in zip(rates[1], rates[2])])
    for count, word in ((1, "one worker"), (2, "two workers")):
        targets.add(f"share of hits, {word}", [100 * share for share in shares[count]], unit=" %")
    targets.add("share of hits, two less one", [100 * (two - one) for one, two in zip(shares[1], shares[2])],
                at_least=-0.5, unit=" %")
    targets.add("answers handed to the other worker, of those from the server", [100 * share for share in handed],
                unit=" %")
    return f"{targets.render()}\nThe share: {NAMES:,} names by Zipf's law, {QPS:,} q/s, from an empty cache " \
           f"{LEAD_S} s before. The generator, the server and the workers share the machine's cores.\n"


def clean_rates(topology, tandems):
    generator = Generator(topology, HIT_NAMES)
    searches = {count: CleanRate(generator, GUESS_QPS, RATE_S) for count in tandems}

    def measure(count):
        with tandems[count].running():
            generator.ask(WARM_QPS, 1)
            qps = searches[count].find()
        say(f"  {count} workers {qps:8.0f} q/s clean")
        return qps

    figures = {count: [] for count in tandems}
    for number in rounds(120):
        for count in sorted(tandems, reverse=number % 2 == 0):
            figures[count].append(measure(count))
    return figures


def hit_shares(asker, server, tandems):
    """By the number of workers; and which part of the server's answers two workers handed over."""
    names = stream(QPS, NAME, names=NAMES, order="zipf", clients=200)
    shares, handed = {count: [] for count in tandems}, []
    for number in rounds(50):
        for count in sorted(tandems, reverse=number % 2 == 0):
            with tandems[count].running():
                asker.ask(LEAD_S, names)
                before = server.asked().get("n", 0)
                sent, = asker.ask(SECONDS, names)
                missed = server.asked().get("n", 0) - before
                counters = tandems[count].ctl("counters")["counters"]
            shares[count].append(1 - missed / sent.sent)
            say(f"  {count} workers {100 * shares[count][-1]:.2f} % hits, {counters['handed_over']} handed over")
            if count == 2:
                handed.append(counters["handed_over"] / counters["answers"])
    return shares, handed
