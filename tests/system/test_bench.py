"""`bench strategies`: no strategy and no measure is missing; and what trap costs, in
instructions, which are exact in deterministic mode: no times are asserted."""

import json

import pytest

from machine import run

FIGURES = {
    "unload": ("median", "p99", "max", "held", "asker_held", "calls", "reschedules", "tries",
               "asked", "refused", "late_uses"),
    "hammer": ("median", "p99", "max", "held", "asker_held", "calls", "reschedules", "tries",
               "asked", "refused", "late_uses"),
    "entry": ("open", "read", "irq", "yield", "open_uncounted", "read_uncounted",
              "irq_uncounted", "yield_uncounted", "module_bytes"),
    "tasks": ("more", "median", "max", "held", "asker_held", "refused"),
    "tasks-ran": ("more", "median", "max", "held", "asker_held", "refused"),
    "modules": ("more", "median", "max", "held", "asker_held", "refused"),
}
POINTS = {"tasks": [10, 100, 1000, 10000], "tasks-ran": [10, 100, 1000, 10000],
          "modules": [0, 10, 100, 200]}


def count_instructions(command, cpus):
    done = run("--direct", "--deterministic", "--seed", "0", "--mem", "256", "-c", command,
               cpus=cpus, timeout=240)
    assert done.status == 0
    return done.output, [json.loads(text) for text in done.output.splitlines()
                         if text.startswith("{")]


@pytest.fixture(scope="module")
def costs():
    output, lines = count_instructions("strategy; bench -j strategies", 2)
    names = [line[2:].split()[0] for line in output.splitlines()
             if line.startswith(("* ", "  ")) and not line.startswith("   ")]
    return names, lines


def of(lines, measure, strategy):
    return [line for line in lines
            if (line.get("measure"), line.get("strategy")) == (measure, strategy)]


def test_every_strategy_and_measure(costs):
    names, lines = costs
    assert {"naive", "trap", "census"} <= set(names)
    assert {line["strategy"] for line in lines} == set(names)
    for name in names:
        for measure, figures in FIGURES.items():
            found = of(lines, measure, name)
            assert [line.get("more") for line in found] == POINTS.get(measure, [None])
            for line in found:
                assert (line["unit"], line["cpus"]) == ("instructions", 2)
                assert all(isinstance(line[figure], int) for figure in figures), line
    for line in lines:
        if line["measure"] in ("unload", "hammer"):
            # It went, or it was refused; nobody is missing.
            assert line["samples"] + line["refused"] == line["asked"] > 0
        elif line["measure"] != "entry":
            assert line["samples"] or line["refused"]
    assert all(line["samples"] == 64 for line in lines if line["measure"] == "unload")


def test_who_looks_at_stacks_does_not_touch_the_way_in(costs):
    _, lines = costs
    for name in ("trap", "census"):
        cost, = of(lines, "entry", name)
        assert (cost["read"], cost["irq"]) == (cost["read_uncounted"], cost["irq_uncounted"])
        hammered, = of(lines, "hammer", name)
        assert hammered["samples"] and hammered["late_uses"] == 0


def test_trap_with_thousands_of_tasks(costs):
    """Each further task: 50 instructions and 4 a word of its stack; next to nothing if it
    has not run since the load."""
    _, lines = costs
    for measure, fixed in (("tasks", 30), ("tasks-ran", 50)):
        thousand, ten_thousand = of(lines, measure, "trap")[-2:]
        each = (ten_thousand["median"] - thousand["median"]) / 9000
        words = (ten_thousand["words"] - thousand["words"]) / 9000
        assert each <= fixed + 4 * words, (measure, each, words)
    # census holds no CPU for longer than one stack takes, however many there are.
    assert of(lines, "tasks-ran", "census")[-1]["held"] < 3000


def test_only_some_strategies():
    done = run("--direct", "-c", "bench -j strategies entry trap census; bench strategies entry trap nobody", cpus=2)
    assert [line.split('"')[7] for line in done.output.splitlines() if line.startswith("{")] == ["trap", "census"]
    assert "bench: no strategy is called nobody; `strategy` lists them" in done.output
    assert done.status == 2         # ENOENT


@pytest.mark.parametrize("cpus, most", [(1, 20000), (4, 40000)])
def test_trap_with_20_tasks(cpus, most):
    _, lines = count_instructions("bench -j unload; bench -j unload-woken; bench -j strategies idle", cpus)
    unloads = [line["median"] for line in lines if line["bench"].startswith("unload")]
    assert len(unloads) == 2 and all(median < most for median in unloads)
    trap, = of(lines, "unload", "trap")
    assert trap["broadcasts"] <= 3 and trap["tries"] == 1
