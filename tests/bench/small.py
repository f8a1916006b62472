# SPDX-License-Identifier: BSD-2-Clause
"""small.py - figures that take seconds: the filter, a start, instructions and cycles; and the drill in which a server
goes down."""

import json
import os
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
