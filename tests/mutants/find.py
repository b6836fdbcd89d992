"""Looks for what notices a mutant that no check of its own does: the unit tests of its files, all tests in
the kernel, the hazards under trap and census. Half a minute for each that nothing notices."""

import functools
import glob
import json
import os
import re

from checks import ALL_SECONDS, ROOT, ended_badly, noticed
from lists import Check


def suites_of(m):
    """The unit tests that say that they are made of one of its files."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/unit/test_*.c"))):
        with open(path) as f:
            sources = re.findall(r"^// sources: (.*)$", "".join(f.readlines()[:9]), re.M)
        if any(edit.file in " ".join(sources).split() or f'"{edit.file}"' in open(path).read() for edit in m.edits):
            yield Check(f"unit {os.path.basename(path)[:-2]}")


# What is likely, and takes a second, comes before all tests in the kernel.
LIKELY = {"smp": "ipi spinlock hold mm unload_shoots", "sched": "sched", "entry": "entry callback after files owners",
          "module": "load init bare", "mm": "mm", "ipc": "ipc user", "user": "user ipc", "shell": "sched_sync hazard graveyard",
          "unload": "look unload hold init_section bare census files_boosts wrap"}


LIKELY_SECONDS = 30


@functools.cache
def names_of_tests(tree):
    return re.findall(r"^(\w+)$", tree.boot(Check("test -l"))[1], re.M)


def failed_tests(tree, cpus, likely=""):
    """Those that fail when all run, or the one that was running when it came to a bad end."""
    check = Check(f"test {likely} [cpus {cpus}]" if likely else f"tests [cpus {cpus}]")
    seconds = LIKELY_SECONDS if likely else ALL_SECONDS
    status, said = tree.boot(check, seconds)
    results = re.findall(r"^(\w+): (ok|skipped|E[A-Z0-9]+)\r?$", said, re.M)
    failed = [name for name, result in results if result.startswith("E")]
    if ended_badly(status, said, seconds):
        last = results[-1][0] if results else None
        names = [n for n in names_of_tests(tree) if not likely or n.startswith(tuple(likely.split()))]
        failed += names[names.index(last) + 1:][:1] if last in names else names[:1]
    return failed, bool(status)


def tests_that_notice(tree, floor):
    for name in failed_tests(tree, 4, LIKELY[floor])[0] if floor in LIKELY else ():
        yield Check(f"test {name}")
    for cpus, suffix in ((4, ""), (1, " [cpus 1]")):
        failed, bad = failed_tests(tree, cpus)
        for name in failed:
            yield Check(f"test {name}{suffix}")
        if bad:
            yield Check(f"tests{suffix}")


def table(tree, strategy):
    said = tree.boot(Check(f"run hazard -j --all {strategy}"), ALL_SECONDS)[1]
    cells = [json.loads(line) for line in said.split("\n") if line.startswith("{") and '"verdict"' in line]
    return {cell["hazard"]: cell["verdict"] for cell in cells}


def cells_that_notice(tree, tables):
    for strategy, usual in tables.items():
        now = table(tree, strategy)
        for hazard, verdict in usual.items():
            if now.get(hazard) != verdict:
                yield Check(f"cell {hazard} {strategy}={verdict}")


def what_notices(m, tree, tables):
    """(why, check) of the first that does so by itself, too; None: nothing."""
    for check in suites_of(m):
        why = noticed(check, tree)
        if why:
            return why, check
    tree.make()
    for candidates in (tests_that_notice(tree, m.floor), cells_that_notice(tree, tables)):
        for check in candidates:
            why = noticed(check, tree)
            if why:
                return why, check
    return None


def usual_tables(tree):
    return {strategy: table(tree, strategy) for strategy in ("trap", "census")}
