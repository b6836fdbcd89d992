"""The checked builds, as far as it is cheap: what is built of them here is one module. Their kernels
are built and run by tests/checked/run, the parts kcsan and checked of the soak."""

import os
import re
import subprocess

import pytest

from machine import BUILD, ROOT, run

NULL = """#include "module/api.h"
static int __init plain_init(void) { return 0; }
module_init(plain_init);
MODULE_DESCRIPTION("Does nothing.");
"""


def make(*words):
    return subprocess.run(["env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "make", "-C", ROOT, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


@pytest.mark.parametrize("option", ["CHECKED=1", "KCSAN=1"])
def test_module_of_another_build(tmp_path, option):
    """The stamp says what the module calls, and the loader which kernel has that."""
    (tmp_path / "plain.c").write_text(NULL)
    built = make(option, f"BUILD={tmp_path}/build", f"M={tmp_path}")
    assert built.returncode == 0, built.stdout
    done = run("--direct", "--module", str(tmp_path / "plain.ko"), "-c", "insmod plain", cpus=1)
    assert done.status != 0
    assert (f"plain: built with {option}, which this kernel was not; boot one that was (make run {option}), "
            "or build the module without") in done.output


def test_both_at_once_are_refused():
    built = make("KCSAN=1", "CHECKED=1", "kernel")
    assert built.returncode and "make one of them" in built.stdout


def test_lines_are_those_of_the_debugger(tmp_path):
    """tools/lines against addr2line, for each function of a kernel."""
    kernel, tool = f"{BUILD}/quiesce.elf", None
    for prefix in ("i686-linux-gnu-", "i686-elf-", ""):
        if subprocess.run(["sh", "-c", f"command -v {prefix}objdump"], stdout=subprocess.DEVNULL).returncode == 0:
            tool = prefix
            break
    table = subprocess.run([f"{ROOT}/tools/lines", "--objdump", f"{tool}objdump", kernel], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    files = re.findall(r'^static const char file\d+\[\] SECTION = "(.*)";$', table, re.M)
    rows = [(int(a, 16), files[int(f)], int(n)) for a, f, n in
            re.findall(r"^\t\{ (0x[0-9a-f]+), (\d+), (\d+) \},$", table, re.M)]
    assert len(rows) > 10000 and rows == sorted(rows, key=lambda row: row[0])
    sample = [row for row in rows[::97] if row[2] and row[0] >= 0xc0000000]
    said = subprocess.run([f"{tool}addr2line", "-e", kernel], check=True, stdout=subprocess.PIPE, text=True,
                          input="".join(f"{a:#x}\n" for a, _, _ in sample)).stdout.splitlines()
    same = sum(os.path.basename(there.split(":")[0]) == os.path.basename(file) and
               re.search(rf":{n}( |$)", there) is not None for (_, file, n), there in zip(sample, said))
    # Where a line is split into views both may name another of them.
    assert same > 0.97 * len(sample), [pair for pair in zip(sample, said)][:20]
