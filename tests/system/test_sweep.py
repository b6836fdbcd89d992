"""tools/sweep-seeds: what it runs, what it keeps, and that it takes no other program called parallel."""

import os
import re
import shutil
import subprocess

import pytest

from machine import BUILD, ROOT

SWEEP = os.path.join(ROOT, "tools/sweep-seeds")
HAS_PARALLEL = shutil.which("parallel") and "GNU" in subprocess.run(
    ["parallel", "--version"], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def sweep(*options, keep, env=None):
    return subprocess.run([SWEEP, "--build", BUILD, "--keep", str(keep), *options], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})


@pytest.mark.skipif(not HAS_PARALLEL, reason="no GNU parallel")
def test_what_fails_is_kept_with_the_line_that_repeats_it(tmp_path):
    """One that the kernel refuses, on 1 and 2 CPUs."""
    done = sweep("-c", "insmod nonsense_{seed}", "--seeds", "2", "--smp", "2,1", keep=tmp_path)
    assert done.returncode == 1, done.stderr
    again = dict(re.findall(r"^seed (\d+): .*\n    again: (.*)$", done.stdout, re.M))
    assert set(again) == {"1", "2"}
    assert "--seed 1 --smp 1 " in again["1"] and "--seed 2 --smp 2 " in again["2"]
    assert again["1"].endswith("-c 'insmod nonsense_1'")
    assert "sweep: 2 seeds, 2 failed" in done.stdout
    assert "nonsense_2" in (tmp_path / "seed-2.txt").read_text()


def test_moreutils_is_told_apart(tmp_path):
    """Its parallel knows no --version."""
    (tmp_path / "parallel").write_text("#!/bin/sh\necho 'parallel [OPTIONS] command -- arguments' >&2; exit 1\n")
    (tmp_path / "parallel").chmod(0o755)
    done = sweep("-c", "cpus", keep=tmp_path / "keep", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 126 and "not GNU parallel" in done.stderr
