# SPDX-License-Identifier: BSD-2-Clause
"""runs.py - what runs of drills gave, kept so that an interrupted session goes on; for lab/drills and lab/report."""

import json
import math
import os


class Store:
    """A directory with a file for each drill, and in it a line of JSON for each run."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, drill):
        return os.path.join(self.directory, drill + ".jsonl")

    def load(self, drill):
        try:
            with open(self.path(drill), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def add(self, drill, run):
        os.makedirs(self.directory, exist_ok=True)
        with open(self.path(drill), "a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")


def quantile(values, part):
    """Nearest rank: always a value that was seen."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]
