"""Where the CPUs of a machine in QEMU are, without help from the guest: for one that hangs (tools/run).

Registers and stacks come by QEMU's machine protocol (docs/interop/qmp-spec of QEMU), names from the
kernel's ELF file. A chain of frame pointers is followed as kernel/x86/symbols.c does.
"""
import bisect
import json
import os
import re
import socket
import struct

STACK = 8192                    # kernel/x86/layout.h: STACK_SIZE, and all stacks are aligned to it
KERNEL_BASE, MODULES, STACKS = 0xc0000000, 0xe0000000, 0xec000000
MAX_FRAMES = 12


class Qmp:
    """The protocol's other end."""

    def __init__(self, path, seconds=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()           # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """What it returns; OSError when it refuses."""
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OSError(answer["error"]["desc"])
        raise OSError("it ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Symbols:
    """The functions of an ELF file for i386 (System V ABI, "Symbol Table")."""

    def __init__(self, path):
        with open(path, "rb") as f:
            elf = f.read()
        table, = struct.unpack_from("<I", elf, 32)
        size, count = struct.unpack_from("<HH", elf, 46)
        sections = [struct.unpack_from("<10I", elf, table + i * size) for i in range(count)]
        found = {}
        for kind, offset, length, link in ((s[1], s[4], s[5], s[6]) for s in sections):
            if kind != 2:               # SHT_SYMTAB
                continue
            names = sections[link][4]
            for at in range(offset, offset + length, 16):
                name, value, _, info, _, home = struct.unpack_from("<IIIBBH", elf, at)
                if home and info & 15 in (0, 2) and value >= KERNEL_BASE:
                    end = elf.index(b"\0", names + name)
                    found.setdefault(value, elf[names + name:end].decode())
        self.start, self.name = sorted(found), found

    def of(self, address):
        if MODULES <= address < STACKS:
            return f"{address:#x}, in a module"
        i = bisect.bisect_right(self.start, address)
        if address < KERNEL_BASE:
            return f"{address:#010x}, in a process" if address else "0, a null pointer"
        if not i or address >= MODULES:
            return f"{address:#x}"
        return f"{self.name[self.start[i - 1]]}+{address - self.start[i - 1]:#x}"


def stack_above(qmp, cpu, ebp, folder):
    """The bytes from EBP to the end of its stack; none when that cannot be read."""
    path = os.path.join(folder, "stack")
    try:
        if ebp < KERNEL_BASE or ebp & 3:
            return b""
        qmp.ask("memsave", **{"val": ebp, "size": STACK - ebp % STACK, "filename": path, "cpu-index": cpu})
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def callers(stack, ebp):
    """The calls that the chain of frame pointers shows, innermost first."""
    at, found = 0, []
    while at + 8 <= len(stack) and len(found) < MAX_FRAMES:
        up, back = struct.unpack_from("<II", stack, at)
        if not back:
            break
        found.append(back - 1)
        if not ebp + at < up < ebp + len(stack):
            break
        at = up - ebp
    return found


def places(socket_path, kernel, folder):
    """A line for each CPU: stops the machine. OSError when it cannot be asked."""
    symbols = Symbols(kernel)
    with Qmp(socket_path) as qmp:
        qmp.ask("stop")
        text = qmp.ask("human-monitor-command", **{"command-line": "info registers -a"})
        for cpu, block in re.findall(r"CPU#(\d+)\r?\n(.*?)(?=CPU#|\Z)", text, re.S):
            value = {name: int(word, 16) for name, word in re.findall(r"\b(EIP|EBP|ESP|EFL|HLT|CPL)=([0-9a-f]+)", block)}
            chain = [symbols.of(value["EIP"])]
            chain += map(symbols.of, callers(stack_above(qmp, int(cpu), value["EBP"], folder), value["EBP"]))
            state = "halted" if value.get("HLT") else "runs"
            if not value["EFL"] & 1 << 9:
                state += ", interrupts off"
            yield f"CPU {cpu} {state}: " + " < ".join(chain)
