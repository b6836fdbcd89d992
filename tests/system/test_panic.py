"""A panic on the screen: it fits, its code is read by zbar, and tools/panic names functions and lines.
A warm reset keeps its end."""

import os
import re
import shutil
import socket
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from machine import BUILD, MONITOR, PANICKED, ROOT, SCALE, run
from explorer.gdbserver import GdbServer

FAULTY_NULL_LOCKED = 2          # modules/tests/faulty.c: a panic inside the module


def ask(m, line):
    m.send(line + "\r")
    m.expect("\n")
    return m.expect(MONITOR)


def qemu(m, command):
    """A command of QEMU's own monitor, which shares the line, and its answer."""
    m.send("\x01c")
    m.expect("(qemu) ")
    m.send(command + "\n")
    said = m.expect("(qemu) ")
    m.send("\x01c")
    return said


def code_on_screen(m, path):
    """What zbar reads from a screenshot; "": no code. As qemu() with "screendump"."""
    if not shutil.which("zbarimg"):
        pytest.skip("environment: zbarimg is missing; remedy: apt-get install zbar-tools")
    qemu(m, f"screendump {path}")
    for size in ("", "[300%]"):             # as tools/panic
        done = subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", f"{path}{size}"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if done.stdout:
            break
    return done.stdout


def text_on_screen(m):
    """The rows of VGA text, from its memory."""
    words = re.findall(r"0x([0-9a-f]{4})\b(?!:)", qemu(m, "xp /2000hx 0xb8000"))
    assert len(words) == 2000
    text = "".join(chr(int(word, 16) & 0x7f) for word in words)
    return [text[i:i + 80].rstrip() for i in range(0, 2000, 80)]


def tool(*argv, text=None):
    return subprocess.run([f"{ROOT}/tools/panic", "--build", BUILD, *map(str, argv)], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def line_in(path, text):
    """file:line of the one line in it that has this text."""
    with open(f"{ROOT}/{path}", encoding="utf-8") as f:
        found = [n for n, line in enumerate(f, 1) if text in line]
    assert len(found) == 1, (text, found)
    return f"{path}:{found[0]}"


def test_a_report_from_a_screenshot(boot, tmp_path):
    """Of a framebuffer, as a laptop has it."""
    if not os.path.exists(f"{BUILD}/quiesce.iso"):
        pytest.skip("environment: no image; remedy: make iso")
    m = boot("--iso", cpus=2)
    assert ", framebuffer" in m.boot_text
    m.lines("insmod rtc; insmod faulty")
    m.send(f"dev ioctl faulty {FAULTY_NULL_LOCKED}\r")
    said = m.expect(MONITOR)
    picture = tmp_path / "screen.ppm"
    code = code_on_screen(m, picture)
    assert code.startswith("Quiesce panic, build ") and code.rstrip().endswith("\nend")
    assert code.strip() in said.replace("\r", "")       # the serial line has the same
    # The function and the line, in the module, and its callers in the kernel.
    report = tool(picture)
    assert report.returncode == 0, report.stderr
    place = line_in("modules/tests/faulty.c", "return (int)*nowhere;")
    first = re.search(r"^  e\w{7} follow_null\+0x\w+ \[faulty\] +(\S+)", report.stdout, re.M)
    assert first and first.group(1) == place, report.stdout
    assert re.search(r"^  c\w{7} \w+\+0x\w+ +kernel/entry/\w+\.c:\d+", report.stdout, re.M)
    assert "page fault: reading from 0x00000000 (a null pointer)" in report.stdout
    assert re.search(r"^  e\w{7} rtc +\S+/rtc\.ko$", report.stdout, re.M)
    # The same from the serial line, and from its lines alone, which name no build.
    assert tool("-", text=said).stdout == report.stdout
    lines = said[:said.index("Quiesce panic, build")]
    alone = tool("-", text=lines)
    assert f"[faulty]" in alone.stdout and place in alone.stdout and "names no build" in alone.stderr
    # Another build is not looked up.
    build = re.search(r"build (\w{8})", code).group(1)
    other = tool("-", text=code.replace(build, "0badc0de"))
    assert other.returncode == 1 and f"another build ({build}, the report's is 0badc0de)" in other.stderr
    assert place in other.stdout and "kernel/entry" not in other.stdout
    module = re.search(r"^mod faulty \w+ \w+ (\w{8})$", code, re.M).group(1)
    other = tool("-", text=code.replace(module, "0badc0de"))
    assert other.returncode == 1 and f"faulty.ko is another build ({module}, " in other.stdout
    assert place not in other.stdout and "kernel/entry" in other.stdout

    # The monitor's codes.
    ask(m, "qr dmesg")
    shown = code_on_screen(m, picture).strip()
    assert code.strip()[-100:] in shown and shown in ask(m, "dmesg").replace("\r", "")
    cpu = re.search(r"^CPU (\d) \(task dev\)", code, re.M).group(1)
    other_cpu = 1 - int(cpu)
    ask(m, f"qr bt {other_cpu}")
    shown = code_on_screen(m, picture)
    assert shown.startswith("Quiesce backtrace, build ") and f"CPU {other_cpu} (task " in shown
    assert re.search(r"^  c\w{7} sched_enter_idle\+0x\w+ +kernel/sched/idle\.c:", tool(picture).stdout, re.M)
    ask(m, "qr off")
    assert code_on_screen(m, picture) == ""
    assert "wants bt, dmesg or off" in ask(m, "qr") and "9 is not a CPU" in ask(m, "qr bt 9")


def symbols(*names):
    with open(f"{BUILD}/quiesce.elf", "rb") as f:
        table = ELFFile(f).get_section_by_name(".symtab")
        return [table.get_symbol_by_name(name)[0]["st_value"] for name in names]


def test_faults_of_the_panic_itself(boot, tmp_path):
    """UD2 where the others are stopped and where the code is made: each costs its own step alone."""
    m = boot("--direct", "--extra", f"-gdb unix:{tmp_path}/gdb,server=on,wait=off", cpus=2)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60 * SCALE)
        s.connect(f"{tmp_path}/gdb")
        server = GdbServer(s)
        for address in symbols("lapic_send_nmi", "qr_encode"):
            assert server.ask(f"M{address:x},2:0f0b") == "OK"
        server.ask("D;1")                   # it goes on
    m.send("panic\r")
    said = m.expect(MONITOR).replace("\r", "")
    assert len(re.findall(r"^panic inside panic, at \w+\+0x0: invalid opcode", said, re.M)) == 2
    steps = [said.index(text) for text in (
        "\npanic: asked for at the prompt", "panic inside panic", ") panicked: asked for at the prompt\n  c0",
        "Quiesce panic, build", "\nend\n", "\nThe machine has stopped")]
    assert steps == sorted(steps) and said.index("panic inside panic", steps[2]) > steps[4]


def test_sixteen_cpus_on_one_screen(boot, tmp_path):
    """VGA text has 25 rows; the code is made of its glyphs."""
    m = boot("--direct", cpus=16)
    m.send("panic\r")
    said = m.expect(MONITOR)
    rows = text_on_screen(m)
    first, last = rows.index("panic: asked for at the prompt"), rows.index(MONITOR.rstrip())
    own = next(i for i, row in enumerate(rows) if re.match(r"CPU \d+ \(task panic\) panicked: asked for", row))
    assert first < own < last and re.match(r"  c\w{7} panic_run\+0x", rows[own + 1])
    others = " ".join(rows[first + 1:own])
    assert len(re.findall(r"CPU \d+ \(\w|\b\d+(?= |$)", others)) >= 15, others
    code = code_on_screen(m, tmp_path / "screen.ppm")
    assert code.startswith("Quiesce panic, build ") and code.strip() in said.replace("\r", "")
    ask(m, "qr off")
    assert code_on_screen(m, tmp_path / "screen.ppm") == ""
    assert any(row.startswith("Quiesce") or "quiesce>" in row or "monitor>" in row for row in text_on_screen(m))


def last_time(text):
    """Lines that a boot showed of the run before; None: nothing of the kind."""
    head, found, tail = text.partition("last time:\n")
    return re.findall(r"^\| (.*)$", tail, re.M) if found else None


def test_a_warm_reset_keeps_the_end(boot):
    m = boot("--direct", cpus=2)
    assert last_time(m.boot_text) is None
    m.send("panic\r")
    said = m.expect(MONITOR)
    m.send("reboot\r")
    text = m.wait_for_prompt()
    lines = last_time(text)
    assert re.match(r"CPU \d \(task panic\) panicked: asked for at the prompt$", lines[0])
    report = said[said.index("Quiesce panic, build"):said.index("\nend")].replace("\r", "")
    assert report in "\n".join(lines)
    assert "\n2/2 CPUs\n" in text
    # Those lines are enough for tools/panic.
    read = tool("-", text=text)
    assert read.returncode == 0 and "kernel/shell/" in read.stdout, read.stderr
    # A run that ends without a word, by the reset button: its last lines, and none of the run before it.
    qemu(m, "system_reset")
    lines = last_time(m.wait_for_prompt())
    assert lines[-1] == "2/2 CPUs" and not any("panicked" in line for line in lines)
    # One that ends in good order.
    m.send("reboot\r")
    assert last_time(m.wait_for_prompt()) is None


def test_a_damaged_record_is_ignored(boot):
    """QEMU changes a byte of its text at each reset."""
    m = boot("--direct", "--extra", "-device loader,addr=0x4000014,data=0x7f,data-len=1", cpus=1)
    m.send("panic\r")
    m.expect(MONITOR)
    m.send("reboot\r")
    text = m.wait_for_prompt()
    assert "\n1/1 CPUs\n" in text and last_time(text) is None


def test_a_screenshot_of_a_run_that_panics(tmp_path):
    """The machine switches itself off then; its screen is taken first."""
    if not shutil.which("zbarimg"):
        pytest.skip("environment: zbarimg is missing; remedy: apt-get install zbar-tools")
    picture = tmp_path / "panic.png"
    done = run("--screenshot", str(picture), "-c", "panic", cpus=16)
    assert done.status == PANICKED
    assert re.search(r"^  [0-9a-f]{8} panic_run\+0x\w+ +kernel/shell/\S+:\d+", tool(picture).stdout, re.M)
