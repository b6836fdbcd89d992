"""tools/soak: parts by name, each below an hour, whose commands may be anything."""

import os
import re
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from machine import BUILD, ROOT, skip_if_lacking

TOOL = os.path.join(ROOT, "tools/soak")


@pytest.fixture(scope="module")
def soak():
    loader = SourceFileLoader("soak", TOOL)
    module = module_from_spec(spec_from_loader("soak", loader))
    loader.exec_module(module)
    return module


@pytest.mark.quick
def test_the_list(soak):
    """Every part with its duration, none above an hour; the tools that they start are there."""
    said = subprocess.run([TOOL, "--part", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = dict(re.findall(r"^(\w+) +(\d+) min", said, re.M))
    total = int(rows.pop("all"))
    assert rows.keys() == soak.read_parts().keys() and {"seeds", "parallel", "bochs", "torture", "calls"} <= rows.keys()
    assert all(0 < int(minutes) <= 60 for minutes in rows.values()) and total == sum(map(int, rows.values()))
    for part in soak.read_parts().values():
        assert os.access(os.path.join(ROOT, part.command.split()[0]), os.X_OK)


def test_a_part_above_an_hour_is_refused(soak):
    with pytest.raises(ValueError, match="long: a part takes at most 60 minutes"):
        soak.read_parts("long | 61 | too much | true")


def test_any_shell_command_is_a_part(soak, tmp_path):
    part, = soak.read_parts('x | 1 | a | cd "$BUILD" && echo $((SOAK + 1)) | tee said').values()
    assert part.run(str(tmp_path), 5) == 0
    assert (tmp_path / "said").read_text() == "6\n"


@pytest.mark.quick
def test_what_parts_come_to(soak, monkeypatch, capsys):
    parts = "good | 1 | a | true\nbad | 1 | b | exit 3\nlacking | 1 | c | exit 126\n"
    monkeypatch.setattr(soak, "read_parts", lambda text=parts, read=soak.read_parts: read(text))

    def main(*words):
        monkeypatch.setattr("sys.argv", ["soak", *words])
        return soak.main(), capsys.readouterr().out

    status, said = main()
    assert status == 1 and "1 parts passed, 1 failed, 1 skipped" in said and "bad: FAILED (status 3)" in said
    assert main("--part", "good,lacking")[0] == 0
    assert main("--part", "lacking")[0] == 1            # nothing was shown
    with pytest.raises(SystemExit, match="nonsense: no such part; there are: good bad lacking"):
        main("--part", "nonsense")


def test_a_part_that_does_not_end_has_failed(soak, monkeypatch, tmp_path):
    monkeypatch.setattr(soak, "GRACE", 0)
    part, = soak.read_parts("x | 1 | a | exec sleep 100").values()
    assert part.run(str(tmp_path), 1) is None


def test_a_short_storm():
    """One boot of torture, which is judged."""
    done = subprocess.run([os.path.join(ROOT, "tools/hazards"), "--build", BUILD, "--soak", "1", "--what", "torture"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    skip_if_lacking(done.returncode, done.stderr)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^torture: [1-9]\d* boots, 0 wrong$", done.stdout, re.M)
