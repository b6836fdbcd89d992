"""tools/type, against a socket that plays the machine of tools/run --gdb."""

import os
import pty
import socket
import subprocess

import pytest

from machine import ROOT, SCALE

TYPE = f"{ROOT}/tools/type"
pytestmark = pytest.mark.quick


@pytest.fixture
def line(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "line"))
        server.listen(1)
        server.settimeout(60 * SCALE)
        yield server


def start(tmp_path, **more):
    return subprocess.Popen([TYPE, str(tmp_path / "line")], stderr=subprocess.PIPE, **more)


def heard(machine, n):
    text = b""
    while len(text) < n:
        text += machine.recv(n - len(text))
    return text


def test_a_pipe_is_typed_and_answered(line, tmp_path):
    typist = start(tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    machine = line.accept()[0]
    typist.stdin.write(b"lsmod\n\x01x")         # no escape: it is no terminal
    typist.stdin.close()
    assert heard(machine, 8) == b"lsmod\r\x01x"
    machine.sendall(b"Module\r\n")
    assert typist.stdout.read() == b"Module\r\n"
    assert typist.wait(60 * SCALE) == 0 and typist.stderr.read() == b""


def test_the_machine_ends(line, tmp_path):
    typist = start(tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    line.accept()[0].close()
    assert typist.wait(60 * SCALE) == 0 and typist.stderr.read() == b""


def test_a_pipe_that_is_closed(line, tmp_path):
    """tools/type SOCKET | head -1"""
    reader, writer = os.pipe()
    typist = start(tmp_path, stdin=subprocess.PIPE, stdout=writer)
    os.close(writer)
    os.close(reader)
    machine = line.accept()[0]
    machine.sendall(b"quiesce> ")
    assert typist.wait(60 * SCALE) == 0 and typist.stderr.read() == b""
    # The other way round: it writes to a machine that has ended with bytes unread.
    typist = start(tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    machine = line.accept()[0]
    typist.stdin.write(b"x" * 100)
    typist.stdin.flush()
    assert heard(machine, 1) == b"x"
    machine.close()
    assert typist.wait(60 * SCALE) == 0 and typist.stderr.read() == b""


def test_a_terminal_and_its_escape(line, tmp_path):
    terminal, end = pty.openpty()
    typist = start(tmp_path, stdin=end, stdout=end)
    machine = line.accept()[0]
    machine.sendall(b"quiesce> ")
    assert os.read(terminal, 9) == b"quiesce> "     # it is raw from here on
    os.write(terminal, b"\x03\r\x01\x01\x01x")
    assert heard(machine, 3) == b"\x03\r\x01"
    assert typist.wait(60 * SCALE) == 0
    assert machine.recv(9) == b""
    os.close(terminal)
    os.close(end)


@pytest.mark.parametrize("words,status,said", [
    (["/no/such/socket"], 1, "type: /no/such/socket: No such file or directory; tools/run --gdb says which it is\n"),
    ([f"{ROOT}/README.md"], 1, f"type: {ROOT}/README.md: Connection refused; tools/run --gdb says which it is\n"),
    ([], 2, "Types at a machine's prompt"),
    (["--help"], 0, "Types at a machine's prompt"),
], ids=["absent", "no-socket", "nothing", "help"])
def test_words(words, status, said):
    done = subprocess.run([TYPE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == status and done.stdout.startswith(said)
