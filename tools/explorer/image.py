"""What the kernel's file and its modules say: symbols, source lines, memory accesses."""

import bisect
import os
import re
import shutil
import subprocess

PREFIXES = ("i686-linux-gnu-", "i686-elf-", "")
STACK = {"esp", "ebp"}                  # accesses by these are a function's own
NO_ACCESS = ("lea", "nop", "prefetch")
READS = {"cmp", "test", "push", "call", "jmp", "bt", "imul", "mul", "div", "idiv", "lgdt", "lidt", "ltr",
         "invlpg"}
WRITES = ("mov", "set", "stos", "pop")  # ... and do not read
MEMORY = re.compile(r"(?:%([c-g]s):)?(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),(\d))?\)"
                    r"|(?:%([c-g]s):)?(0x[0-9a-f]{2,})(?=,|$)")
LINE = re.compile(r"^\s*([0-9a-f]+):\t(.*)$")


class Lacking(Exception):
    """The environment lacks something, which is named."""


def tool(name):
    for prefix in PREFIXES:
        if shutil.which(prefix + name):
            return prefix + name
    raise Lacking(f"{name} is missing; remedy: apt-get install binutils-i686-linux-gnu")


def output(*argv, text=None):
    return subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True).stdout


class Operand:
    """segment:displacement(base, index, scale) of one instruction, and what is done to it."""

    def __init__(self, match, reads, writes):
        segment, displacement, base, index, scale, segment2, absolute = match.groups()
        self.segment = segment or segment2
        self.base, self.index = (r and r[1:] for r in (base, index))
        self.displacement = int(displacement or absolute or "0", 16)
        self.scale = int(scale or 1)
        self.reads, self.writes = reads, writes

    def on_own_stack(self):
        return self.base in STACK

    def address(self, registers, per_cpu):
        """Where it is, now. per_cpu: the base of GS."""
        at = self.displacement + (per_cpu if self.segment == "gs" else 0)
        if self.base:
            at += registers.get(self.base, 0)
        if self.index and self.index != "eiz":
            at += registers.get(self.index, 0) * self.scale
        return at & 0xffffffff


def operands_of(text):
    """Of one instruction in AT&T syntax: those in memory that are not on its function's own stack."""
    text = text.split(" <")[0].split("#")[0].strip()
    text = re.sub(r"^(?:lock|rep\w*) ", "", text)
    name, _, rest = text.partition(" ")
    rest = rest.strip()
    if name.startswith(NO_ACCESS) or (name.startswith(("j", "call", "loop")) and not rest.startswith("*")):
        return []
    found = []
    for m in MEMORY.finditer(rest):
        if m.group(7) and rest[m.start(7) - 1:m.start(7)] == "$":
            continue                    # an immediate
        last = m.end() == len(rest)
        reads_only = not last or name in READS or name.rstrip("bwl") in READS
        writes_only = not reads_only and name.startswith(WRITES)
        found.append(Operand(m, not writes_only, not reads_only))
    return [o for o in found if not o.on_own_stack()]


class Instruction:
    def __init__(self, address, text):
        self.address, self.text = address, text
        self.operands = operands_of(text)

    def named(self, name):
        return re.match(rf"(?:rep\w* )?{name}\b", self.text) is not None


def disassembled(listing):
    found = {}
    for line in listing.split("\n"):
        m = LINE.match(line)
        if m:
            address = int(m.group(1), 16)
            found[address] = Instruction(address, re.sub(r"\s+", " ", m.group(2)).strip())
    return found


class Kernel:
    """The kernel's ELF file."""

    def __init__(self, path, with_code=True):
        if not os.path.exists(path):
            raise Lacking(f"{path} is not built; remedy: make")
        self.path = path
        self.symbols, self.functions = {}, []
        for line in output(tool("nm"), "-n", path).split("\n"):
            words = line.split()
            if len(words) == 3:
                self.symbols.setdefault(words[2], int(words[0], 16))
                if words[1] in "tT":
                    self.functions.append((int(words[0], 16), words[2]))
        self.starts = [address for address, _ in self.functions]
        self.code = disassembled(output(tool("objdump"), "-d", "--no-show-raw-insn", path)) if with_code else {}

    def symbol(self, name):
        if name not in self.symbols:
            raise Lacking(f"{self.path}: no symbol {name}; is it a kernel of this tree? remedy: make")
        return self.symbols[name]

    def function(self, address):
        """("name", offset) of the function that holds it."""
        i = bisect.bisect_right(self.starts, address) - 1
        return (self.functions[i][1], address - self.starts[i]) if i >= 0 else ("?", 0)

    def inside(self, *names):
        """Predicate: is this address in one of these functions?"""
        return lambda address: self.function(address)[0] in names


def lines_of(path, addresses, section=None):
    """{address: (file, line)}: of the innermost frame that is in a .c or .asm file; where all are in
    headers (a function of a hazard.h), of the innermost there."""
    addresses = sorted(addresses)
    if not addresses:
        return {}
    option = ["-j", section] if section else []
    said = output(tool("addr2line"), "-a", "-i", "-e", path, *option,
                  text="".join(f"{a:#x}\n" for a in addresses))
    found, headers, address = {}, {}, None
    for line in said.split("\n"):
        if re.fullmatch(r"0x[0-9a-f]{8,16}", line):
            address = int(line, 16)
        elif address is not None and ":" in line:
            file, _, number = line.split(" (")[0].rpartition(":")
            if number.isdigit() and int(number):
                kind = found if file.endswith((".c", ".asm")) else headers
                kind.setdefault(address, (file, int(number)))
    return {**headers, **found}
