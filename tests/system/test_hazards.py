"""Every hazard of the catalogue under every strategy, against the committed table
(docs/HAZARDS.md). What differs is either a defect or news that the table has to tell."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from machine import BUILD, ROOT, SCALE, skip_if_lacking

TOOL = os.path.join(ROOT, "tools/hazards")
DOCUMENT = os.path.join(ROOT, "docs/HAZARDS.md")
TEMPLATE = os.path.join(ROOT, "docs/HAZARDS.in")


def hazards(*options, **env):
    done = subprocess.run([TOOL, "--build", BUILD, *map(str, options)], stdin=subprocess.DEVNULL, env={**os.environ, **env},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=900 * SCALE)
    print(done.stdout + done.stderr)
    skip_if_lacking(done.returncode, done.stderr)
    return done


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The table of four CPUs, as JSON lines; two boots side by side."""
    path = tmp_path_factory.mktemp("hazards") / "cells"
    done = hazards("--compare", "--keep", path, QUIESCE_COVERAGE="lines")      # for tests/run-all
    return done, path


def test_every_cell_is_as_committed(kept):
    done, path = kept
    assert done.returncode == 0, done.stdout
    cells = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(cells) == len({(c["hazard"], c["strategy"]) for c in cells}) > 1000
    assert {c["cpus"] for c in cells} == {4}
    assert all(c["evidence"] for c in cells)


def test_nothing_but_a_run_is_in_the_document(kept, tmp_path):
    """Written from these cells it is the committed one, up to evidence; and what
    docs/HAZARDS.in claims of cells is so."""
    _, path = kept
    written = tmp_path / "HAZARDS.md"
    done = hazards("--reuse", path, "--write", "--document", written)
    assert done.returncode == 0, done.stdout

    def without_evidence(text):
        return [line for line in text.splitlines() if not re.match(r"- [\w-]+: ", line)]

    assert without_evidence(written.read_text()) == without_evidence(open(DOCUMENT).read())


def test_a_cell_that_differs_is_told(kept, tmp_path):
    _, path = kept
    wrong = tmp_path / "HAZARDS.md"
    row = re.search(r"^\| A3 .*$", open(DOCUMENT).read(), re.M).group(0)
    wrong.write_text(open(DOCUMENT).read().replace(row, row.replace("**UAF**", "safe", 1)))
    done = hazards("--reuse", path, "--compare", "--document", wrong)
    assert done.returncode == 1
    assert re.search(r"^  A3 naive:\n    before safe: .*\n    now    UAF: .*asleep_open\+", done.stdout, re.M)
    assert "1 differ" in done.stdout


@pytest.mark.parametrize("line,complaint", [
    ("@shows trap | A3 | UAF", "A3 under trap is UAF; it is waited"),
    ("@expect Nobody | trap | A3 | safe", "Nobody expects safe of A3 under trap; it is waited"),
    ("@shows trap | A99 | safe", "A99: no such hazard"),
    ("@expect Nobody | nobody | A3 | safe", "nobody: no such strategy"),
])
def test_a_claim_that_does_not_hold_is_told(kept, tmp_path, line, complaint):
    _, path = kept
    template = tmp_path / "HAZARDS.in"
    template.write_text(open(TEMPLATE).read() + line + "\n")
    done = hazards("--reuse", path, "--write", "--document", tmp_path / "out", "--template", template)
    assert done.returncode == 1
    assert complaint in done.stdout


def test_default_strategies_in_parallel():
    """The same verdicts with a host thread for each CPU, where times are nobody's choice."""
    done = hazards("--compare", "--multi", "--only", "trap", "--only", "census")
    assert done.returncode == 0, done.stdout


def test_a_host_that_stands_still_is_no_verdict():
    """All deadlines of the machine are over then: what was staged meanwhile is staged again."""
    argv = [TOOL, "--build", BUILD, "--compare", "--multi", "--only", "trap"]
    argv += [word for h in ("A1", "A2", "A3", "A7", "A11", "A15", "C11", "D1") for word in ("--only", h)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    said = None
    for _ in range(4):                  # any instant will do that is not before the first cell
        try:
            said, errors = process.communicate(timeout=3)
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(1)
            os.killpg(process.pid, signal.SIGCONT)
    if said is None:
        said, errors = process.communicate(timeout=300 * SCALE)
    skip_if_lacking(process.returncode, errors)
    assert re.search(r"^4 CPUs, parallel: the host stood still for \d\.\d s: \w+ trap is staged again$", said, re.M), said
    assert "8 cells" in said and "0 differ" in said and process.returncode == 0


def test_the_table_at_the_prompt(boot):
    m = boot("--direct", cpus=4)
    table = m.lines(f"hazard -x {max(2, round(2 * SCALE))} --all A3 B1 naive young trap")
    assert [line.split() for line in table if re.match(r"[AB]\d", line)] == [
        ["A3", "UAF", "wait", "wait"], ["B1", "UAF", "safe", "safe"]]
    assert table[0].split() == ["naive"] and table[2].split() == ["|", "|", "trap"]
    assert re.match(r"safe 2 +wait \(waited\) 2 +UAF 2", table[-1])
    story = "\n".join(m.lines("hazard -x 8 A3 trap"))
    for part in ("A3, asleep-inside, under trap", "held h_a03:asleep", "unload revoke", "\nwaited: ", "asleep_open+"):
        assert part in story
    m.lines("insmod h_a03_asleep")
    assert "h_a03_asleep is loaded: no clean slate; rmmod it first" in m.command("hazard B1 trap").output
    m.lines("rmmod h_a03_asleep; hazard B1 trap")
    assert m.command("strategy server").status == "ENOENT"
    story = "\n".join(m.lines("hazard -x 8 B14 server"))
    assert "\nsafe: " in story and "ended while clients waited in calls" in story
    assert m.command("hazard X3").status == "ENOENT"
    assert m.command("hazard --all --from X3 trap").status == "ENOENT"
    assert not [line for line in m.lines("lsmod") if "h_" in line]


def test_the_rows_are_in_the_catalogues_order(boot):
    ids = [line.split()[0] for line in boot("--direct", cpus=2).lines("hazard")]
    assert ids == sorted(ids, key=lambda i: (i[0], int(re.match(r".(\d+)", i)[1]), i))
