"""One driver, two homes: the same source as a module and as a server."""

import re

import pytest

from accounts import ask, assert_back, json_lines, lines, used, wait_until
from machine import PANICKED, run

COM2 = "--extra=-chardev null,id=com2 -device isa-serial,index=1,chardev=com2"
# modules/ioctl.h
RTC_GET_COUNT, RTC_WAIT_TICK, RTC_GET_HZ = 0, 1, 2
UART_SENT, UART_SELF_TEST, UART_LOOPBACK = "0 1", 2, "3 1"
FAULTY_GET_COUNT, FAULTY_NULL, FAULTY_NULL_LOCKED, FAULTY_DEEP, FAULTY_WAITING = 0, 1, 2, 3, 4

HOMES = {
    "module": {"rtc": ("insmod rtc", "rmmod rtc"), "uart": ("insmod uart port=0x2f8 irq=3", "rmmod uart")},
    "server": {"rtc": ("start rtc-server", "stop rtc-server"), "uart": ("start uart-server", "stop uart-server")},
}


def server(m, program):
    return {s["program"]: s for s in json_lines(m, "servers -j")}.get(program, {})


@pytest.mark.parametrize("home", HOMES)
def test_both_homes_answer_alike(boot, home):
    m = boot("--direct", COM2, cpus=4)
    start, stop = HOMES[home]["rtc"]
    lines(m, f"{start}; {stop}")                # what a first time leaves behind does not count
    before = used(m)
    lines(m, start)
    text, = lines(m, "dev read rtc")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)
    assert lines(m, "dev read rtc 4") == [text[:4]]
    assert lines(m, f"dev ioctl rtc {RTC_GET_HZ}") == ["1024"]
    ticks = int(lines(m, f"dev ioctl rtc {RTC_GET_COUNT}")[0])
    assert lines(m, f"dev ioctl rtc {RTC_WAIT_TICK}") == ["0"]
    assert int(lines(m, f"dev ioctl rtc {RTC_GET_COUNT}")[0]) > ticks
    assert ask(m, f"dev -n ioctl rtc {RTC_WAIT_TICK}").status == "EAGAIN"
    assert ask(m, "dev ioctl rtc 99").status == "ENOTTY"
    lines(m, stop)
    assert ask(m, "dev read rtc").status == "ENODEV"

    start, stop = HOMES[home]["uart"]
    lines(m, start)
    assert lines(m, f"dev ioctl uart {UART_SELF_TEST}") == ["0"]
    assert ask(m, "dev -n read uart").status == "EAGAIN"
    lines(m, f"dev ioctl uart {UART_LOOPBACK}")
    lines(m, "dev write uart hello")
    text = ""
    while len(text) < 5:                        # it comes as the chip sends it
        text += "".join(lines(m, "dev read uart"))
    assert text == "hello"
    assert lines(m, f"dev ioctl uart {UART_SENT}") == ["5"]
    lines(m, stop)
    assert lines(m, "irqs")[1:] == []
    assert_back(m, before)


def test_who_waits_keeps_nobody(boot):
    """A blocked reader of a server; and one that is killed takes nothing that comes later."""
    m = boot("--direct", COM2, cpus=4)
    lines(m, "start uart-server; dev ioctl uart " + UART_LOOPBACK)
    lines(m, "cat uart &")
    assert lines(m, f"dev ioctl uart {UART_SENT}") == ["0"]
    m.send("dev write uart Q\r")               # one byte: more may come in pieces
    said = m.wait_for_prompt()
    if "\nQ" not in said:
        m.expect("Q")
    ask(m, "kill %1")
    wait_until(m, lambda: lines(m, "jobs") == [])
    lines(m, "dev write uart R")
    assert lines(m, "dev read uart") == ["R"]


# -- the move --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["", "-o "])
def test_readers_read_on_while_it_moves(boot, option):
    """Four readers, four moves. With -o they open it anew each time, and rmmod -w finds a
    moment without any; otherwise they are cut off."""
    readers, rmmod = 4, "rmmod -w rtc" if option else "rmmod -r -t 20s rtc"
    m = boot("--direct", cpus=4)
    lines(m, "insmod rtc; rmmod rtc; start rtc-server; stop rtc-server")
    before = used(m)
    for _ in range(readers):
        lines(m, f"reader {option}-m 4 rtc &")
    moves = ["insmod rtc"] + [f"{rmmod}; start rtc-server", "stop rtc-server; insmod rtc"] * 2
    for number, move in enumerate(moves):
        m.send(move + "\r")
        if number + 1 < len(moves):
            for _ in range(readers):
                m.expect("reader: rtc in its home: " + ("server" if "start" in move else "module"))
    # After the last move one may be through before another has seen it.
    said = "".join(m.expect(" longest pause") for _ in range(readers))
    assert said.count("reader: rtc in its home: module") == readers, said
    told = re.findall(r"reader: rtc: (\d+) answers, (\d+) wrong, (\d+) moves", said)
    assert len(told) == readers, said
    for answers, wrong, moved in told:
        assert int(answers) > 0 and (int(wrong), int(moved)) == (0, 4), said
    m.send("echo all done\r")
    m.expect("\nall done")
    m.wait_for_prompt()
    wait_until(m, lambda: lines(m, "jobs") == [])
    lines(m, "rmmod rtc")
    assert_back(m, before)


def test_reader_finds_the_gate_shut(boot):
    """The second reader opens it while an unload waits for the first one: not now, which is no end."""
    m = boot("--direct", cpus=2)
    lines(m, "insmod rtc")
    m.send("reader rtc &\r")
    m.expect("[task ")
    holder = int(m.expect("]"))
    m.expect("in its home: module")
    m.send("rmmod -w rtc &\r")
    m.expect("[task ")
    rmmod = int(m.expect("]"))
    m.wait_for_prompt()

    def waits_for(task):
        return {t["id"]: t["waits_for"] for t in json_lines(m, "ps -j")}.get(task)

    wait_until(m, lambda: waits_for(rmmod) == "module gate")
    m.send("reader -m 0 rtc &\r")
    m.expect("[task ")
    second = int(m.expect("]"))
    m.wait_for_prompt()
    wait_until(m, lambda: waits_for(second) in ("time", None))
    lines(m, f"kill {holder}")
    wait_until(m, lambda: not json_lines(m, "lsmod -j"))
    m.send("insmod rtc\r")
    said = m.expect("longest pause")
    assert re.search(r"20 answers, 0 wrong, 0 moves, cut off 0 times, absent [1-9]", said), said


# -- a null pointer --------------------------------------------------------------------------


@pytest.mark.parametrize("how,fault", [
    (FAULTY_NULL, "read 0x00000000"), (FAULTY_NULL_LOCKED, "read 0x00000000"),
    (FAULTY_DEEP, r"wrote 0x\w+ffc"),       # the guard below its stack
    (FAULTY_WAITING, "read 0x00000000"),
])
def test_server_that_faults_is_started_again(boot, how, fault):
    m = boot("--direct", cpus=4)
    lines(m, "start faulty-server")
    task = server(m, "faulty-server")["task"]
    assert lines(m, f"dev ioctl faulty {FAULTY_GET_COUNT}; dev ioctl faulty {FAULTY_GET_COUNT}") == ["1", "2"]
    m.send(f"dev ioctl faulty {how}; dev ioctl faulty {FAULTY_GET_COUNT}\r")
    said = m.wait_for_prompt()
    assert len(re.findall(rf"^init: faulty-server \(task {task}\): page fault: {fault} at 0x00\w+; "
                          r"again in 100 ms$", said, re.M)) == 1, said
    assert "dev: faulty: ioctl: cut off" in said
    assert "\n1\n" in said                      # a new life; its client has waited for it
    assert server(m, "faulty-server")["restarts"] == 1


def test_module_that_follows_null_takes_its_caller_along(boot):
    m = boot("--direct", cpus=4)
    lines(m, "insmod faulty; dev read faulty; rmmod faulty")
    before = used(m)
    lines(m, "insmod faulty")
    result = ask(m, f"dev ioctl faulty {FAULTY_NULL}")
    assert result.status == "EFAULT"
    assert re.search(r"^faulty faulted: page fault, address 0x00000000, at follow_null\+0x\w+ \[faulty\]; "
                     r"task \d+ \(dev\) ends for it", result.output, re.M), result.output
    module, = json_lines(m, "lsmod -j")
    assert (module["state"], module["open_files"]) == ("Faulty", 0)
    # Nobody is left inside, and what the call had is given back.
    assert lines(m, "dev read faulty") == ["faulty, and at work"]
    lines(m, "rmmod faulty")
    assert_back(m, before)


def test_module_that_follows_null_with_a_lock_is_the_end():
    done = run("--direct", "-c", f"insmod faulty; dev ioctl faulty {FAULTY_NULL_LOCKED}")
    assert done.status == PANICKED
    assert "panic: page fault: reading from 0x00000000 (a null pointer)" in done.output
    assert re.search(r"follow_null\+0x\w+ \[faulty\]", done.output)


@pytest.mark.parametrize("commands,where", [
    (f"insmod faulty; dev ioctl faulty {FAULTY_WAITING}", "faulty_ioctl"),
    ("insmod faulty_callback; dev ioctl faulty_callback 1", "called_back"),
])
def test_module_that_faults_where_others_rely_on_its_return_is_the_end(commands, where):
    """Its frames are on a wait queue, or an unload would wait for the callback to come back."""
    done = run("--direct", "-c", commands)
    assert done.status == PANICKED
    assert "panic: page fault: reading from 0x00000000 (a null pointer)" in done.output
    assert re.search(rf"{where}\+0x\w+ \[faulty", done.output)


def test_server_takes_no_number_for_a_gift(boot):
    m = boot("--direct", cpus=2)
    lines(m, "start rtc-server; meddle forged; dev read rtc")
    assert server(m, "rtc-server")["restarts"] == 0


def test_module_that_runs_out_of_stack_is_the_end():
    """There is no stack to push the page fault on: a double fault, on a stack of its own."""
    done = run("--direct", "-c", f"insmod faulty; dev ioctl faulty {FAULTY_DEEP}")
    assert done.status == PANICKED
    assert re.search(r"panic: kernel stack overflow: 0xe\w+ffc is in the guard of a kernel stack", done.output)
    assert len(re.findall(r"go_deeper\+0x\w+ \[faulty\]", done.output)) > 8
    assert "(task dev) panicked: kernel stack overflow" in done.output


# -- rights ----------------------------------------------------------------------------------


def test_a_server_has_the_ports_and_the_interrupt_that_it_was_given(boot):
    """Started by hand they have none, and nothing happens."""
    m = boot("--direct", COM2, cpus=2)
    result = ask(m, "rtc-server")
    assert result.status == "EPERM"
    assert "rtc: no right to interrupt 8: whoever starts it has to give it" in result.output
    result = ask(m, "uart-server port=0x2f8 irq=3")
    assert result.status == "EFAULT" and "general protection" in result.output
    assert lines(m, "irqs")[1:] == []
    # A line has one driver, whichever home that lives in.
    lines(m, "start rtc-server; dev read rtc")
    assert ask(m, "insmod rtc").status == "EBUSY"
    lines(m, "stop rtc-server; insmod rtc")
    m.send("start rtc-server\r")
    said = m.wait_for_prompt()
    if "tries again" not in said:
        said += m.expect("`start rtc-server` tries again")
    assert "rtc: interrupt 8: in use" in said
    lines(m, "dev read rtc; rmmod rtc; start rtc-server; dev read rtc")
