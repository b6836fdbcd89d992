"""The monitor: what a panic ends in when somebody sits at the console."""

import re

import pytest

from machine import ESCAPES, MONITOR, PANICKED, run


def panicked(boot, *before, cpus=4):
    """A machine in its monitor, and what was said on the way there."""
    m = boot("--direct", cpus=cpus)
    for line in before:
        m.lines(line)
    m.send("panic\r")
    return m, m.expect(MONITOR)


def ask(m, line):
    m.send(line + "\r")
    m.expect("\n")
    return m.expect(MONITOR)


def test_looking_around(boot):
    m, said = panicked(boot, "insmod rtc; rmmod rtc", "modprobe primes; hammer primes")
    assert "panic: asked for at the prompt\n" in said and "`help`, `reboot`" in said
    me = int(re.search(r"^CPU (\d) \(task panic\) panicked: asked for at the prompt$", said, re.M).group(1))
    listed = [line.split()[0] for line in ask(m, "help").splitlines()]
    assert {"bt", "regs", "ps", "lsmod", "graves", "x", "dmesg", "reboot"} <= set(listed)
    for line in ("bt", f"bt {me}"):
        assert re.search(r"^  c\w{7} panic_run\+0x\w+\n  c\w{7} shell_run_line\+0x", ask(m, line), re.M)
    assert "it called panic()" in ask(m, "regs")
    for other in set(range(4)) - {me}:
        eip, esp = re.search(r"eip (\w{8})  esp (\w{8})", ask(m, f"regs {other}")).groups()
        assert ask(m, f"bt {other}").startswith(f"  {eip} ")
        assert f"eip {eip}  esp {esp}" in said or re.search(rf"^idle: CPU.* {other}\b", said, re.M)
    assert "9 is not a CPU; they are 0 to 3" in ask(m, "regs 9")
    tasks = ask(m, "ps")
    assert re.search(r" running +panic$", tasks, re.M) and "idle/3" in tasks, tasks
    ranges = {name: (int(start, 16), int(end, 16)) for start, end, name in
              re.findall(r"^(\w{8})-(\w{8})  (\w+)$", ask(m, "lsmod"), re.M)}
    assert set(ranges) == {"mathlib", "primes"}
    assert re.search(r"^e\w{7}-e\w{7}  rtc, unloaded by rmmod with trap, 0 late uses$", ask(m, "graves"), re.M)
    # The first page of an ELF's text is there; its heap's last, and what ring 3 may have, are not.
    assert re.fullmatch(rf"{ranges['primes'][0]:08x} ( [0-9a-f]{{8}}){{2}}\n", ask(m, f"x {ranges['primes'][0]:x} 2"))
    assert ask(m, f"x {ranges['primes'][1]:#x} 1") == f"{ranges['primes'][1]:08x}  ????????\n"
    for nowhere in ("0", "8000000", "fffffffc"):
        assert "????????" in ask(m, f"x {nowhere} 1")
    assert "wants an address" in ask(m, "x") and "wants an address" in ask(m, "x c0100000 257")
    assert "\n4/4 CPUs\n" in ask(m, "dmesg")
    assert "no such command" in ask(m, "rmmod primes")
    m.send("poweroff\r")
    assert m.wait_for_end() == PANICKED


def test_a_panic_inside_leads_back(boot):
    m, _ = panicked(boot)
    for _ in range(8):
        assert re.search(r"panic inside panic, at \w+\+0x\w+: asked for in the monitor\n", ask(m, "panic"))
    assert re.search(r" panic_run\+", ask(m, "bt"))     # of the first one
    assert "idle/0" in ask(m, "ps")


def test_reboot(boot):
    m, _ = panicked(boot, cpus=2)
    m.send("reboot\r")
    assert "2/2 CPUs" in m.wait_for_prompt()


def test_keyboard_whose_driver_has_stopped(boot):
    m, _ = panicked(boot, "insmod ps2kbd; insmod uart")
    m.send("\x01c")                     # to QEMU's own monitor
    m.expect("(qemu) ")
    m.send("sendkey p\nsendkey x\nsendkey backspace\nsendkey s\nsendkey ret\n")
    m.expect("sendkey ret")
    m.send("\x01c")
    assert "idle/3" in m.expect(MONITOR)
    assert "idle/3" in ask(m, "ps")     # and by the serial line


@pytest.mark.parametrize("cpu,broadcast", [("max", ""), ("Nehalem", "-b ")])
def test_machine_check(boot, cpu, broadcast):
    """To one CPU, or to all at once as Intel's have it (SDM vol. 3, 15.10.4.1)."""
    m = boot("--direct", "--cpu", cpu, cpus=4)
    m.send("\x01c")
    m.expect("(qemu) ")
    m.send(f"mce {broadcast}1 1 0xb600000000000001 0x5 0x1234000 0\n")
    # QEMU's monitor ends its line in the middle of the machine's.
    said = re.sub(r"\n|\(qemu\) ", "", m.expect(MONITOR))
    m.send("\x01c")
    assert "machine check: bank 1 status 0xb600000000000001 address 0x1234000" in said
    assert re.search(r"panic: machine check on CPU \d, MCG_STATUS 0x\w+: the hardware is broken", said)
    idle = re.search(r"idle: CPU([ 0-3]*)", said)
    assert set(re.findall(r"CPU (\d) \(task", said) + (idle.group(1).split() if idle else [])) == set("0123")
    assert "idle/3" in ask(m, "ps")


def test_when_there_is_one():
    """run= drives the machine: somebody waits for its exit status."""
    done = run("--direct", "-c", "panic")
    assert done.status == PANICKED and MONITOR not in done.output
    assert ESCAPES.sub("", done.output).endswith("quiesce: exit status 125\n")


def test_wanted_or_not_wanted(boot):
    m = boot("--direct", "--append", "monitor=off", cpus=2)
    m.send("panic\r")
    m.expect("quiesce: exit status 125")        # before any monitor says a word
    assert m.wait_for_end() == PANICKED
    m = boot("--direct", "--append", "monitor=perhaps", cpus=2)
    assert "monitor=perhaps: monitor= wants on or off; ignored" in m.boot_text
    m.send("panic\r")
    m.expect(MONITOR)
