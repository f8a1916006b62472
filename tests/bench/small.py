# SPDX-License-Identifier: BSD-2-Clause
"""small.py - figures that take seconds: the filter, a start, instructions and cycles; and the drill in which a server
goes down."""

import json
import os
import re
import statistics
import subprocess
import time

import report
from load import ROUNDS
from report import say
from systems import START_S, Tandem, running_server
from topology import BenchError, await_answer, run

REPEATS = 5
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
DRILL_QPS, DRILL_S = 5000, 180
POLICY_NAMES, POLICIES = 100000, ("ours", "lru", "random")


READ_MORE = ("leased-redirect", "blocked-drop", "query-beside-blocks")


def bench_filter(topology, build):
    targets = report.Targets()
    for line in run(*topology.on("node", f"{build}/tests/bench/filter", "eth0")).splitlines():
        path, ns = line.split()
        targets.add(path, [int(ns)], at_most=None if path in READ_MORE else 60, unit=" ns")
    return targets.render() + f"\n{', '.join(READ_MORE)} read more: the clock, the blocked prefixes.\n"


def bench_start(topology, build):
    tandem = Tandem(topology, build)
    times_ms = []
    with running_server(topology, build):
        for _ in range(REPEATS):
            began = time.monotonic()
            with topology.running("node", *tandem.words) as process:
                answered = await_answer(topology, process, START_S)
            times_ms.append(1000 * (answered - began))
    targets = report.Targets()
    targets.add("tandemd started, first answer", times_ms, at_most=1000, unit=" ms")
    return targets.render()


INSTRUCTIONS = {"miss": "missed, without a cache", "stored": "missed and stored", "hit": "answered from the cache"}
BATCH = 64


def bench_instructions(_, build):
    """The kept numbers have a test of their own."""
    rows = []
    for line in run(os.path.join(TOP, "tests", "system", "test_instructions"), "--print", timeout=120).splitlines():
        case, count = line.split()
        cycles = statistics.median(int(run(f"{build}/tests/bench/instructions", case).split()[1])
                                   for _ in range(REPEATS))
        rows.append((INSTRUCTIONS[case], count, report.number(cycles), report.number(cycles / BATCH)))
    header = ("a query", "instructions", f"cycles of a batch of {BATCH}", "cycles of a query")
    return report.table(header, rows) + "\nOf this program, without the kernel's part; frames are in the processor's " \
        "cache. Instructions by callgrind, cycles by the time stamp counter.\n"


def bench_limit(_, build):
    rows = [line.split() for line in run(f"{build}/tests/bench/limit", timeout=240).splitlines()]
    return report.table(("levels", "clients", "what they do", "ns a query"), rows)


def bench_policy(_, build):
    """hitrate's table, one row a flood."""
    shares = {}
    for line in run(f"{build}/tests/bench/hitrate", str(POLICY_NAMES), timeout=240).splitlines():
        match = re.match(r" *(\d+) % +(\w+) +([\d.]+ %) +([\d.]+ %)", line)
        if match:
            shares.setdefault(match[1], {})[match[2]] = match[3], match[4]
    header = ("asked once", *(f"{name}, {which}" for name in POLICIES for which in ("all", "first 1000")))
    rows = [(f"{flood} %", *(share for name in POLICIES for share in by_name[name])) for flood, by_name in shares.items()]
    return f"{report.table(header, rows)}\nShare of hits: {POLICY_NAMES:,} names by Zipf's law, room for a tenth of " \
           "them, beside exact least recently used and replacement at random of as many entries.\n"


def bench_down(_, build):
    """lab/drill server-down, which says what the client saw."""
    targets, failures, outages_ms = report.Targets(), 0, []
    for number in range(1, ROUNDS + 1):
        done = subprocess.run([os.path.join(TOP, "lab", "drill"), "server-down", "--rate", str(DRILL_QPS), "--json"],
                              env={**os.environ, "TANDEM_LAB": f"td{os.getpid()}", "TANDEM_BUILD": build},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DRILL_S, check=False)
        lines = done.stdout.splitlines()
        if not lines or done.returncode not in (0, 1):
            raise BenchError(f"lab/drill server-down: {done.stderr.strip() or done.stdout.strip()}")
        drill = json.loads(lines[-1])
        say(f"  drill {number}: {lines[-1]}")
        failures += drill["lost"] + drill["failed"]
        outages_ms.append(drill["outage_ms"])
    targets.add_count(f"queries lost or answered SERVFAIL, {ROUNDS} drills", failures, at_most=0)
    targets.add("longest time in which all failed", outages_ms, unit=" ms")
    return f"{targets.render()}\n{DRILL_QPS:,} q/s through one node to two recursive servers, one of which is killed.\n"
