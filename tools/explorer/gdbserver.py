"""The gdb remote protocol, as QEMU's server speaks it (GDB manual, appendix E; gdbstub.c of QEMU).

A CPU n of the machine is the thread p1.(n+1). Only CPUs named in vCont run; the others stand still.
"""

import re
import socket
import struct

REGISTERS = "eax ecx edx ebx esp ebp esi edi eip eflags cs ss ds es fs gs".split()
MOST_BYTES = 2000               # of an answer to `m`: QEMU's packets have 4,096 characters
# `vCont;s` by itself also serves interrupts (bit 1 forbids it) and lets timers run (bit 2).
ENABLE, NO_INTERRUPTS, NO_TIMERS = 1, 2, 4


class Gone(Exception):
    """The emulator has ended, or did not answer in time."""


class GdbServer:
    def __init__(self, connection):
        self.socket, self.timeout = connection, connection.gettimeout()
        self.buffer, self.acknowledges = b"", True
        self.breakpoints = set()
        self.cpu = None                 # whose registers are asked for
        self.ask("qSupported:swbreak+;hwbreak+;vContSupported+;multiprocess+")
        self.ask("QStartNoAckMode")
        self.acknowledges = False
        self.ask("qXfer:features:read:target.xml:0,ffb")        # without it `p8` stays empty
        self.ask(f"Qqemu.sstep={ENABLE | NO_INTERRUPTS | NO_TIMERS}")

    def set_timeout(self, seconds):
        self.timeout = seconds
        self.socket.settimeout(seconds)

    # -- packets

    def send(self, text):
        data = text.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 255))

    def receive(self):
        while True:
            begin = self.buffer.find(b"$")
            end = self.buffer.find(b"#", begin) if begin >= 0 else -1
            if 0 <= end and len(self.buffer) >= end + 3:
                answer, self.buffer = self.buffer[begin + 1:end], self.buffer[end + 3:]
                if self.acknowledges:
                    self.socket.sendall(b"+")
                return answer.decode("latin1")
            try:
                data = self.socket.recv(1 << 17)
            except socket.timeout:
                raise Gone(f"the emulator did not answer in {self.timeout:g} s; "
                           "on a crowded host raise TIMEOUT_SCALE") from None
            except OSError as e:
                raise Gone(f"the emulator's gdb server: {e.strerror}") from None
            if not data:
                raise Gone("the emulator ended")
            self.buffer += data

    def ask(self, text):
        try:
            self.send(text)
        except OSError as e:
            raise Gone(f"the emulator's gdb server: {e.strerror}") from None
        return self.receive()

    # -- registers and memory

    def select(self, cpu):
        if self.cpu != cpu:
            self.ask(f"Hgp1.{cpu + 1:x}")
            self.cpu = cpu

    def registers(self, cpu):
        """{name: value} of the first sixteen."""
        self.select(cpu)
        raw = bytes.fromhex(self.ask("g")[:128].replace("x", "0"))
        return dict(zip(REGISTERS, struct.unpack("<16I", raw)))

    def memory(self, address, size):
        """Its bytes, by the page tables of the CPU that was selected last. None: not mapped."""
        data = b""
        while len(data) < size:
            part = min(size - len(data), MOST_BYTES)
            answer = self.ask(f"m{address + len(data):x},{part:x}")
            if answer.startswith("E"):
                return None
            data += bytes.fromhex(answer)
        return data

    # -- moving

    def set_breakpoints(self, addresses):
        """These and no others. All requests are under way at once: an answer each would be a wait each."""
        wanted = set(addresses)
        changes = [f"z1,{a:x},1" for a in self.breakpoints - wanted]
        changes += [f"Z1,{a:x},1" for a in wanted - self.breakpoints]
        for i in range(0, len(changes), 100):
            for change in changes[i:i + 100]:
                self.send(change)
            for change in changes[i:i + 100]:
                answer = self.receive()
                if answer != "OK":
                    raise Gone(f"QEMU refuses a breakpoint ({change}): {answer or 'not supported'}")
        self.breakpoints = wanted

    def stopped(self, answer):
        """The CPU that a stop reply names; None: the machine is off."""
        if answer.startswith("W") or answer.startswith("X"):
            return None
        self.cpu = int(re.search(r"thread:p\w+\.(\w+)", answer).group(1), 16) - 1   # QEMU selects it
        return self.cpu

    def step(self, cpu):
        """One instruction of this CPU, without interrupts. Never over HLT: QEMU then does not answer."""
        return self.stopped(self.ask(f"vCont;s:p1.{cpu + 1:x}"))

    def go_on(self, cpu):
        """This CPU runs until it reaches a breakpoint. Returns who stopped."""
        return self.stopped(self.ask(f"vCont;c:p1.{cpu + 1:x}"))

    def all_go_on(self):
        return self.stopped(self.ask("vCont;c"))

    def interrupt(self):
        self.socket.sendall(b"\x03")
        self.stopped(self.receive())

    def close(self):
        self.socket.close()
