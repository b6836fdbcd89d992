"""A machine with what is known of its code, taken over after a module's load."""

import os
import re
import tempfile

from . import oracle
from .image import Kernel
from .layout import Layout
from .machine import Machine
from .points import LOCKS, UNLOCKS, Code, Sharing, accesses_of, Access
from .schedule import Malformed
from .turns import Turns

FIELDS = ["module.owner.name", "module.symbol", "module.nr_symbols", "module_symbol.name", "module_symbol.addr",
          "module_symbol.size", "module_symbol", "cpu.ipi_count"]
START = "start"                 # the snapshot
MOST_WATCHED = 100000           # turns of the run that watches all accesses


def options(runner, schedule, build, more=()):
    """As tools/run has them, for this schedule."""
    opt = runner.parse_arguments(["--direct", "--deterministic", "--build", build, "--smp", str(schedule.smp),
                                  "--mem", str(schedule.mem), "-c", schedule.commands, *more])
    opt.handed, opt.folder = {}, None
    return opt


class World:
    def __init__(self, runner, opt, schedule, folder=None):
        """folder: of modules (*.ko)."""
        self.schedule = schedule
        self.kernel = Kernel(os.path.join(opt.build, "quiesce.elf"))
        self.layout = Layout(self.kernel.path, FIELDS + oracle.FIELDS)
        self.code = Code(self.kernel)
        self.work = tempfile.TemporaryDirectory(prefix="quiesce-")
        self.machine = Machine(runner, opt, self.work.name, runner.kernel_options(opt))
        try:
            self.take_over(folder or os.path.join(opt.build, "modules"))
        except BaseException:
            self.end()
            raise

    def take_over(self, folder):
        self.turns = Turns(self.machine, self.kernel, self.calls_of)
        self.memory = self.machine.gdb.memory
        self.oracle = oracle.Oracle(self.machine, self.kernel, layout=self.layout)
        self.turns.checks[self.kernel.symbol("owner_commit_gone")] = self.check_commit
        name_at = self.layout.offset("module.owner.name")
        record, cpu = self.turns.take_over(self.schedule.module, lambda m: self.machine.string(m + name_at))
        table = self.kernel.symbol("cpus")
        self.per_cpu = [self.machine.u32(table + 4 * c) for c in range(self.machine.smp)]
        path = os.path.join(folder, self.schedule.module + ".ko")
        self.code.add_module(self.schedule.module, self.symbols(record), self.memory, path)
        self.turns.waits |= self.code.pauses_of_module()
        self.start = self.turns.begin(cpu, self.code.entry_of(self.schedule.start) if self.schedule.start else None)
        self.machine.use_all_host_cpus()
        self.uses = self.machine.u32(self.kernel.symbol("nr_uses"))

    def calls_of(self, cpu):
        return self.layout.read(self.memory, self.per_cpu[cpu], "cpu.ipi_count")

    def symbols(self, record):
        """[(name, address, size)] of the module whose struct lies there."""
        def field(at, name):
            return self.layout.read(self.memory, at, name)
        table, size = field(record, "module.symbol"), self.layout.size("module_symbol")
        entries = [table + i * size for i in range(field(record, "module.nr_symbols"))]
        return [(self.machine.string(field(e, "module_symbol.name")), field(e, "module_symbol.addr"),
                 field(e, "module_symbol.size")) for e in entries]

    def save_start(self):
        self.machine.open_store()
        self.machine.save(START)

    def restart(self):
        self.machine.load(START)
        return self.start.copy()

    def last_words(self):
        """Of an emulator that has ended."""
        return "\n".join([self.machine.console()[-400:], self.machine.stderr()]).strip()

    def end(self):
        self.machine.end()
        self.work.cleanup()

    # -- what happens

    def check_commit(self, cpu):
        """What the models assert: where a look commits, no task is inside."""
        found = self.oracle.overlooked(cpu, self.schedule.module)
        return f"{self.schedule.module} is about to be freed; {found[0]}" if found else ""

    def accesses(self, event):
        """Of the instruction that this CPU is about to execute."""
        if event.pc in self.code.lock_calls:
            return [Access(self.machine.u32(event.registers["esp"]) & ~3, True)]
        instruction = self.code.instructions.get(event.pc)
        return accesses_of(instruction, event.registers, self.per_cpu[event.cpu]) if instruction else []

    def verdict(self, event):
        """What a run came to, and the kernel's words for it."""
        said = self.machine.console()
        used = re.findall(r"^use after unload: .*$", said, re.M)
        if self.machine.u32(self.kernel.symbol("nr_uses")) != self.uses:
            return "use after unload", used[-1] if used else ""
        if event.kind == "wrong":
            return "insider overlooked", event.text
        if event.kind == "panic":
            return "panic", self.panic_text(event)
        if event.kind == "stuck":
            return "stuck", "nobody can go on, and the commands are not through"
        return "well", ""

    def panic_text(self, event):
        """panic(format, ...), panic_regs(registers, format, ...)."""
        nth = 2 if event.pc == self.kernel.symbol("panic_regs") else 1
        return self.machine.string(self.machine.u32(event.registers["esp"] + 4 * nth), 200)

    def watch_sharing(self, watched, patterns, in_module=True):
        """One plain run with a breakpoint at each access in the files `watched`. Returns where memory is accessed that
        CPUs share, and where turns are to be cut: there, in the files `patterns` and in the module."""
        sharing, kernel = Sharing(), self.kernel
        locks = {kernel.symbol(n) for n in LOCKS}
        unlocks = {kernel.symbol(n) for n in UNLOCKS}
        wanted = self.code.in_files(watched + patterns)
        state = self.restart()
        self.turns.watch(wanted | locks | unlocks)
        while True:
            event = self.turns.next_event(state, MOST_WATCHED)
            if event.kind != "point":
                break
            if event.pc in locks | unlocks:
                call, lock = self.call_of(event)
                sharing.note_lock(event.cpu, lock, call) if event.pc in locks else sharing.note_unlock(lock)
            else:
                sharing.note(event.cpu, event.pc, self.accesses(event))
        if event.kind in ("long", "stuck"):     # what else it comes to, the search tells, with no preemption
            raise Malformed(f"the plain run came to no good end ({self.verdict(event)[0]}); mend that first:\n"
                            + self.machine.console()[-500:])
        shared = sharing.points() | {c for c in sharing.lock_calls() if self.code.is_in_files(c, watched + patterns)}
        cuts = {p for p in shared if self.code.is_in_files(p, patterns)}
        cuts |= self.code.interrupts_go_off(patterns) | self.code.in_functions(patterns)
        inside = (shared & self.code.module_code.keys()) | self.code.inside_module()
        return shared, cuts | inside if in_module else cuts - self.code.module_code.keys()

    def call_of(self, event):
        """At a function's entry: (where it was called, its first argument)."""
        stack = self.memory(event.registers["esp"], 8)
        back, argument = (int.from_bytes(stack[i:i + 4], "little") for i in (0, 4))
        return self.code.call_before(back), argument

    # -- places of a schedule

    def address_of(self, step):
        """Of the access that a step of a schedule names."""
        exact = [a for a in self.code.cuts() if step.function and self.code.where(a) ==
                 (step.file, step.line, step.function)]
        there = exact or sorted(a for a in self.code.cuts() if self.code.where(a)[:2] == (step.file, step.line))
        if not there:
            near = sorted({self.code.where(a)[1] for a in self.code.cuts() if self.code.where(a)[0] == step.file})
            raise Malformed(f"{step}: no access to memory on that line; " + (
                f"{step.file} has some on lines {', '.join(map(str, near[:40]))}" if near else
                f"is {step.file} a file of this kernel or of {self.schedule.module}?"))
        return there[0]
