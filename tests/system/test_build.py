"""The build: what it refuses, what it makes, modules out of tree."""

import os
import re
import shutil
import struct
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


def pretend(folder, name, script):
    """A program of that name in the folder, which goes before the real one."""
    path = folder / name
    path.write_text(f"#!/bin/sh\nreal={shutil.which(name)}\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_host_compiler_is_refused():
    done = toolchain(CROSS="x86_64-linux-gnu-")
    assert done.returncode == 1 and not done.stdout
    assert "a host compiler will not do" in done.stderr
    assert "gcc-i686-linux-gnu" in done.stderr


def test_missing_compiler_is_named():
    done = toolchain(CROSS="no-such-")
    assert done.returncode == 1 and "no-such-gcc is not installed" in done.stderr


def test_known_compiler_has_errors_of_its_warnings():
    done = toolchain()
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "PROBED_CFLAGS+=-Werror" in done.stdout and "PROBED_NASMFLAGS+=-Werror" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("PREFIX:=")


GCC = "i686-linux-gnu-gcc"


def test_unknown_compiler_only_warns(tmp_path):
    """GCC 99 is said to be unknown, in one line, and its warnings stop nothing."""
    path = pretend(tmp_path, GCC, 'exec $real -U__GNUC__ -D__GNUC__=99 "$@"')
    done = toolchain(PATH=path, CROSS="i686-linux-gnu-")
    assert done.returncode == 0 and "PROBED_CFLAGS+=-Werror" not in done.stdout
    assert done.stderr.count("\n") == 1 and "GCC 99 is not one of those known (GCC 12 to 16" in done.stderr


def test_compiler_without_the_flags_is_refused(tmp_path):
    """GCC 11 does not know -ftrivial-auto-var-init."""
    path = pretend(tmp_path, GCC, """
        case $* in *-ftrivial-auto-var-init*) exit 1 ;; esac
        exec $real -U__GNUC__ -D__GNUC__=11 "$@" """)
    done = toolchain(PATH=path, CROSS="i686-linux-gnu-")
    assert done.returncode == 1 and not done.stdout
    assert "(GCC 11) cannot compile with" in done.stderr and "GCC 12 or later can" in done.stderr


@pytest.mark.parametrize("knows", [True, False])
def test_flags_of_nasm_are_probed(tmp_path, knows):
    """2.16.03 warns of each reference between sections; 2.16.01 refuses the name of that warning."""
    path = pretend(tmp_path, "nasm", f"""
        case $* in
        -v) echo "NASM version {'3.01' if knows else '2.16.01'}" ;;
        *reloc-*) exit {0 if knows else 1} ;;
        esac""")
    done = toolchain(PATH=path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    for flag in ("-w-reloc-abs-dword", "-w-reloc-rel-dword"):
        assert (f"PROBED_NASMFLAGS+={flag}" in done.stdout) == knows


ENABLE = "-enable-trivial-auto-var-init-zero"


@pytest.mark.parametrize("major, refusal", [(14, f"*trivial-auto-var-init=zero*) case $* in *{ENABLE}*) ;; *) exit 1 ;; esac ;;"),
                                            (19, f"*{ENABLE}*) exit 1 ;;"),
                                            (99, f"*{ENABLE}*) exit 1 ;;")])
def test_flags_of_clang_are_probed(tmp_path, major, refusal):
    """clang 14 wants one more flag to zero variables, 16 has no need of it, 19 refuses it."""
    path = pretend(tmp_path, "clang-x", f"""
        case $* in
        *-E*) cat | sed 's/__clang_major__/{major}/; s/__GNUC__/4/' ;;
        {refusal}
        esac""")
    done = toolchain(PATH=path, CLANG="clang-x")
    assert done.returncode == 0, done.stderr
    assert (f"PROBED_CFLAGS+={ENABLE}" in done.stdout) == (major == 14)
    assert ("PROBED_CFLAGS+=-Werror" in done.stdout) == (major != 99)


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


def with_an_address(data, name):
    """A relocatable file in which that section has an address, as from GNU ld 2.44."""
    headers, = struct.unpack_from("<I", data, 32)
    size, count, names = struct.unpack_from("<HHH", data, 46)
    texts, = struct.unpack_from("<I", data, headers + names * size + 16)
    changed = bytearray(data)
    for at in range(headers, headers + count * size, size):
        start = texts + struct.unpack_from("<I", data, at)[0]
        if data[start:].startswith(name + b"\0"):
            struct.pack_into("<I", changed, at + 12, 0x10)
    assert changed != data
    return changed


def test_debugger_finds_lines_of_init(tmp_path):
    """Where a section that is not even loaded has an address, GDB put all lines into .text."""
    if not shutil.which("gdb"):
        pytest.skip("environment: gdb is missing; remedy: apt-get install gdb")
    with open(f"{BUILD}/modules/rtc.ko", "rb") as f:
        (tmp_path / "rtc.ko").write_bytes(with_an_address(f.read(), b".note.GNU-stack"))
    done = run("--direct", "--gdb", "-c", "insmod rtc", cpus=None, *[
        word for command in (f"modules-folder {tmp_path}", "set breakpoint pending on",
                             "break rtc_init", "continue", "bt")
        for word in ("--gdb-command", command)])
    assert re.search(r"#0  rtc_init \(\) at modules/rtc.c:\d+", done.output), done.output


FLOATS = {
    "variable":   ("static float x; ", "x = n; return x > 2;", 'poisoned'),
    "argument":   ("int g(double); int g(double d) { return d > 1; } ", "return 0;", 'poisoned'),
    "cast":       ("", "return (float)n > 2;", 'poisoned'),
    "constant":   ("", "return n * 0.5;", "float"),
    "conversion": ("", "n *= 1.5f; return n;", "float-conversion"),
    "hidden":     ("", "typeof(1.f) x = n; return (int)(x * 1.5f);", "uses floating point (calls __fixsfsi"),
}


@pytest.mark.parametrize("clang", ["", "1"])
def test_floating_point_is_refused(tmp_path, clang):
    """Where it is written, and where no word of it is, at the latest when the module is linked."""
    if clang and not shutil.which("clang"):
        pytest.skip("environment: clang is missing; remedy: apt-get install clang")
    for name, (before, body, _) in FLOATS.items():
        (tmp_path / f"{name}.c").write_text(
            f'#include "module/api.h"\n{before}int f_{name}(int n); int f_{name}(int n) {{ {body} }}\n')
    (tmp_path / "whole.c").write_text('#include "module/api.h"\nint f(int n); int f(int n) { return n / 2; }\n')
    built = make("-k", "-Otarget", f"CLANG={clang}", f"BUILD={tmp_path}/build", f"M={tmp_path}")
    assert built.returncode
    for name, (_, _, why) in FLOATS.items():
        assert not (tmp_path / f"{name}.ko").exists()
        said = [line for line in built.stdout.splitlines() if f"{name}." in line]
        assert any(why in line for line in said), (name, built.stdout)
    assert (tmp_path / "whole.ko").exists()


def test_clang_builds_it(tmp_path):
    if not shutil.which("clang"):
        pytest.skip("environment: clang is missing; remedy: apt-get install clang")
    built = make("CLANG=1", f"BUILD={tmp_path}", "kernel", "modules")
    assert built.returncode == 0, built.stdout
    assert "warning" not in built.stdout


def test_kernel_image_is_small():
    """As on the ISO, below 272 KiB: 220 before it had ring 3 and all rows of strategies."""
    assert os.path.getsize(f"{BUILD}/stripped.elf") < 272 << 10
