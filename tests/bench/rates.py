# SPDX-License-Identifier: BSD-2-Clause
"""rates.py - CPU time of a query and clean rate, beside the floor and dnsdist: every query forwarded (miss), every
query answered from the cache (hit), and hits over IPv6."""

import statistics

import report
from load import CleanRate, Generator, Pairs, cpu_us_per_query, rounds, there_and_back
from report import say
from systems import Dnsdist, Floor, Tandem, ipv6_tandem, running_server
from topology import CLIENT_SIDE, CLIENT_SIDE_6, BenchError

CPU_QPS, CPU_S = 40000, 3
RATE_S = 2
LAST_ROUND_S = 900
HIT_NAMES = 10000
WARM_QPS = 20000
MISSED_MAX = 0.02       # of the queries that are to be hits

GUESS_QPS = {"miss": {"floor": 300000, "tandem": 150000, "dnsdist": 60000},
             "hit": {"floor": 350000, "tandem": 380000, "dnsdist": 120000}}


def ratios(over, under):
    """Of the rounds that have both."""
    return [over[number] / under[number] for number in sorted(over.keys() & under.keys())]


class Contest:
    """The rounds, and what they gave: for each system a figure a round, by the round's number. rival is the system
    whose clean rate every round has; for time's sake the other one's, and dnsdist's CPU time, come every third."""

    def __init__(self, part, generator, systems, rival, warm_up=lambda: None):
        self.generator, self.systems, self.warm_up = generator, systems, warm_up
        self.floor, self.tandem, self.dnsdist = systems
        self.rival, = (system for system in systems if system.name == rival)
        self.rare, = (system for system in systems if system not in (self.rival, self.tandem))
        self.rates = {system: CleanRate(generator, GUESS_QPS[part][system.name], RATE_S) for system in systems}
        self.cpu_us = {system: {} for system in systems}
        self.clean_qps = {system: {} for system in systems}

    def measure_cpu(self, system):
        with system.running() as process:
            self.warm_up()
            cpu_us = cpu_us_per_query(process, lambda: self.generator.ask(CPU_QPS, CPU_S))
        say(f"  {system.name:8} {cpu_us:8.2f} us a query")
        return cpu_us

    def measure_rate(self, system):
        with system.running():
            self.warm_up()
            qps = self.rates[system].find()
        say(f"  {system.name:8} {qps:8.0f} q/s clean")
        return qps

    def round(self, number):
        is_full = number % 3 == 1
        self.cpu_us[self.floor][number], self.cpu_us[self.tandem][number] = there_and_back(
            lambda: self.measure_cpu(self.floor), lambda: self.measure_cpu(self.tandem))
        if is_full:
            self.cpu_us[self.dnsdist][number] = self.measure_cpu(self.dnsdist)
        order = (self.tandem, self.rival) if number % 2 else (self.rival, self.tandem)
        for system in (*order, self.rare) if is_full else order:
            self.clean_qps[system][number] = self.measure_rate(system)

    def run(self):
        for number in rounds(LAST_ROUND_S):
            say(f"round {number}")
            self.round(number)

    def figures(self):
        def line(what, figures):
            return (what, *(report.number(statistics.median(figures[system].values())) for system in self.systems))

        return report.table(("median", *(system.name for system in self.systems)), [
            line(f"CPU time of a query at {CPU_QPS:,} q/s, us", self.cpu_us),
            line("clean rate (less than 0.5 % lost), q/s", self.clean_qps),
        ])

    def targets(self, cpu_at_most, floor_at_least, dnsdist_at_least):
        cpu_us, clean_qps = self.cpu_us, self.clean_qps
        targets = report.Targets()
        targets.add("CPU time, tandem / floor", ratios(cpu_us[self.tandem], cpu_us[self.floor]), at_most=cpu_at_most)
        targets.add("clean rate, tandem / floor", ratios(clean_qps[self.tandem], clean_qps[self.floor]),
                    at_least=floor_at_least)
        targets.add("clean rate, tandem / dnsdist", ratios(clean_qps[self.tandem], clean_qps[self.dnsdist]),
                    at_least=dnsdist_at_least)
        return targets

    def remarks(self):
        text = f"Rounds: {len(self.cpu_us[self.floor])}; each is floor, tandem, tandem, floor. CPU time is the " \
               "process's own, user and system. One tandem worker; dnsdist with its usual threads. The floor answers " \
               "itself; the others' server is an XDP program.\n"
        for system in self.systems:
            if self.rates[system].at_limit:
                text += f"The generator could not always ask faster than {system.name} answered.\n"
        return text

    def text(self, **limits):
        return f"{self.figures()}\n{self.targets(**limits).render()}\n{self.remarks()}"


def bench_miss(topology, build):
    """The server's answers have no records, so nothing is kept."""
    systems = [kind(topology, build) for kind in (Floor, Tandem, Dnsdist)]
    contest = Contest("miss", Generator(topology), systems, "dnsdist")
    with running_server(topology, build):
        contest.run()
    return contest.text(cpu_at_most=2.4, floor_at_least=0.4, dnsdist_at_least=2)


class Warmed:
    """A generator whose names all are in the cache after warm_up(); so it is checked."""

    def __init__(self, topology, server):
        self.generator = Generator(topology, HIT_NAMES)
        self.server = server
        self.to_server = 0

    def warm_up(self, to=CLIENT_SIDE):
        self.generator.ask(WARM_QPS, 1, to)
        self.to_server = sum(self.server.asked().values())

    def ask(self, qps, seconds, to=CLIENT_SIDE):
        sample = self.generator.ask(qps, seconds, to)
        missed = sum(self.server.asked().values()) - self.to_server
        self.to_server += missed
        if missed > MISSED_MAX * sample.sent:
            raise BenchError(f"{missed} of {sample.sent} queries for cached names went to the server")
        return sample


def bench_hit(topology, build):
    systems = [Floor(topology, build), Tandem(topology, build), Dnsdist(topology, build, entries=2 * HIT_NAMES)]
    with running_server(topology, build, answers=True) as server:
        warmed = Warmed(topology, server)
        contest = Contest("hit", warmed, systems, "floor", warmed.warm_up)
        contest.run()
    return f"{HIT_NAMES:,} names, all in the cache; dnsdist's is its packet cache.\n\n" + \
        contest.text(cpu_at_most=1.15, floor_at_least=0.85, dnsdist_at_least=2.5)


def bench_ipv6(topology, build):
    tandem = ipv6_tandem(topology, build)
    refusal = tandem.refusal()
    if refusal:
        return report.skipped(refusal)
    with running_server(topology, build, answers=True) as server, tandem.running() as process:
        warmed = Warmed(topology, server)

        def measure(to):
            cpu_us = cpu_us_per_query(process, lambda: warmed.ask(CPU_QPS, CPU_S, to))
            say(f"  {to:10} {cpu_us:8.2f} us a query")
            return cpu_us

        for address in (CLIENT_SIDE, CLIENT_SIDE_6):
            warmed.warm_up(address)
        pairs = Pairs(lambda: measure(CLIENT_SIDE), lambda: measure(CLIENT_SIDE_6), 90)
    targets = report.Targets()
    targets.add(f"CPU time of a query at {CPU_QPS:,} q/s, IPv4", pairs.one, unit=" us")
    targets.add("the same over IPv6", pairs.other, unit=" us")
    targets.add("IPv6 / IPv4", pairs.ratios(), at_most=1.1)
    return targets.render()
