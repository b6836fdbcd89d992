"""Ring 3: programs, servers and who looks after them, authority, jobs."""

import os
import re
import subprocess

import pytest

from accounts import ask, assert_back, json_lines, lines, used, wait_until
from machine import PANICKED, ROOT, run

CTRL_C = "\x03"


def servers(machine):
    return {server["program"]: server for server in json_lines(machine, "servers -j")}


def state(machine, program):
    return servers(machine).get(program, {}).get("state")


def jobs(machine):
    listed = (re.match(r"%\d+ +task \d+ +(.*)", line) for line in lines(machine, "jobs"))
    return [line.group(1) for line in listed if line]       # jobs that run may speak in between


# -- programs --------------------------------------------------------------------------------


def test_hello():
    done = run("--direct", "-c", '''hello 5 "two words" it's \\" ""; echo still here''')
    assert done.status == 5
    assert """hello from ring 3\n1: 5\n2: two words\n3: it's\n4: "\n5: \n""" in done.output
    assert "\nstill here\n" in done.output


def test_without_sysenter():
    """A CPU that has none: INT takes its place."""
    assert run("--direct", "--cpu", "max,-sep", "-c", "hello").status == 0


# What a program does that it must not, and what is said of it.
FAULTS = {
    "read": "page fault: read 0x00000010 at 0x004",
    "write": "page fault: wrote 0x00000010 at 0x004",
    "jump": "page fault: jumped to 0x00000010 at 0x00000010",
    "stack": r"page fault: wrote 0xbf\w+ at 0x004",
    "kernel": "page fault: read 0xc0100000 at 0x004",
    "text": "page fault: wrote 0x00400000 at 0x004",
    "cli": "general protection: a privileged instruction, or a bad segment, at 0x004",
    "in": "general protection: a privileged instruction, or a bad segment, at 0x004",
    "divide": "divide error, at 0x004",
    "invalid": "invalid opcode, at 0x004",
}


def test_faults_end_the_program_alone(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    for fault, said in FAULTS.items():
        result = ask(m, f"crash {fault}")
        assert result.status == "EFAULT", (fault, result)
        assert re.fullmatch(rf"crash \(task \d+\): {said}\w*\n", result.output), (fault, result)
    assert_back(m, before)


def test_first_program():
    """Without it there is no machine, and it is told why."""
    done = run("--direct", "--append", "init=nonsense", "-c", "hello")
    assert done.status == PANICKED
    assert "panic: nonsense, the first program: the boot archive has no such program" in done.output
    done = run("--direct", "--append", "init=hello", "-c", "hello")
    assert done.status == PANICKED
    assert "panic: hello, the first program, has ended: by itself" in done.output
    done = run("--direct", "--append", "init=crash", "-c", "hello")
    assert done.status == PANICKED
    assert re.search(r"panic: crash, the first program, has ended: EFAULT", done.output)


# -- servers ---------------------------------------------------------------------------------


def test_server_that_crashes_is_started_again(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "start parrot")
    first = servers(m)["parrot"]
    assert (first["state"], first["restarts"]) == ("running", 0)
    assert ask(m, "start parrot").status == "EEXIST"
    assert lines(m, "ask 41") == ["after 41 comes 42"]
    assert lines(m, "ask reverse stressed") == ["desserts"]
    # Its client gets EPIPE; who calls meanwhile waits for the next life.
    m.send("ask crash; ask 1\r")
    said = m.wait_for_prompt()
    assert re.search(rf"^init: parrot \(task {first['task']}\): page fault: wrote 0x00000000 at 0x00\w+; "
                     r"again in 100 ms$", said, re.M), said
    assert "after 1 comes 2\n" in said and "(EPIPE: " in said
    second = servers(m)["parrot"]
    assert (second["state"], second["restarts"]) == ("running", 1) and second["task"] != first["task"]
    # Four threads that fault at once are one failure.
    for restarts in 2, 3:
        m.send("ask crash-all\r")
        said = m.wait_for_prompt()
        assert len(re.findall(r"^init: parrot ", said, re.M)) == 1, said
        wait_until(m, lambda n=restarts: (servers(m)["parrot"]["state"], servers(m)["parrot"]["restarts"]) == ("running", n))
    lines(m, "stop parrot")
    assert state(m, "parrot") == "stopped"
    assert ask(m, "stop parrot").status == "ESRCH" and ask(m, "ask 1").status == "ENOENT"
    assert_back(m, before)


def test_server_that_ends_in_peace_is_left_in_peace(boot):
    m = boot("--direct", cpus=2)
    lines(m, "start parrot")
    assert ask(m, "ask exit").status == "EPIPE"
    wait_until(m, lambda: state(m, "parrot") == "stopped")
    assert servers(m)["parrot"]["restarts"] == 0
    lines(m, "start parrot")
    assert lines(m, "ask 1") == ["after 1 comes 2"]


def test_restarts_have_a_limit(boot):
    m = boot("--direct", cpus=2)
    for _ in range(2):
        m.send("start crash\r")
        said = m.wait_for_prompt()          # the first line may come before it
        said += m.expect("left alone: `start crash` tries again")
        assert [int(ms) for ms in re.findall(r"again in (\d+) ms", said)] == [100, 200, 400, 800, 1600]
        assert state(m, "crash") == "given up"
        assert servers(m)["crash"]["restarts"] == 5
    assert ask(m, "start nonsense").status == "ENOENT" and "nonsense" not in servers(m)


def test_what_a_server_needs_is_started_first(boot):
    """crow asks parrot before it serves, and ends if there is none."""
    m = boot("--direct", cpus=4)
    lines(m, "start crow")
    assert lines(m, "ask 1") == ["after 1 comes 2"]
    assert state(m, "parrot") == state(m, "crow") == "running"
    assert servers(m)["crow"]["restarts"] == 0
    lines(m, "stop crow; start crow")           # parrot is there already
    assert servers(m)["parrot"]["restarts"] == 0 and state(m, "crow") == "running"


def test_names(boot):
    """Who looks up what is not there is told so, or waits for it."""
    m = boot("--direct", cpus=4)

    def one_waits():
        lines(m, "ask -w 7 &")
        assert jobs(m) == ["ask -w 7"]
        m.send("start parrot\r")
        said = m.wait_for_prompt()
        if "comes" not in said:
            m.expect("after 7 comes 8")
        wait_until(m, lambda: jobs(m) == [])
        lines(m, "stop parrot")

    one_waits()                                 # tables of init grow, once
    before = used(m)
    assert ask(m, "ask 7").status == "ENOENT"
    one_waits()
    # One that is killed while it waits leaves nothing behind.
    lines(m, "ask -w 9 &")
    ask(m, "kill %1")
    wait_until(m, lambda: jobs(m) == [])
    lines(m, "start parrot; stop parrot")
    assert_back(m, before)


def test_shell_is_started_again(boot):
    m = boot("--direct", cpus=4)
    shell = servers(m)["shell"]["task"]
    ask(m, f"kill {shell}")
    assert lines(m, "echo alive") == ["alive"]
    assert servers(m)["shell"]["restarts"] == 1
    # With commands of the boot still to be run nobody would wait at its prompt.
    done = run("--direct", "-c", f"echo one; kill {shell}; sleep 10s; echo two")
    assert done.status == 32 and "\none\n" in done.output and "\ntwo\n" not in done.output


# -- interrupts ------------------------------------------------------------------------------


@pytest.mark.parametrize("chipset", ["pc", "q35"])
def test_level_triggered_interrupt(boot, chipset):
    """The line stays up until the device is served: masked until the driver says so, and back
    at once if it has served nobody."""
    m = boot("--direct", "--machine", chipset, "--extra", "-device edu", cpus=2)
    before = used(m)
    m.send("start -a ports,irq,phys level\r")
    said = m.wait_for_prompt()
    if "level: 40 interrupts\n" not in said:
        m.expect("level: 40 interrupts\r")
    wait_until(m, lambda: state(m, "level") == "stopped")
    assert_back(m, before)


# -- authority -------------------------------------------------------------------------------

POWERS = ["modules", "unload", "devices", "ports", "irq", "phys", "process", "lab", "info", "stop", "power"]


def test_nothing_happens_without_authority(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    # A program that is run at the prompt may open devices; this one is not there.
    assert lines(m, "authority") == [f"{power}: {'ENODEV' if power == 'devices' else 'EPERM'}" for power in POWERS]
    assert_back(m, before)
    assert lines(m, "sync") == []
    assert state(m, "shell") == "running" and servers(m)["shell"]["restarts"] == 0
    # With it, the same attempts succeed: it was not for another reason that they failed.
    lines(m, "insmod zero")
    m.send("start -a modules,devices,ports,irq,phys,process,lab,info authority\r")
    m.wait_for_prompt()
    wait_until(m, lambda: state(m, "authority") == "stopped")
    lines(m, "rmmod zero")
    assert any(line.startswith("authority:lab ") for line in lines(m, "sync"))
    lines(m, "sync reset")
    assert_back(m, before)


@pytest.mark.parametrize("power", ["modules", "devices", "ports", "irq", "phys", "process", "lab", "info"])
def test_each_authority_is_one_of_its_own(power):
    done = run("--direct", "-c", f"insmod zero; start -a {power} authority; sleep 3s", cpus=2)
    said = dict(re.findall(r"^(\w+): (\w+)$", done.output, re.M))
    allowed = {power, "unload"} if power == "modules" else {power}
    assert {what for what in POWERS if said[what] == "ok"} == allowed
    assert {said[what] for what in POWERS if what not in allowed} == {"EPERM"}


def test_power(boot):
    m = boot("--direct", cpus=2)
    m.send("start -a power authority\r")
    assert m.wait_for_end() == 99


# -- jobs ------------------------------------------------------------------------------------


def test_jobs(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "spin &")
    lines(m, "run sleep 1000s")
    assert jobs(m) == ["spin", "sleep 1000s"]
    m.send("kill %1\r")
    said = m.wait_for_prompt()
    if "EINTR" not in said:
        m.expect("spin: EINTR")
    wait_until(m, lambda: jobs(m) == ["sleep 1000s"])
    m.send("fg %2\r")
    m.expect("\n")
    m.send(CTRL_C)
    assert "EINTR" in m.wait_for_prompt()
    assert jobs(m) == []
    for line in ("fg %1", "kill %1"):
        assert ask(m, line).status == "ESRCH"
    assert ask(m, "fg 1").status == "EINVAL"
    # One that ends with an error says so by itself.
    m.send("hello 3 &\r")
    said = m.wait_for_prompt()
    if "exit status 3" not in said:
        m.expect("hello 3: exit status 3")
    assert ask(m, "echo a & echo b; echo c").status == "ok"
    wait_until(m, lambda: jobs(m) == [])
    assert_back(m, before)


def test_ctrl_c_ends_a_program(boot):
    """Also one that never calls the kernel; the rest of the line goes with it."""
    m = boot("--direct", cpus=1)
    before = used(m)
    m.send("spin; echo not this\r")
    m.expect("\n")
    m.send(CTRL_C)
    said = m.wait_for_prompt()
    assert "EINTR" in said and "not this" not in said
    assert_back(m, before)



# -- the docs --------------------------------------------------------------------------------


def test_example_of_the_docs(tmp_path):
    """docs/SERVERS.md: its programs build as printed and do what it says."""
    with open(f"{ROOT}/docs/SERVERS.md") as f:
        text = f.read()
    (tmp_path / "party").mkdir()
    for name in ("cake", "guests"):
        source = re.search(rf"^    /\* party/{name}\.c \*/\n((?:    .*\n|\n)+)", text, re.M).group(1)
        (tmp_path / f"party/{name}.c").write_text(re.sub(r"^    ", "", source, flags=re.M))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    built = subprocess.run(["make", "-C", ROOT, f"BUILD={tmp_path}/build", f"U={tmp_path}/party"], env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert built.returncode == 0, built.stdout
    typed = re.findall(r"^    quiesce> (.*)", text, re.M)
    done = run("--direct", "--module", str(tmp_path / "party/cake"), "--module",
               str(tmp_path / "party/guests"), "-c", "; ".join(typed))
    shown = re.search(r"^    quiesce> start cake\n(?:    .*\n)+", text, re.M).group(0)
    for line in re.sub(r"^    ", "", shown, flags=re.M).splitlines():
        pattern = re.sub(r"0x[0-9a-f]{8}|\b\d+(?=\))", lambda _: r"\w+", re.escape(line))
        if not line.startswith("("):            # the prompt's status lines
            assert re.search(rf"^{pattern}$", done.output, re.M), line
