"""tools/sweep: what counts as well, what it keeps, and the page that it writes."""

import json
import os
import subprocess

import pytest

from machine import BUILD, ROOT, SCALE
from machines import boot, matrix, page, screen

SWEEP = os.path.join(ROOT, "tools/sweep")
ROW = matrix.Row("Machines", "a machine", ["--direct"], cpus=2)
BOOTED = "Quiesce: how do you take code out of a running kernel?\n2/2 CPUs\nquiesce> "
PANIC = "Quiesce: how do you take code out of a running kernel?\npanic: no usable ACPI tables; switch ACPI on\nmonitor> "
REFUSED = "Quiesce: this CPU has no PAE; a Pentium Pro or later is needed."


@pytest.mark.parametrize("text,kind,lines,well", [
    (BOOTED, "text 80x25", ["2/2 CPUs", "quiesce>"], True),
    (BOOTED, "text 80x25", ["Booting from ROM..."], False),             # nothing on the screen
    (BOOTED, None, [], True),                                           # it has none
    (BOOTED.replace("2/2", "1/2"), None, [], False),
    (BOOTED.replace("2/2", "1/1"), None, [], False),
    (PANIC, "1024x768", ["panic: no usable ACPI tables; switch", " ACPI on", "monitor>"], True),
    (PANIC, "1024x768", ["monitor>"], False),
    (REFUSED, "text 80x25", [REFUSED], True),
    (REFUSED, "text 80x25", [], False),
    ("Quiesce: how do you take code out of a running kernel?\n", None, [], False),
    ("", "text 80x25", ["Booting from ROM..."], False),
])
def test_what_is_well(text, kind, lines, well):
    assert boot.judge(ROW, "end", text, kind, lines)["ok"] is well


def picture(text, font, scale):
    """A PPM of one line, white on blue."""
    glyphs = {char: bits for bits, char in reversed(font.items())}
    rows = []
    for y in range(screen.HEIGHT):
        row = b"".join(bytes([255] * 3 if bit else [0, 0, 127]) * scale for char in text
                       for bit in glyphs[char][y * screen.WIDTH:(y + 1) * screen.WIDTH])
        rows += [row] * scale
    return b"P6\n%d %d\n255\n" % (len(text) * screen.WIDTH * scale, len(rows)) + b"".join(rows)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_framebuffer_is_read(scale):
    font = screen.read_font(os.path.join(BUILD, "made/font.c"))
    assert screen.read_picture(picture("Quiesce: 4/4 CPUs?", font, scale), font) == ["Quiesce: 4/4 CPUs?"]


def sweep(*options):
    return subprocess.run([SWEEP, "--build", BUILD, *options], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300 * SCALE)


def test_rows_are_booted_once_and_compared(tmp_path):
    """A refusal, an early panic and a prompt, each on the screen; as docs/MACHINES.md has them."""
    rows = ["CPU models: 486", "Machines: pc, ACPI off", "CPU counts and topologies: 2"]
    chosen = ["--only", ";".join(rows), "--results", str(tmp_path / "results"), "--compare"]
    done = sweep(*chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert {r["row"]: r["on_screen"] for r in results} == dict.fromkeys(rows, True)
    again = sweep(*chosen)
    assert again.returncode == 0 and len((tmp_path / "results").read_text().splitlines()) == 3
    assert "3 rows: 3 well, 0 failed, 0 skipped" in again.stdout


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Pages of their own, with nothing between the marks."""
    for name, groups in (("PAGE", ["Machines", "v86"]), ("README", ["summary"])):
        path = tmp_path / name
        path.write_text("".join(f"<!-- made by tools/sweep: {group} -->\n<!-- end -->\n" for group in groups))
        monkeypatch.setattr(page, name, str(path))
    return tmp_path


def test_the_page(pages):
    rows = [ROW, matrix.Row("Machines", "another", []), matrix.Row("Machines", "a third", []), matrix.Row("v86", "CD", [])]
    results = {rows[0].key: boot.judge(ROW, "end", BOOTED), rows[1].key: boot.judge(ROW, "end", PANIC),
               rows[2].key: boot.judge(ROW, "timeout", "")}
    page.write(rows, results)
    text = (pages / "PAGE").read_text()
    assert "| a machine | 2/2 | none | the prompt |\n| another |  | none | no usable ACPI tables; switch ACPI on |\n" in text
    assert "| a third |  | none | **FAILED** |\n" in text and "| CD |  |  | not run |\n" in text
    summary = (pages / "README").read_text()
    assert "| Machines | 3 | 1 | 1 | 1 |\n" in summary
    assert page.differences(rows, results) == []
    page.write(rows, {})                    # what was not run this time stays
    assert (pages / "PAGE").read_text() == text
    results[rows[0].key] = boot.judge(ROW, "end", PANIC)
    assert len(page.differences(rows, results)) == 1


def test_every_row_is_on_the_page():
    """And no other; what docs/MACHINES.md says of them is compared by `make soak`."""
    with open(page.PAGE) as f:
        text = f.read()
    for group in {row.group for row in matrix.rows()}:
        assert list(page.lines_of(text, group)) == [row.name for row in matrix.rows() if row.group == group]
    assert "FAILED" not in text
