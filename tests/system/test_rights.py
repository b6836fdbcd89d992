"""Authority of programs, and what is left when they have ended (user/tests/rogue.c). What needs no
prompt is in tests/kernel/test_rights.c."""

import re

from accounts import ask, assert_back, json_lines, lines, used, wait_until

COM2 = "--extra=-chardev null,id=com2 -device isa-serial,index=1,chardev=com2"


def said(m, *words):
    """What the rogue says of its try; what init or a server says meanwhile is another matter."""
    return [line for line in ask(m, "rogue " + " ".join(words)).output.splitlines() if line.startswith(f"rogue: {words[0]}: ")]


def use(m, device):
    files, calls = re.fullmatch(r"(\d+) files, (\d+) calls", lines(m, f"dev use {device}")[0]).groups()
    return int(files), int(calls)


def after(m, line, words):
    """Sends a line; the words may come before its prompt or behind it."""
    m.send(line + "\r")
    text = m.wait_for_prompt()
    if words not in text:
        m.expect(words)


def test_a_client_of_a_server_is_only_that(boot):
    m = boot("--direct", COM2, cpus=4)
    lines(m, "start rtc-server; start uart-server; stop rtc-server; stop uart-server")
    before = used(m)
    lines(m, "start rtc-server; start uart-server")
    # Only init tells a server to leave.
    assert said(m, "leave", "rtc") == ["rogue: leave: EPERM"]
    assert all(s["state"] == "running" for s in json_lines(m, "servers -j"))
    # All files of a driver, and what is refused beyond them, come back with the client's end.
    after(m, "rogue hoard rtc &", "rogue: 64 files, then EMFILE")
    handles = used(m)["handles"]
    assert said(m, "refused", "rtc") == ["rogue: refused: OK"]
    assert used(m)["handles"] == handles and use(m, "rtc") == (64, 0)
    after(m, "kill %1", "rogue hoard rtc: EINTR")
    wait_until(m, lambda: use(m, "rtc") == (0, 0))
    # So do all workers of a driver that its calls wait in.
    ask(m, "rogue readers uart &")
    wait_until(m, lambda: use(m, "uart") == (1, 63))
    after(m, "kill %1", "rogue readers uart: EINTR")
    wait_until(m, lambda: use(m, "uart") == (0, 0))
    lines(m, "dev read rtc; dev write uart hello; stop rtc-server; stop uart-server")
    assert_back(m, before)


def test_an_endpoint_is_of_one_life(boot):
    """Its receiver cannot be given away, and the next life has another one."""
    m = boot("--direct", cpus=4)
    ask(m, "start rogue")
    assert said(m, "take", "rogue") == ["rogue: take: EPERM"]
    m.send("rogue lives rogue\r")
    text = m.wait_for_prompt()
    assert "rogue: lives: answered" in text, text
    lines(m, "stop rogue")
    assert ask(m, "rogue lives rogue").output.splitlines()[-1] == "rogue: lives: ENOENT"


def test_a_device_needs_one_right_in_either_home(boot):
    m = boot("--direct", cpus=2)
    for start, stop in (("insmod rtc", "rmmod rtc"), ("start rtc-server", "stop rtc-server")):
        lines(m, start)
        for option, result in (("", "EPERM"), ("-a devices ", "OK")):
            after(m, f"start {option}rogue", f"rogue: open rtc: {result}")
            lines(m, "stop rogue")
        lines(m, stop)


def test_programs_and_servers_do_not_outrank_workers(boot):
    m = boot("--direct", cpus=2)
    assert said(m, "priority", "x") == ["rogue: priority: EPERM"]
    lines(m, "start parrot")
    prio = {task["name"]: task["prio"] for task in json_lines(m, "ps -j")}
    assert prio["parrot"] == prio["worker/0"] == 16 and prio["shell"] == prio["init"] == 24


def test_the_keyboard_comes_back(boot):
    m = boot("--direct", cpus=2)
    assert said(m, "keyboard", "x") == ["rogue: keyboard: EPERM"]
    m.send("start -a keyboard piano\r")
    m.expect("piano: has the keyboard")
    m.send("abq")
    for key in "abq":
        m.expect(f"piano: {key}")
    m.send("\r")
    m.wait_for_prompt()
    assert lines(m, "echo back again") == ["back again"]


def test_an_executable_that_is_none_says_why(boot, tmp_path):
    (tmp_path / "broken").write_text("#!/bin/sh\n")
    m = boot("--direct", "--module", str(tmp_path / "broken"), cpus=2)
    result = ask(m, "broken")
    assert result.status == "ENOEXEC" and "broken: it is not an ELF file\n" in result.output
    result = ask(m, "start broken")
    assert result.status == "ENOEXEC" and "init: broken: not started: it is not an ELF file\n" in result.output


def test_waits_for_a_service_are_not_crowded_out(boot):
    """init keeps 32 callers waiting; 60 threads without any right want places."""
    m = boot("--direct", cpus=2)
    ask(m, "rogue waits parrot &")
    ask(m, "rogue crowd x &")
    ask(m, "rogue leave nosuch")     # init has answered behind the crowd's first calls
    ask(m, "sleep 100ms")
    m.send("start parrot\r")
    text = m.wait_for_prompt()
    assert "waits: EAGAIN" not in text, text
    if "rogue: waits: OK" not in text:
        m.expect("rogue: waits: OK")


def test_closed_badges_leave_the_kernel_its_memory(boot):
    """Records that no number of handles bounds, until memory is short: in a small machine, since that is quick."""
    m = boot("--direct", "--mem", "8", cpus=1)
    before = used(m)
    assert said(m, "watches", "x") == ["rogue: watches: ENOMEM"]
    assert_back(m, before)
