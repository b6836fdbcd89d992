"""GDB's commands, asked at the wrong time."""

import subprocess

import pytest

from machine import BUILD, SCALE, TOOL, skip_if_lacking


@pytest.mark.parametrize("before,said", [
    ([], "modules-symbols: too early: the kernel has not switched paging on"),
    (["break start_init", "continue"], "modules-symbols: no module is loaded"),
], ids=["before-paging", "before-modules"])
def test_modules_symbols_too_early(before, said):
    commands = [word for command in before + ["modules-symbols"] for word in ("--gdb-command", command)]
    done = subprocess.run([TOOL, "--build", BUILD, "--direct", "--gdb", "--timeout", "60", *commands],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120 * SCALE)
    skip_if_lacking(done.returncode, done.stdout)
    assert said in done.stdout, done.stdout
