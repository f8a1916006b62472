# SPDX-License-Identifier: BSD-2-Clause
"""load.py - the generators, and what is measured with them: CPU time of a query, the clean rate, and how figures of
two things are taken side by side."""

import json
import math
import os
import random
import re
import statistics
import time
from types import SimpleNamespace

from topology import CLIENT_SIDE, BenchError, mac_of, run

ROUNDS = int(os.environ.get("BENCH_PAIRS") or 7)

NAMES = 5000
LOSS_MAX = 0.005        # of the queries of a run; what is clean
FINE = 1.06             # the clean rate is found to within this factor
TRIES = 2               # on a machine with other work one bad run says little
REACHED = 0.97          # share of the wanted rate that a generator at its limit no longer makes
HOPELESS_QPS = 1000
START_TRIES = 3
CLIENTS = "10.99.4.1"   # the first of them, where there are many
FILL_QPS = 100000


class Sample:
    """One run of kxdpgun, from what it wrote at the end."""

    def __init__(self, text, seconds):
        numbers = {word: int(number) for word, number in re.findall(r"(queries|NOERROR): +(\d+)", text)}
        self.sent = numbers["queries"]
        self.answered = numbers.get("NOERROR", 0)       # SERVFAIL is no answer
        self.offered_qps = self.sent / seconds
        self.loss = 1 - self.answered / self.sent


class Generator:
    """kxdpgun on its own AF_XDP sockets: one query a source port, names of a file in turn."""

    def __init__(self, topology, names=NAMES):
        rng = random.Random(1)
        lines = (f"host{i}.site{rng.randrange(1000)}.example{rng.randrange(20)}.com. A\n" for i in range(names))
        self.topology = topology
        self.names = topology.write_new("names.txt", "".join(lines))

    def ask(self, qps, seconds, to=CLIENT_SIDE):
        """kxdpgun now and then gives up on its socket at once, with exit status 0; it is then asked again. It may leave
        its program behind."""
        words = self.topology.on("gen", "kxdpgun", "-t", str(seconds), "-Q", str(int(qps)), "-i", self.names, to)
        for _ in range(START_TRIES):
            text = run(*words, timeout=seconds + 30)
            run("ip", "-n", self.topology.namespace("gen"), "link", "set", "eth0", "xdp", "off")
            if "total queries" in text:
                return Sample(text, seconds)
        raise BenchError(f"kxdpgun does not start; it wrote:\n{text}")


def stream(rate, name, **keys):
    """One of ask's streams; what is not said: from=CLIENTS."""
    keys = {"from": CLIENTS, "rate": int(rate), "name": name, **keys}
    return ",".join(f"{key}={value}" for key, value in keys.items())


class Asker:
    """tests/bench/ask: many names and many clients, each answer timed as it arrives."""

    def __init__(self, topology, build, cpu=None):
        """cpu: the only one that the generator uses; None: as the scheduler likes."""
        pinned = () if cpu is None else ("taskset", "-c", str(cpu))
        self.words = topology.on("gen", *pinned, f"{build}/tests/bench/ask", "eth0", mac_of(CLIENT_SIDE), CLIENT_SIDE)
        self.fresh = 0

    def ask(self, seconds, *streams):
        """What became of each stream."""
        text = run(*self.words, str(seconds), *streams, timeout=seconds + 60)
        results = [SimpleNamespace(**json.loads(line)) for line in text.splitlines()]
        for result in results:
            result.loss = 1 - result.answered / max(result.sent, 1)
        return results

    def fresh_names(self, count):
        """Keys of a stream that asks for as many names, in turn, none of which was handed out here before."""
        self.fresh += count
        return {"names": count, "first": self.fresh - count}

    def fill(self, name, names, **keys):
        """Each of these names is asked once and answered, but for a few; it is then cached by whatever can cache it.
        Again and slower while too many are lost."""
        qps = FILL_QPS
        while qps > HOPELESS_QPS:
            seconds = 4 * names // qps + 10
            result, = self.ask(seconds, stream(qps, name, names=names, queries=names, **keys))
            if result.loss <= LOSS_MAX:
                return
            qps //= 2
        raise BenchError(f"{100 * result.loss:.1f} % of {names} names are not answered at {2 * qps} q/s")


def cpu_us_per_query(process, ask):
    """ask() asks and returns how many were sent and answered."""
    before = process.cpu_ns()
    sample = ask()
    spent = process.cpu_ns() - before
    if sample.answered < sample.sent / 2:
        raise BenchError(f"{sample.answered} of {sample.sent} queries answered")
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


# --- side by side ---

def rounds(limit_s):
    """Numbers of rounds, from 1. None begins after limit_s: with other work on the machine they take longer."""
    began = time.monotonic()
    for number in range(1, ROUNDS + 1):
        if number > 1 and time.monotonic() > began + limit_s:
            return
        yield number


def there_and_back(one, other):
    """Measures one, other, other, one: what drifts while it lasts falls on both alike. The means of each."""
    figures = one(), other(), other(), one()
    return (figures[0] + figures[3]) / 2, (figures[1] + figures[2]) / 2


class Pairs:
    """What rounds of two things gave."""

    def __init__(self, one, other, limit_s):
        self.one, self.other = [], []
        for _ in rounds(limit_s):
            for figures, figure in zip((self.one, self.other), there_and_back(one, other)):
                figures.append(figure)

    def ratios(self):
        """other / one"""
        return [other / one for one, other in zip(self.one, self.other)]

    def medians(self):
        return statistics.median(self.one), statistics.median(self.other)
