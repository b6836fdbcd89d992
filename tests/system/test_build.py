"""The build: what it refuses, what it makes, modules out of tree."""

import os
import shutil
import subprocess

import pytest

from machine import BUILD, ROOT, run

BLINK = """
#include "module/api.h"
static u32 times = 1;
module_param(times, uint);
static int __init blink_init(void) { printk("blink: %u times\\n", times); return 0; }
module_init(blink_init);
MODULE_DESCRIPTION("Blinks.");
MODULE_LICENSE("MIT");
"""


def make(*arguments):
    """A build of its own, also when `make test` is what runs us."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", "-C", ROOT, *arguments], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def toolchain(**env):
    return subprocess.run([f"{ROOT}/tools/toolchain"], env={**os.environ, **env}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_host_compiler_is_refused():
    done = toolchain(CROSS="x86_64-linux-gnu-")
    assert done.returncode == 1 and not done.stdout
    assert "a host compiler will not do" in done.stderr
    assert "apt-get install gcc-i686-linux-gnu" in done.stderr


def test_missing_compiler_is_named():
    done = toolchain(CROSS="no-such-")
    assert done.returncode == 1 and "no-such-gcc is not installed" in done.stderr


def test_what_is_missing_is_said_exactly(tmp_path):
    """Where nothing may be installed, tools/deps prints the line to type."""
    for name in ("bash", "cat", "id", "sed"):
        os.symlink(shutil.which(name), tmp_path / name)
    done = subprocess.run([f"{ROOT}/tools/deps", "run"], env={"PATH": str(tmp_path)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "apt-get install" in done.stderr
    for package in ("gcc-i686-linux-gnu", "nasm", "xorriso", "mtools", "qemu-system-x86"):
        assert f" {package}" in done.stderr


def test_module_out_of_tree(tmp_path):
    (tmp_path / "blink.c").write_text(BLINK)
    built = make(f"BUILD={tmp_path}/build", f"M={tmp_path}")
    assert built.returncode == 0, built.stdout
    done = run("--direct", "--module", str(tmp_path / "blink.ko"),
               "-c", "insmod blink times=7; lsmod; rmmod blink")
    assert done.status == 0
    assert "blink: 7 times" in done.output


def test_clang_builds_it(tmp_path):
    if not shutil.which("clang"):
        pytest.skip("environment: clang is missing; remedy: apt-get install clang")
    built = make("CLANG=1", f"BUILD={tmp_path}", "kernel", "modules")
    assert built.returncode == 0, built.stdout
    assert "warning" not in built.stdout


def test_kernel_image_is_small():
    """As on the ISO, below 288 KiB: 220 before it had ring 3 and all rows of strategies."""
    assert os.path.getsize(f"{BUILD}/stripped.elf") < 288 << 10
