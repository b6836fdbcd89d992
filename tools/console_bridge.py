"""The serial line of an interactive machine, between the emulator and two that type there: the terminal, and at
times tools/send.

The emulator has one end of a pseudo-terminal, tools/run the other. Of each machine tools/send finds a socket:
BUILD/machines/NUMBER leads to it, by the number of tools/run's process. What a sender writes there is typed, and
what the machine says is copied to it. First it gets, in a line of JSON, what it has to know; then, while it is
connected, what is typed at the terminal waits, but for Ctrl-C and the emulator's escape (Ctrl-A and a key).
"""

import errno
import fcntl
import json
import os
import select
import socket
import time

PIECE = 4096
# Typed for a sender that has ended in the middle: `receive` gives the file up (user/shell/receive.c).
GIVEN_UP = b"\r!\r"
ENTER, CTRL_A, CTRL_C, CTRL_U, ERASE = b"\r\n", 1, 3, 21, (8, 127)


def machines_folder(build):
    return os.path.join(build, "machines")


class Register:
    """The socket, and the name by which it is found."""

    def __init__(self, build, work):
        self.link = None
        self.socket = socket.socket(socket.AF_UNIX)
        path = os.path.join(work, "send")       # short, which a socket's name must be
        self.socket.bind(path)
        self.socket.listen(4)
        folder = machines_folder(build)
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(folder, str(os.getpid()))
        if os.path.islink(link):                # of a process that was killed, long ago
            os.unlink(link)
        os.symlink(path, link)
        self.link = link

    def close(self):
        self.socket.close()
        if self.link and os.path.islink(self.link):
            os.unlink(self.link)


class Typed:
    """What is typed at the terminal: how much since the last Enter, and what must not wait."""

    def __init__(self):
        self.since_enter, self.escaped = 0, False

    def note(self, byte):
        """True: it must not wait."""
        if self.escaped or byte == CTRL_A:
            self.escaped = not self.escaped
            return True
        if byte in ENTER or byte in (CTRL_C, CTRL_U):
            self.since_enter = 0
        elif byte in ERASE:
            self.since_enter = max(0, self.since_enter - 1)
        else:
            self.since_enter += 1
        return byte == CTRL_C


class Bridge:
    """Until the emulator has ended, `deadline` is over (TimeoutError) or done() says so."""

    def __init__(self, process, line, show, emulator, register=None):
        self.process, self.line, self.show, self.emulator = process, line, show, emulator
        self.register = register
        fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_NONBLOCK)
        self.to_line, self.held, self.typed = b"", b"", Typed()
        self.sender, self.to_sender, self.last = None, b"", b""
        self.terminal = True
        self.leave = False              # Ctrl-A X, where the emulator does not know it
        # Readable when it has ended (Linux; elsewhere a tenth of a second goes by).
        self.end = [os.pidfd_open(process.pid)] if hasattr(os, "pidfd_open") else []

    def run(self, deadline, done, own_escape):
        while self.process.poll() is None and not done() and not self.leave:
            if deadline and time.monotonic() > deadline:
                raise TimeoutError
            self.step(own_escape)
        while self.copy_out():          # its last words
            pass
        for fd in self.end:
            os.close(fd)

    def step(self, own_escape):
        wanted = [self.line, *self.end] + ([0] if self.terminal and not self.to_line else [])
        wanted += [self.register.socket] if self.register else []
        wanted += [self.sender] if self.sender and not self.to_line else []
        writes = ([self.line] if self.to_line else []) + ([self.sender] if self.sender and self.to_sender else [])
        ready, writable, _ = select.select(wanted, writes, [], 0.1)
        if self.line in ready:
            self.copy_out()
        if 0 in ready:
            self.take_typed(own_escape)
        if self.register and self.register.socket in ready:
            self.take_sender()
        if self.sender and self.sender in ready:
            self.take_sent()
        if self.line in writable:
            self.write_line()
        if self.sender and self.sender in writable:
            self.write_sender()

    # -- the machine ---------------------------------------------------------------

    def copy_out(self):
        try:
            said = os.read(self.line, PIECE)
        except OSError as e:            # EIO: no end of the line is open any more
            if e.errno not in (errno.EAGAIN, errno.EIO):
                raise
            return False
        self.show(said)
        if self.sender:
            self.to_sender += said
        return bool(said)

    def write_line(self):
        try:
            self.to_line = self.to_line[os.write(self.line, self.to_line):]
        except BlockingIOError:
            pass

    # -- the terminal ----------------------------------------------------------------

    def take_typed(self, own_escape):
        typed = os.read(0, 1024)
        self.terminal = bool(typed)
        for byte in typed:
            was_escaped = self.typed.escaped
            urgent = self.typed.note(byte)
            if own_escape and (byte == CTRL_A and not was_escaped):
                continue
            if own_escape and was_escaped and byte in b"xX":
                self.leave = True
                return
            if self.sender and not urgent:
                self.held += bytes([byte])
            else:
                self.to_line += bytes([byte])

    # -- a sender --------------------------------------------------------------------

    def take_sender(self):
        new, _ = self.register.socket.accept()
        about = {"emulator": self.emulator, "typed": self.typed.since_enter, "busy": self.sender is not None}
        try:
            new.sendall(json.dumps(about).encode() + b"\n")
        except OSError:
            new.close()
            return
        if self.sender:
            new.close()
            return
        new.setblocking(False)
        self.sender, self.to_sender, self.last = new, b"", b""

    def take_sent(self):
        try:
            sent = self.sender.recv(PIECE)
        except OSError:
            sent = b""
        self.to_line += sent
        self.last = (self.last + sent)[-2:]
        if not sent:
            self.end_sender()

    def write_sender(self):
        try:
            self.to_sender = self.to_sender[self.sender.send(self.to_sender):]
        except BlockingIOError:
            pass
        except OSError:
            self.end_sender()

    def end_sender(self):
        self.sender.close()
        self.sender = None
        if self.last and not self.last.endswith((b".\r", b"!\r", bytes([CTRL_U]))):
            self.to_line += GIVEN_UP
        self.to_line += self.held
        self.held = b""
