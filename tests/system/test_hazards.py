"""Every hazard of the catalogue, staged on four CPUs.

The default strategies must survive them all: no use after unload, no hang, no
leak, nothing half-dead. The verdicts are the machine's: the table below says
which of them a cell may have, never what it has to be printed as.
"""

import json

import pytest

from machine import Machine

FINE = {"safe", "waited", "refused", "rolled-back", "n/a"}

# What the hazard itself makes inevitable, whoever unloads.
INEVITABLE = {
    "B15": {"UAF"},     # a raw pointer left in another module's data: outside the contract
    "C16": {"hang"},    # the module's own exit does not return
}
# Where the hazard decides the outcome, not the timing.
EXPECTED = {
    "A2": {"waited"}, "A3": {"waited"}, "A4": {"waited"}, "A5": {"waited"},
    "B1": {"safe"}, "B2": {"safe"}, "B9": {"safe"}, "B10": {"refused"}, "B11": {"refused"},
    "C1": {"refused"}, "C5": {"rolled-back", "refused"}, "C7": {"refused"}, "C10": {"refused"},
    "C11": {"rolled-back"}, "C17": {"rolled-back"}, "D4": {"rolled-back"},
}


def run_all(machine, strategy):
    """The table under one strategy, by hazard."""
    output = machine.command(f"hazard -j -x 3 --all {strategy}", timeout=240).output
    cells = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert "unfit" not in output, output
    return {cell["hazard"]: cell for cell in cells}


@pytest.fixture(scope="module")
def machine():
    m = Machine("--direct", cpus=4)
    yield m
    m.close()


@pytest.mark.parametrize("strategy", ["trap", "census"])
def test_default_strategies_survive(machine, strategy):
    cells = run_all(machine, strategy)
    assert len(cells) >= 50
    wrong = [f"{name}: {cell['verdict']}: {cell['evidence']}" for name, cell in cells.items()
             if cell["verdict"] not in INEVITABLE.get(name, FINE)]
    assert not wrong, "\n".join(wrong)
    for name, allowed in EXPECTED.items():
        assert cells[name]["verdict"] in allowed, cells[name]


def test_the_use_count_fails_where_its_critics_said(machine):
    cells = run_all(machine, "naive")
    for name in ("A2", "A3", "A4", "A4b", "A5", "A17", "B2"):
        assert cells[name]["verdict"] == "UAF", cells[name]
    assert cells["B10"]["verdict"] == "refused"


def test_the_story_is_told(machine):
    story = machine.command("hazard A3").output
    for part in ("held h_a03:asleep", "unload revoke", "waited", "asleep_open+"):
        assert part in story


def test_the_slate_is_clean_afterwards(machine):
    assert not [line for line in machine.lines("lsmod") if "h_" in line]
