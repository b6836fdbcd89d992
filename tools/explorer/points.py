"""Where turns may be cut: accesses to memory that two CPUs share.

The listing of the code says which instructions access memory other than their function's own stack. A
run with a breakpoint at each of them says what they access; those stay that access a word which two CPUs
access, one of them writing. What a task writes to its stack is not seen, so a look at another's stack is not
cut between two words of it, only before it.
"""

import collections
import os
import tempfile

from .image import Lacking, disassembled, lines_of, output, tool

DEVICES = range(0xfc000000, 0x100000000)        # one CPU's LAPIC is not another's
DIRECT_MAP = 0xc0000000
LOCKS = ("spin_lock", "spin_lock_irqsave")
UNLOCKS = ("spin_unlock", "spin_unlock_irqrestore", "spin_unlock_pinned")


class Code:
    """Of the kernel and of one module: its memory accesses, and how places in it are called."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.instructions = {a: i for a, i in kernel.code.items() if i.operands}
        self.lock_calls = {a for a, i in kernel.code.items()
                           if i.named("call") and any(f"<{name}>" in i.text for name in LOCKS)}
        self.clis = {a for a, i in kernel.code.items() if i.named("cli")}
        self.lines = lines_of(kernel.path, self.instructions.keys() | self.lock_calls | self.clis)
        self.module, self.module_symbols, self.module_code = None, [], {}

    def add_module(self, name, symbols, read, path):
        """symbols: [(name, address, size)] as the kernel has them; path: its .ko, for lines."""
        self.module, self.module_symbols = name, sorted(symbols, key=lambda s: s[1])
        offsets = text_symbols(path)
        self.module_code = {}
        for symbol, address, size in self.module_symbols:
            data = symbol in offsets and read(address, max(size, 1))
            if data:
                code = disassemble(data, address)
                self.module_code.update(code)
                found = lines_of(path, [a - address + offsets[symbol] for a in code], ".text")
                self.lines.update({o - offsets[symbol] + address: where for o, where in found.items()})
        self.instructions.update({a: i for a, i in self.module_code.items() if i.operands})

    def pauses_of_module(self):
        return {a for a, i in self.module_code.items() if i.named("pause")}

    def is_in_files(self, address, patterns):
        """A pattern is a part of a path, or "function()"."""
        return address in self.lines and any(
            self.kernel.function(address)[0] == p[:-2] if p.endswith("()") else p in self.lines[address][0]
            for p in patterns)

    def in_files(self, patterns):
        """Accesses in files whose path holds one of these, and the module's."""
        return {a for a in self.instructions if a in self.module_code or self.is_in_files(a, patterns)}

    def inside_module(self):
        """Its functions' entries, and what follows an access or a call: to be there is to read the module's
        memory, which an unload takes away."""
        ordered = sorted(self.module_code)
        entries = {address for _, address, _ in self.module_symbols if address in self.module_code}
        behind = {b for a, b in zip(ordered, ordered[1:])
                  if self.module_code[a].operands or self.module_code[a].named("call")}
        return entries | behind

    def in_functions(self, patterns):
        """All accesses in a "function()", shared or not."""
        named = {p[:-2] for p in patterns if p.endswith("()")}
        return {a for a in self.instructions if a in self.lines and self.kernel.function(a)[0] in named}

    def interrupts_go_off(self, patterns):
        """CLI: what was pending is served before it, or not."""
        return {a for a in self.clis if self.is_in_files(a, patterns)}

    def cuts(self):
        """All places where a turn can be cut."""
        return self.instructions.keys() | self.lock_calls | self.clis | self.inside_module()

    def call_before(self, address):
        """The call that returns there."""
        return next((a for a in (address - 5, address - 2, address - 3, address - 6)
                     if a in self.kernel.code and self.kernel.code[a].named("call")), address - 5)

    def entry_of(self, function):
        """Of the module or, if it has none of that name, of the kernel."""
        for name, address, _ in self.module_symbols:
            if name == function:
                return address
        if function in self.kernel.symbols:
            return self.kernel.symbols[function]
        raise Lacking(f"neither {self.module} nor the kernel has a function {function}; {self.module} has: " +
                      " ".join(n for n, a, _ in self.module_symbols if a in self.module_code))

    def where(self, address):
        """("file.c", line, "function+0x12")."""
        file, line = self.lines.get(address, ("?", 0))
        return os.path.basename(file), line, self.function(address)

    def function(self, address):
        for name, start, size in self.module_symbols:
            if start <= address < start + max(size, 1):
                return f"{name}+{address - start:#x}"
        name, offset = self.kernel.function(address)
        return f"{name}+{offset:#x}"


def text_symbols(path):
    """{name: offset in .text} of a module's file."""
    found = {}
    for line in output(tool("objdump"), "-t", path).split("\n"):
        words = line.split()
        if ".text" in words and len(words) >= 5:
            found[words[-1]] = int(words[0], 16)
    return found


def disassemble(data, address):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        return disassembled(output(tool("objdump"), "-D", "-b", "binary", "-m", "i386", "--no-show-raw-insn",
                                   f"--adjust-vma={address:#x}", f.name))


class Access:
    """A word, and whether it is written."""
    __slots__ = ("word", "writes")

    def __init__(self, word, writes):
        self.word, self.writes = word, writes

    def conflicts(self, others):
        """others: {word: is it written?}"""
        return self.word in others and (self.writes or others[self.word])


def accesses_of(instruction, registers, per_cpu):
    return [Access(o.address(registers, per_cpu) & ~3, o.writes) for o in instruction.operands]


class Sharing:
    """Who accesses what, and under which spin locks, over the runs that were watched. A word that all access
    under one lock needs no cut of its own: that lock is taken where turns are cut."""

    def __init__(self):
        self.readers, self.writers = collections.defaultdict(set), collections.defaultdict(set)
        self.at = collections.defaultdict(set)          # word: addresses of the code
        self.locks = {}                                 # word: locks that were held at every access
        self.held = collections.defaultdict(set)        # cpu: locks
        self.takers = collections.defaultdict(set)      # lock: CPUs
        self.taken_at = collections.defaultdict(set)    # lock: where it is called for

    def note(self, cpu, pc, accesses):
        for a in accesses:
            (self.writers if a.writes else self.readers)[a.word].add(cpu)
            self.at[a.word].add(pc)
            self.locks[a.word] = self.locks.get(a.word, self.held[cpu]) & self.held[cpu]

    def note_lock(self, cpu, lock, call):
        self.held[cpu].add(lock)
        self.takers[lock].add(cpu)
        self.taken_at[lock].add(call)

    def note_unlock(self, lock):
        for held in self.held.values():         # a run queue's is released by the next task
            held.discard(lock)

    def is_shared(self, word):
        if word in DEVICES or word < DIRECT_MAP or self.locks[word]:
            return False
        return bool(self.writers[word]) and len(self.readers[word] | self.writers[word]) > 1

    def points(self):
        return {pc for word in list(self.at) if self.is_shared(word) for pc in self.at[word]}

    def lock_calls(self):
        """Calls that take a lock which several CPUs take."""
        return {call for lock, cpus in self.takers.items() if len(cpus) > 1 for call in self.taken_at[lock]}
