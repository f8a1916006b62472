# SPDX-License-Identifier: BSD-2-Clause
"""load.py - the generator, and what is measured with it: CPU time of a query, and the clean rate."""

import math
import random
import re

from topology import CLIENT_SIDE, BenchError, run

NAMES = 5000
LOSS_MAX = 0.005        # of the queries of a run; what is clean
FINE = 1.06             # the clean rate is found to within this factor
TRIES = 2               # on a machine with other work one bad run says little
REACHED = 0.97          # share of the wanted rate that a generator at its limit no longer makes
HOPELESS_QPS = 1000
START_TRIES = 3


class Sample:
    """One run of the generator, from what it wrote at the end."""

    def __init__(self, text, seconds):
        numbers = {word: int(number) for word, number in re.findall(r"(queries|NOERROR): +(\d+)", text)}
        self.sent = numbers["queries"]
        self.answered = numbers.get("NOERROR", 0)       # SERVFAIL is no answer
        self.offered_qps = self.sent / seconds
        self.loss = 1 - self.answered / self.sent


class Generator:
    """kxdpgun on its own AF_XDP socket: one query a source port, names of a file in turn."""

    def __init__(self, topology):
        rng = random.Random(1)
        lines = (f"host{i}.site{rng.randrange(1000)}.example{rng.randrange(20)}.com. A\n" for i in range(NAMES))
        self.topology = topology
        self.names = topology.write("names.txt", "".join(lines))

    def ask(self, qps, seconds):
        """kxdpgun now and then gives up on its socket at once, with exit status 0; it is then asked again."""
        words = self.topology.on("gen", "kxdpgun", "-t", str(seconds), "-Q", str(int(qps)), "-i", self.names,
                                 CLIENT_SIDE)
        for _ in range(START_TRIES):
            text = run(*words, timeout=seconds + 30)
            if "total queries" in text:
                return Sample(text, seconds)
        raise BenchError(f"kxdpgun does not start; it wrote:\n{text}")


def cpu_us_per_query(generator, process, qps, seconds):
    before = process.cpu_ns()
    sample = generator.ask(qps, seconds)
    spent = process.cpu_ns() - before
    if sample.answered < sample.sent / 2:
        raise BenchError(f"{sample.answered} of {sample.sent} queries answered at {qps} q/s")
    return spent / 1000 / sample.answered


def find_highest(is_good, guess):
    """The highest rate that is good, to within FINE. Steps away from guess, each the square of the one before,
    until one rate is good and one is not; then halves what is between."""
    good = bad = None
    rate, step = guess, FINE
    while good is None or bad is None:
        if is_good(rate):
            good = rate
        else:
            bad = rate
        rate = rate * step if bad is None else rate / step
        step *= step
        if rate < HOPELESS_QPS:
            raise BenchError(f"no rate is good: {bad:.0f} q/s is not")
    while bad / good > FINE * 1.001:
        rate = math.sqrt(good * bad)
        if is_good(rate):
            good = rate
        else:
            bad = rate
    return good


class CleanRate:
    """Finds the clean rate of one system; each search begins where the last one ended."""

    def __init__(self, generator, guess_qps, seconds):
        self.generator = generator
        self.last_qps = guess_qps
        self.seconds = seconds
        self.at_limit = False           # of the generator: the system may be better than this

    def is_clean(self, qps):
        for _ in range(TRIES):
            sample = self.generator.ask(qps, self.seconds)
            is_reached = sample.offered_qps >= qps * REACHED
            if is_reached and sample.loss < LOSS_MAX:
                return True
        self.at_limit |= not is_reached
        return False

    def find(self):
        self.last_qps = find_highest(self.is_clean, self.last_qps)
        return self.last_qps
