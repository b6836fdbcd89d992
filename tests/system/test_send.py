"""tools/send: a student changes a module, makes it, sends it and loads it, and the machine runs on."""

import re
import signal
import subprocess
import zlib
from base64 import b64encode

import pytest
from accounts import ask, lines
from machine import BUILD, ROOT, SCALE, Machine
from test_build import make

SEND = f"{ROOT}/tools/send"
SOURCE = """#include "module/api.h"
static int blink_read(struct file *f, void *buf, u32 len) {{ (void)f; return snprintf(buf, len, "{0}\\n"); }}
static const struct chrdev_ops ops = {{ .read = blink_read }};
static int __init blink_init(void)
{{
	struct chrdev *d = chrdev_register("blink", &ops, NULL);
	return IS_ERR(d) ? PTR_ERR(d) : 0;
}}
module_init(blink_init);
MODULE_DESCRIPTION("Says {0}");
MODULE_LICENSE("MIT");
"""


@pytest.fixture(scope="module")
def m():
    machine = Machine("--direct", cpus=2)
    yield machine
    machine.close()


def start(m, *words):
    return subprocess.Popen([SEND, "--build", BUILD, "--to", str(m.console.pid), *map(str, words)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def send(m, *words):
    """Status and words; 0 only when the prompt has said so, too."""
    sender = start(m, *words)
    said = sender.communicate(timeout=100 * SCALE)[0]
    if sender.returncode == 0:
        assert "received" in m.wait_for_prompt()
    return sender.returncode, said


def changed(folder, text):
    """Edit, make."""
    (folder / "blink.c").write_text(SOURCE.format(text))
    built = make(f"BUILD={BUILD}", f"M={folder}")
    assert built.returncode == 0, built.stdout
    return folder / "blink.ko"


def test_edit_make_send_insmod(m, tmp_path):
    ko = changed(tmp_path, "one")
    status, said = send(m, ko)
    assert status == 0 and re.search(r"received blink\.ko: \d+ bytes, check sum [0-9a-f]{8}; `insmod blink` takes it$", said)
    lines(m, "insmod blink")
    assert lines(m, "dev read blink") == ["one"]

    assert send(m, changed(tmp_path, "two"))[0] == 0
    assert lines(m, "dev read blink") == ["one"]            # what is loaded does not change
    assert lines(m, "rmmod blink; insmod blink; dev read blink")[-1] == "two"
    listed = lines(m, "lsmod -v")
    assert listed[1].startswith("blink ") and listed[1].endswith("(handed over)")
    assert re.fullmatch(rf"    its file, {ko.stat().st_size} bytes, was handed over by task \d+ \(insmod\)", listed[2])
    assert {"description: Says two", f"file:        blink, {ko.stat().st_size} bytes, sent"} <= set(lines(m, "modinfo blink"))
    # Forgotten, it goes on; only modinfo knows where it came from.
    lines(m, "receive -d blink")
    assert re.match(r"loaded:      blink, \d+ bytes, from memory of task \d+ \(insmod\)", lines(m, "modinfo blink")[0])
    lines(m, "rmmod blink")
    assert ask(m, "insmod blink").output == "insmod: blink: no such module in the boot archive\n"


def test_one_that_was_sent_goes_before_the_archives(m, tmp_path):
    changed(tmp_path, "null").rename(tmp_path / "null.ko")
    assert send(m, tmp_path / "null.ko", f"{BUILD}/archive/hello")[0] == 0
    m.wait_for_prompt()                                     # of the second
    assert lines(m, "insmod null") == ["insmod: null: the one that was sent, not the boot archive's"]
    assert lines(m, "modprobe null.ko; dev read blink") == ["null"]
    assert lines(m, "hello") == ["hello from ring 3"]
    held = lines(m, "receive")
    assert [line.split()[:2] for line in held] == [["null", "module"], ["hello", "program"]]
    lines(m, "rmmod null; receive -d null; receive -d hello; insmod null; rmmod null")
    assert ask(m, "receive -d null").output == "receive: null: nothing of that name was sent\n"


def test_a_prompt_that_is_busy(m):
    file = f"{BUILD}/archive/zero.ko"
    m.send("sleep 60s\r")
    m.expect("\n")
    status, said = send(m, "--wait", 0, file)
    assert status == 1 and said.startswith("send: the prompt is busy: a command runs there")
    waiting = start(m, file)
    m.send("\x03")                                          # it is taken when the command has ended
    m.expect("received zero.ko")
    assert waiting.wait(100 * SCALE) == 0
    m.wait_for_prompt()
    m.send("lsm")
    assert send(m, file) == (1, "send: a line is half typed at the prompt: end it with Enter, or clear it with Ctrl-U\n")
    m.send("\x15run torture -t 60s\r")
    m.wait_for_prompt()
    status, said = send(m, file)
    assert status == 1 and "`torture` runs, which counts what is in use" in said
    m.wait_for_prompt()
    lines(m, "kill %1")
    m.expect("torture -t 60s: EINTR")
    m.send("\r")
    m.wait_for_prompt()
    lines(m, "sleep 60s &")                                 # what else runs in the background does not matter
    assert send(m, file)[0] == 0
    lines(m, "kill %1; receive -d zero")


def line_of(data, crc):
    return b64encode(data).decode() + f" {crc:08x}\r"


@pytest.mark.parametrize("sent,said", [
    (line_of(b"abc", zlib.crc32(b"abc")) + line_of(b"def", zlib.crc32(b"def")), "line 2, behind byte 3 of 6: its check sum is"),
    ("YWJj 00000000\r", "line 1, behind byte 0 of 6: its check sum is"),
    ("lsmod\r", "line 1, behind byte 0 of 6: it is no line of a file"),
    ("A" * 300 + "\r", "line 1, behind byte 0 of 6: it is longer than any line"),
    (line_of(b"abcdefg", zlib.crc32(b"abcdefg")), "line 1, behind byte 0 of 6: the file has more bytes"),
    (line_of(b"abc", zlib.crc32(b"abc")) + ".\r", "line 2, behind byte 3 of 6: the file ends here"),
    (line_of(b"abc", zlib.crc32(b"abc")) + "\x03", "ended by Ctrl-C"),
    ("!\r", "line 1, behind byte 0 of 6: the sender has given up"),
], ids=["missing", "damaged", "other", "long", "more", "less", "ctrl-c", "given-up"])
def test_what_is_damaged_is_refused_with_its_place(m, sent, said):
    m.send(f"receive x.ko 6 {zlib.crc32(b'abcdef'):08x}\r")
    m.expect("\x06")
    m.send(sent)
    answer = m.expect("\x15")
    # Ctrl-C forgets what was typed before it, so which line it is depends.
    assert re.search(rf"^receive: x: (line \d, behind byte \d of 6: )?{said}.*; nothing of it is kept$", answer, re.M)
    if not sent.endswith((".\r", "!\r")):
        m.send("echo this is thrown away\r.\r")
    assert "thrown" not in m.wait_for_prompt()
    assert lines(m, "receive") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_a_sender_that_ends(m, tmp_path, number):
    (tmp_path / "large.ko").write_bytes(bytes(range(256)) * 4096)
    sender = start(m, tmp_path / "large.ko")
    m.expect("\x06\x06")
    sender.send_signal(number)
    answer = m.wait_for_prompt()
    assert "the sender has given up; nothing of it is kept" in answer
    assert sender.wait(100 * SCALE) == (130 if number == signal.SIGINT else -number)
    assert lines(m, "receive; echo well") == ["well"]


@pytest.mark.quick
def test_words_without_a_machine(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "x.ko").write_bytes(b"x")
    (tmp_path / "Upper.ko").write_bytes(b"x")
    (tmp_path / "empty.ko").write_bytes(b"")

    def said(*words):
        done = subprocess.run([SEND, "--build", tmp_path / "build", *words], cwd=tmp_path, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    assert said("x.ko") == (126, "send: no machine runs; start one with `make run`, or tools/run without -c\n")
    assert said("--to", "1", "x.ko") == (126, "send: machine 1 does not run; these do: none\n")
    assert said("blink.c") == (2, "send: blink.c: no module; a module is what `make M=folder` makes: folder/NAME.ko\n")
    assert said("y.ko") == (2, "send: y.ko: No such file or directory\n")
    assert said("empty.ko") == (2, "send: empty.ko: it is empty\n")
    assert "is no name of a module" in said("Upper.ko")[1]
    assert said("--line", "x.ko", "x.ko") == (2, "send: x.ko: no serial line and no socket\n")
