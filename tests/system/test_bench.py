"""`bench strategies`: no strategy and no measure is missing; and what trap costs, in
instructions, which are exact in deterministic mode: no times are asserted. And the docs: tables and
pictures are those of the kept figures, which still hold."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

from machine import BUILD, ROOT, run

import reference_host

FIGURES_KEPT = f"{ROOT}/docs/bench-figures.json"

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
    # trap reads them before it holds the CPUs.
    assert of(lines, "tasks-ran", "trap")[-1]["held"] < 20000
    # census holds no CPU for longer than one stack takes, however many there are.
    assert of(lines, "tasks-ran", "census")[-1]["held"] < 3000


def test_only_some_strategies():
    done = run("--direct", "-c", "bench -j strategies entry trap census; bench strategies entry trap nobody", cpus=2)
    assert [line.split('"')[7] for line in done.output.splitlines() if line.startswith("{")] == ["trap", "census"]
    assert "bench: no strategy is called nobody; `strategy` lists them" in done.output
    assert done.status == 2         # ENOENT


def test_what_fails_says_why():
    """Not even while it keeps modules silent."""
    done = run("--direct", "--mem", "5", "-c", "bench files", cpus=4)
    assert done.status == 12 and re.search(r"^bench: .*no memory", done.output, re.M), done.output


@pytest.mark.parametrize("cpus, most", [(1, 20000), (4, 40000)])
def test_trap_with_20_tasks(cpus, most):
    _, lines = count_instructions("bench -j unload; bench -j unload-woken; bench -j strategies idle", cpus)
    unloads = [line["median"] for line in lines if line["bench"].startswith("unload")]
    assert len(unloads) == 2 and all(median < most for median in unloads)
    trap, = of(lines, "unload", "trap")
    assert trap["broadcasts"] <= 3 and trap["tries"] == 1


def kept():
    with open(FIGURES_KEPT) as f:
        origin, *rows = map(json.loads, f)
    return origin, {tuple(key): found for key, found in rows}


def test_tables_and_pictures_are_those_of_the_figures(tmp_path):
    """Byte for byte, on any host: no library draws them."""
    subprocess.run([f"{ROOT}/tools/bench", "--figures", FIGURES_KEPT, "--into", tmp_path], check=True)
    for name in ("README.md", "docs/PERFORMANCE.md", "docs/bench-latency.svg", "docs/bench-tasks.svg"):
        with open(f"{ROOT}/{name}") as f:
            assert f.read() == (tmp_path / name).read_text(), f"{name}: make bench writes it"


@pytest.mark.parametrize("cpus", [1, 4])
def test_figures_still_hold(cpus):
    """Within 10 % of the range on the reference host, within a factor of two elsewhere."""
    print(reference_host.line(BUILD))
    spread, (_, figures) = reference_host.spread(BUILD), kept()
    _, lines = count_instructions("bench -j", cpus)
    seen = 0
    for line in lines:
        if line["unit"] != "instructions" or line["bench"].startswith("  "):
            continue
        low, _, high = figures[line["bench"], "", cpus, 0]["median"]
        assert low / spread <= line["median"] <= high * spread, (line, low, high)
        seen += 1
    assert seen > 12


@pytest.mark.parametrize("name", ["bench-latency.svg", "bench-tasks.svg"])
def test_pictures_can_be_read(name):
    """No small type; no word on another; it says what made it."""
    words = []
    for text in xml.etree.ElementTree.parse(f"{ROOT}/docs/{name}").iter("{http://www.w3.org/2000/svg}text"):
        size, x, y = (float(text.get(key)) for key in ("font-size", "x", "y"))
        assert size >= 13
        width = len(text.text) * size * 0.6
        left = x - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
        words.append((left, y - size * 0.8, left + width, y, text.text))
    for i, a in enumerate(words):
        for b in words[i + 1:]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
    assert re.search(r"make bench at [0-9a-f]{7,}", words[-1][4])


def test_what_differs_is_seen(tmp_path):
    """A figure that moved: the tables and pictures of it are others."""
    changed = tmp_path / "figures.json"
    shutil.copyfile(FIGURES_KEPT, changed)
    changed.write_text(re.sub(r'("unload an idle module","",4,0\],\{"median":)\[.*?\]', r"\1[7,7,7]", changed.read_text()))
    subprocess.run([f"{ROOT}/tools/bench", "--figures", changed, "--into", tmp_path], check=True)
    assert re.search(r"^\| unload it, 20 tasks \| .* \| 7 \| `bench unload` \|$", (tmp_path / "README.md").read_text(), re.M)
    assert os.path.getsize(tmp_path / "docs/bench-latency.svg") > 10000


@pytest.mark.parametrize("gcc,qemu,reference", [
    ("12.2", "7.2", True), ("14.2", "7.2", False), ("12.2", "10.0", False)])
def test_the_reference_host(tmp_path, gcc, qemu, reference):
    """Both the compiler that made the kernel and the emulator decide."""
    (tmp_path / "quiesce.elf").write_text(f"GNU C11 {gcc}.0 -march=i686")
    (tmp_path / "qemu-system-i386").write_text(f"#!/bin/sh\necho QEMU emulator version {qemu}.22\n")
    (tmp_path / "qemu-system-i386").chmod(0o755)
    done = subprocess.run(["/usr/bin/python3", f"{ROOT}/tools/reference_host.py", tmp_path], text=True,
                          stdout=subprocess.PIPE, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == (0 if reference else 1)
    assert done.stdout.startswith("reference host" if reference else "not the reference host (GCC")
