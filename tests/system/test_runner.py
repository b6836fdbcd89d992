"""tools/run itself: commands arrive unchanged, exit statuses tell the truth."""

import os
import re
import signal
import struct
import subprocess
import zlib

import pytest

from machine import BUILD, LACKING, PANICKED, ROOT, TIMED_OUT, TOOL, run

WAYS = {"direct": ["--direct"], "iso": []}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_quotes_survive_the_loader(way):
    # GRUB and QEMU quote the kernel's command line; what arrives must be what was typed.
    done = run(*way, "-c", r'''no-such "two  words" it's $HOME \x41 a,b=c; cpus''')
    assert done.status != 0
    assert r'''quiesce> no-such "two  words" it's $HOME \x41 a,b=c''' in done.output
    assert "no-such: " in done.output
    assert "quiesce> cpus" in done.output


def test_status_of_the_first_failure():
    assert run("--direct", "-c", "cpus").status == 0
    assert run("--direct", "-c", "cpus; no-such-command; cpus").status == 2      # ENOENT


def test_time_out():
    done = run("--direct", "-c", "torture -t 1000", timeout=10)
    assert done.status == TIMED_OUT


def test_emulator_goes_with_the_runner():
    tool = subprocess.Popen([TOOL, "--build", BUILD, "--direct", "-c", "torture -t 1000"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    tool.stdout.read(1)         # it runs
    tool.send_signal(signal.SIGKILL)
    tool.stdout.read()          # ends when nobody holds the pipe any more


def test_environment_lacks_something(tmp_path):
    done = subprocess.run(["/usr/bin/python3", TOOL, "--build", BUILD, "--direct", "-c", "cpus"],
                          env={"PATH": str(tmp_path)}, stderr=subprocess.PIPE, text=True)
    assert done.returncode == LACKING
    assert "apt-get install qemu-system-x86" in done.stderr


def test_deterministic():
    """Four CPUs: the same seed gives the same run byte for byte, another another one."""
    def output(seed):
        done = run("--direct", "--deterministic", "--seed", str(seed), "-c", "cpus; torture -t 1; ps")
        return done.status, done.output

    first = output(1)
    assert first == output(1)
    assert first != output(2)


@pytest.mark.parametrize("options", [["--direct"], [], ["--uefi", "x64"]],
                         ids=["text", "framebuffer", "uefi"])
def test_screenshot(tmp_path, options):
    picture = tmp_path / "screen.png"
    done = run(*options, "--screenshot", str(picture), "-c", "help")
    assert done.status == 0
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 640 and height >= 400
    assert lit_part(data) > 0.01, "the screen is dark"


def lit_part(png):
    """Which part of a picture's bytes is not black (PNG specification, chapters 5 and 9)."""
    at, packed = 8, b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IDAT":
            packed += png[at + 8:at + 8 + length]
        at += 12 + length
    pixels = zlib.decompress(packed)
    return 1 - pixels.count(0) / len(pixels)


def test_image_is_small_and_complete():
    assert os.path.getsize(f"{BUILD}/quiesce.iso") < 8 << 20
    listing = subprocess.run(["xorriso", "-indev", f"{BUILD}/quiesce.iso", "-find", "/"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for path in ("/boot/quiesce.elf", "/boot/modules.tar", "/efi.img"):
        assert f"'{path}'" in listing


def test_image_is_reproducible(tmp_path):
    again = tmp_path / "again.iso"
    subprocess.run([f"{ROOT}/tools/mkiso", f"{BUILD}/stripped.elf", f"{BUILD}/modules.tar", again],
                   check=True)
    with open(f"{BUILD}/quiesce.iso", "rb") as one:
        assert one.read() == again.read_bytes()


def test_debugger_knows_modules():
    """make debug: a breakpoint in a module that is yet to be loaded, hit with a full stack."""
    done = run("--direct", "--gdb", "-c", "insmod uart; rmmod uart; insmod rtc", cpus=None, *[
        word for command in ("set breakpoint pending on", "break rtc_init", "continue", "bt")
        for word in ("--gdb-command", command)])
    assert "uart: symbols at 0xe" in done.output
    assert "uart: symbols removed" in done.output
    assert re.search(r"#0  rtc_init \(\) at modules/rtc.c:\d+", done.output)
    assert re.search(r"#\d+ .*sys_module_load .* at kernel/unload/sys_module.c:\d+", done.output)
