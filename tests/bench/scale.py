# SPDX-License-Identifier: BSD-2-Clause
"""scale.py - what hits cost as the cache (size) or the table of suffixes (suffixes) grows, and what a long list of
suffixes takes: to read, to store, and to load while the node works."""

import socket
import struct
import time

import report
from load import Asker, Pairs, cpu_us_per_query, stream
from report import say
from systems import Tandem, running_server
from topology import CLIENT_SIDE, BenchError, run

QPS, SECONDS = 40000, 2
MISSED_MAX = 0.02

# Nine characters in the first label, so that a server's answer with OPT and three addresses is 100 octets.
SIZE_NAME = "n%.bench.example"
SIZES = (1000, 100000, 1000000, 4000000)
MEMORY = "1G"
LIMIT_S = 120           # of the rounds that are compared
MILLION, MILLION_MEMORY = 1000000, "240M"
MB = 1000 * 1000

SUFFIX_NAME = "www.z%.bench.example"
SUFFIXES = (1, 10000, 1000000)
SUFFIX_NAMES, SUFFIX_STEP = 100000, 10
READ_COUNTS = {100000: 500, 1000000: 2000}      # suffixes, ms they may take
READS = 5

PROBE_MS, INTERVAL_CS, VIP = 100, 10, "10.99.1.53"
RELOAD_CONF = {
    "addresses": (CLIENT_SIDE, VIP),
    "pool": f'probe = {{ name = "probe.example."; type = "A"; interval_ms = {PROBE_MS}; timeout_ms = {PROBE_MS}; }};',
    "more": f'vrrp = ( {{ interface = "eth0"; vrid = 53; priority = 250; interval_cs = {INTERVAL_CS}; '
            f'preempt_delay_s = 0; addresses = [ "{VIP}" ]; }} );',
}
SETTLE_S = 10
SO_TIMESTAMPNS, ETH_P_IP, VRRP = 35, 0x0800, 112


class Cached:
    """Measures one running system on names that are in its cache."""

    def __init__(self, asker, server, process, **keys):
        self.asker, self.server, self.process, self.keys = asker, server, process, keys

    def cpu_us(self, name, names):
        before = sum(self.server.asked().values())
        cpu_us = cpu_us_per_query(self.process, lambda: self.asker.ask(
            SECONDS, stream(QPS, name, names=names, order="random", **self.keys))[0])
        missed = (sum(self.server.asked().values()) - before) / (QPS * SECONDS)
        say(f"  {names:9,} names {cpu_us:8.2f} us a query")
        if missed > MISSED_MAX:
            raise BenchError(f"{100 * missed:.1f} % of the queries for {names:,} cached names went to the server")
        return cpu_us


# --- size ---

def bench_size(topology, build):
    """One node that is filled step by step. At each step its names are asked at random beside the first thousand."""
    asker, tandem = Asker(topology, build), Tandem(topology, build, memory=MEMORY)
    rows, ratios, filled = [], {}, 0
    with running_server(topology, build, answers=True) as server:
        with tandem.running() as process:
            cached = Cached(asker, server, process)
            for size in SIZES:      # one round of each, all of the last
                say(f"filling up to {size:,}")
                asker.fill(SIZE_NAME, size - filled, first=filled)
                filled = size
                pairs = Pairs(lambda: cached.cpu_us(SIZE_NAME, SIZES[0]), lambda: cached.cpu_us(SIZE_NAME, size),
                              LIMIT_S if size == SIZES[-1] else 0)
                ratios[size] = pairs.ratios()
                rows.append((f"{size:,}", *(report.number(figure) for figure in pairs.medians()),
                             report.number(process.resident() / MB)))
        targets = report.Targets()
        for size in SIZES[1:]:
            targets.add(f"CPU time, {size:,} / {SIZES[0]:,} names", ratios[size],
                        at_most=1.5 if size == SIZES[-1] else None)
        measure_million(topology, build, Cached(asker, server, None), targets)
    header = ("answers cached", f"us a query, {SIZES[0]:,} asked", "us a query, all asked", "resident, MB")
    return f"{report.table(header, rows)}\n{targets.render()}\nAt random, {QPS:,} q/s; memory = {MEMORY}, for the " \
           f"million's memory {MILLION_MEMORY}.\n"


def measure_million(topology, build, cached, targets):
    """Resident memory, in a node with a cache for about so many answers."""
    with Tandem(topology, build, memory=MILLION_MEMORY).running() as cached.process:
        empty = cached.process.resident()
        cached.asker.fill(SIZE_NAME, MILLION)
        cached.cpu_us(SIZE_NAME, MILLION)       # are they all there?
        resident = cached.process.resident()
    targets.add("memory of an answer of 100 octets, a million of them", [(resident - empty) / MILLION], at_most=240,
                unit=" octets")
    targets.add("resident with them", [resident / MB], at_most=260, unit=" MB")


# --- suffixes ---

def suffix_file(topology, count):
    step = SUFFIXES[-1] // count
    return topology.write_new("suffixes.txt", "".join(f"z{i * step:08d}.bench.example\n" for i in range(count)))


def common_file(topology, count):
    """Two or three labels under a handful of common ends."""
    ends = ("com", "net", "example.org", "lab.example")
    return topology.write_new("suffixes.txt", "".join(f"zone{i}.{ends[i % 4]}\n" for i in range(count)))


def read_times(topology, build, targets):
    """Read, checked and built, as a start does it."""
    for count, at_most in READ_COUNTS.items():
        config = Tandem(topology, build, suffix_file=common_file(topology, count)).config
        times_ms = []
        for _ in range(READS):
            _, check_ms, build_ms, octets = run(f"{build}/tests/bench/suffixes", config).split()
            times_ms.append(float(check_ms) + float(build_ms))
        targets.add(f"{count:,} suffixes ({int(octets) / 2**20:.1f} MiB) read, checked and built", times_ms,
                    at_most=at_most, unit=" ms")


def bench_suffixes(topology, build):
    targets, asker = report.Targets(), Asker(topology, build)
    read_times(topology, build, targets)
    files = {count: suffix_file(topology, count) for count in SUFFIXES}
    systems = {count: Tandem(topology, build, suffix_file=files[count]) for count in SUFFIXES}
    with running_server(topology, build, answers=True) as server:
        def measure(count):
            with systems[count].running() as process:
                asker.fill(SUFFIX_NAME, SUFFIX_NAMES, step=SUFFIX_STEP)
                say(f"  {count:9,} suffixes")
                return Cached(asker, server, process, step=SUFFIX_STEP).cpu_us(SUFFIX_NAME, SUFFIX_NAMES)

        middle = [measure(SUFFIXES[1]) for _ in range(2)]
        pairs = Pairs(lambda: measure(SUFFIXES[0]), lambda: measure(SUFFIXES[-1]), LIMIT_S)
        for count, figures in zip(SUFFIXES, (pairs.one, middle, pairs.other)):
            targets.add(f"CPU time of a hit with {count:,} suffixes", figures, unit=" us")
        targets.add("CPU time, 1,000,000 suffixes / 1", pairs.ratios(), at_most=1.3)
        reload_while_working(topology, build, server, targets)
    return f"{targets.render()}\nHits: {SUFFIX_NAMES:,} names at random, {QPS:,} q/s; with 1,000,000 suffixes each " \
           f"ends in another one.\n"


# --- loading a long list while the node works ---

class Adverts:
    """Arrival times of VRRP advertisements at the generator's end, by the kernel's clock."""

    def __init__(self, topology):
        self.socket = topology.socket("gen", socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("eth0", ETH_P_IP))
        self.socket.setblocking(False)

    def take(self):
        """Those that came since the last time."""
        times = []
        while True:
            try:
                packet, ancillary, _, _ = self.socket.recvmsg(2048, 64)
            except BlockingIOError:
                return times
            if packet[9] == VRRP:
                seconds, ns = struct.unpack("qq", ancillary[0][2])
                times.append(seconds + ns / 1e9)

    def close(self):
        self.socket.close()


def await_active(tandem):
    give_up = time.monotonic() + SETTLE_S
    while tandem.ctl("vrrp")["routers"][0]["state"] != "Active":
        if time.monotonic() > give_up:
            raise BenchError("the node does not become Active")
        time.sleep(0.1)


def reload_while_working(topology, build, server, targets):
    path = topology.write_new("suffixes.txt", "bench.example\n")
    tandem, adverts = Tandem(topology, build, suffix_file=path, **RELOAD_CONF), Adverts(topology)
    with open(suffix_file(topology, SUFFIXES[-1]), encoding="ascii") as file:
        text = file.read()
    with tandem.running():
        await_active(tandem)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        adverts.take()
        probes, began = server.asked()["p"], time.monotonic()
        tandem.ctl("reload")
        took_ms = 1000 * (time.monotonic() - began)
        time.sleep(1)
        elapsed_ms, probes = 1000 * (time.monotonic() - began), server.asked()["p"] - probes
        times = adverts.take()
    adverts.close()
    gaps_ms = [1000 * (after - before) for before, after in zip(times, times[1:])]
    targets.add("1,000,000 suffixes by reload", [took_ms], at_most=2000, unit=" ms")
    targets.add_count("probes that were not sent meanwhile", max(int(elapsed_ms / PROBE_MS) - 1 - probes, 0), at_most=0)
    targets.add_count("advertisements that were not sent meanwhile",
                      sum(round(gap_ms / (10 * INTERVAL_CS)) - 1 for gap_ms in gaps_ms), at_most=0)
    targets.add("longest time between two of them", [max(gaps_ms)], unit=" ms")
