# SPDX-License-Identifier: BSD-2-Clause
"""report.py - figures beside their targets, as Markdown tables; what machine they are from."""

import os
import platform
import re
import statistics
import sys
import time


def say(text):
    """Progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


def number(value):
    """Three significant digits, thousands apart."""
    if value >= 1000:
        return f"{round(value, 2 - len(str(int(value)))):,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_and_range(values):
    text = number(statistics.median(values))
    return f"{text} ({number(min(values))} - {number(max(values))})" if len(values) > 1 else text


def table(header, rows):
    """Columns as wide as their widest cell, so that it reads well on a terminal too."""
    rows = [header, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def skipped(reason):
    return f"Not measured: {reason}\n"


class Targets:
    """Rows of what was measured (its median counts) against a highest or a lowest allowed value."""

    def __init__(self):
        self.rows = []

    def add(self, what, values, at_most=None, at_least=None, unit=""):
        value = statistics.median(values)
        target = verdict = ""
        if at_most is not None:
            target, verdict = f"<= {at_most:g}{unit}", "met" if value <= at_most else "missed"
        elif at_least is not None:
            target, verdict = f">= {at_least:g}{unit}", "met" if value >= at_least else "missed"
        self.rows.append((what, median_and_range(values) + unit, target, verdict))

    def add_count(self, what, count, at_most=None):
        """A whole number, as it is."""
        verdict = "" if at_most is None else "met" if count <= at_most else "missed"
        self.rows.append((what, f"{count:,}", "" if at_most is None else f"<= {at_most:,}", verdict))

    def render(self):
        return table(("", "median (lowest - highest)", "target", ""), self.rows)


class Steal:
    """Share of the machine's time that its host gave to others since this was made."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(field) for field in stat.readline().split()[1:9]]
        return fields[7], sum(fields)

    def percent(self):
        stolen, total = self.read()
        return 100 * (stolen - self.before[0]) / max(total - self.before[1], 1)


def machine(command, steal):
    """The paragraph that says where and when."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        model = re.search(r"model name\s*: (.*)", cpuinfo.read())
    return (f"{time.strftime('%Y-%m-%d', time.gmtime())}, `{command}`: {os.cpu_count()} cores of "
            f"{model[1].strip() if model else platform.machine()}, Linux {platform.release()}; "
            f"{steal.percent():.1f} % of the time stolen by the host.\n")


class Results:
    """A file of sections, one for each part of the bench; a part that is measured replaces its own."""

    def __init__(self, path, title):
        self.path, self.title = path, title
        self.sections = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                pieces = re.split(r"^<!-- (\w+) -->\n", file.read(), flags=re.MULTILINE)
            self.sections = dict(zip(pieces[1::2], (text.strip("\n") + "\n" for text in pieces[2::2])))

    def put(self, name, text, order):
        """order: the names of all parts."""
        self.sections[name] = text
        ordered = [f"<!-- {part} -->\n{self.sections[part]}" for part in order if part in self.sections]
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join([f"# {self.title}\n", *ordered]))
