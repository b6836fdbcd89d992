"""Who points into a module that dies? Asked from outside, while the machine stands still.

The kernel stops at breakpoints on functions that it has anyway:

    help_insiders_out   a look has found somebody: does it name all whom the oracle finds?
    owner_commit_gone   a look has found nobody: does the oracle find somebody?
    graveyard_dig       the memory is about to go, under any strategy: which tasks are inside?
    machine_poweroff    the end: what still points into a dead range?

What is read: EIP and the other registers of each CPU in the kernel, every task's stack from its stack pointer
up to the registers of ring 3, and at the end each block of the heap that is in use. It shares with the kernel only
the layout of its structures. A word may be a return address on the frame chain, or an EIP (then its task is inside);
or it may be one of those that inspections leave out, for a reason that is checked here, too:

    asker       on the stack of the task that unloads: its own frames know the module
    not run     its task has not run since the load, so the word is older than the module
    outside     its task has declared to be outside of all modules (user/inside.h)
    possible    anything else that is no return address: a stale word
"""

import dataclasses
import json
import os
import time

from .gdbserver import Gone
from .image import Kernel
from .layout import Layout
from .machine import Machine

STACK_SIZE = 8192
PAGE = 4096
DIRECT_MAP = 0xc0000000
# kernel/mm/heap.c: frame tags; kernel/mm/slab.h: how a slab is laid out
SLAB_CLASSES, SLAB_MIN, SLAB_HEADER, TAG_LARGE = 8, 16, 64, 0x80
GRAVES = 32                             # unload/graveyard.h
MAX_INSIDERS = 16                       # unload/inspect.h
FIELDS = """task.sp task.on_cpu task.all_node task.dead task.id task.name task.stack task.kernel_top task.scan_top
task.ran_generation task cpu.task owner.name owner.base owner.size owner.generation owner.epoch
grave.number grave.name grave.base grave.size grave.names grave.symbol grave.image.frame grave
inspection.nr_insiders inspection.insider[0].task inspection.nr_unseen inspection.silent inspection.owner
inspection.insider[0] buddy.desc buddy.nr_frames frame_desc frame_desc.tag slab.free
slab_class.order slab_class module.node""".split()
GENERAL = "eax ecx edx ebx esi edi ebp".split()


@dataclasses.dataclass
class Word:
    """A word that points into a range."""
    where: str
    value: int
    task: int = -1
    kind: str = "possible"              # inside, asker, not run, outside, possible, heap

    def __str__(self):
        return f"{self.where}: {self.value:#x} ({self.kind})"


@dataclasses.dataclass
class Range:
    name: str
    base: int
    size: int
    generation: int = 0

    def holds(self, word):
        return word - self.base in range(self.size)


class Memory:
    """The kernel's, read in large pieces and kept until the machine goes on."""

    def __init__(self, machine, layout):
        self.machine, self.layout = machine, layout

    def bytes(self, address, size):
        data = self.machine.gdb.memory(address, size)
        if data is None:
            raise Gone(f"the oracle reads {address:#x}, where no memory is: does build/ fit the kernel that runs?")
        return data

    def field(self, address, name):
        return self.layout.read(self.bytes, address, name)

    def text(self, address):
        return self.bytes(address, 32).split(b"\0")[0].decode("latin1")


def words_in(data, base, target):
    """[(address, value)] of the aligned words in `data` (from address `base`) that point into the range `target`."""
    found = []
    for i in range(0, len(data) - 3, 4):
        value = int.from_bytes(data[i:i + 4], "little")
        if target.holds(value):
            found.append((base + i, value))
    return found


class Tasks:
    """All of them, at one instant."""

    def __init__(self, memory, kernel, registers):
        self.memory, self.kernel, self.registers = memory, kernel, registers
        layout = memory.layout
        head, link, size = kernel.symbol("tasklist"), layout.offset("task.all_node"), layout.size("task")
        cpus = [memory.field(kernel_cpu, "cpu.task") for kernel_cpu in
                (memory.machine.u32(kernel.symbol("cpus") + 4 * c) for c in range(len(registers)))]
        self.on_cpu = {task: c for c, task in enumerate(cpus)}
        self.all, node = [], memory.machine.u32(head)
        while node != head:
            self.all.append((node - link, memory.bytes(node - link, size)))
            node = self.get(self.all[-1], "all_node") & 0xffffffff

    def get(self, task, field):
        offset, size = self.memory.layout.places["task." + field]
        return int.from_bytes(task[1][offset:offset + size], "little")

    def name(self, task):
        offset = self.memory.layout.offset("task.name")
        return f"task {self.get(task, 'id')} ({task[1][offset:offset + 32].split(bytes(1))[0].decode('latin1')})"

    def stack_from(self, task):
        """(stack pointer, frame pointer) of the kernel's part of its stack; None: it is empty."""
        low, top = self.get(task, "stack"), self.get(task, "kernel_top")
        for r in self.registers:        # not only cpu.task's: a CPU may stand in the middle of a switch
            if low <= r["esp"] < top:
                return r["esp"] & ~3, r["ebp"]
        sp = self.get(task, "sp")
        if task[0] in self.on_cpu and self.is_in_ring_3(self.on_cpu[task[0]]):
            return None
        # switch.asm and with_registers_on_stack() push edi, esi, ebx, ebp
        return (sp, int.from_bytes(self.memory.bytes(sp + 12, 4), "little")) if low <= sp < top else None

    def is_in_ring_3(self, cpu):
        return self.registers[cpu]["cs"] & 3


class Oracle:
    def __init__(self, machine, kernel, tell=lambda line: None, layout=None):
        """layout: of FIELDS, if there is one already."""
        self.machine, self.kernel, self.tell = machine, kernel, tell
        self.memory = Memory(machine, layout or Layout(kernel.path, FIELDS))
        self.symbols = {kernel.symbol(n): n for n in
                        ("help_insiders_out", "owner_commit_gone", "graveyard_dig", "machine_poweroff")}
        self.deaths = self.inside = self.disagreements = self.looks = self.words = 0
        self.seconds = 0.0

    # -- reading

    def registers(self):
        return [self.machine.gdb.registers(c) for c in range(self.machine.smp)]

    def return_addresses(self, ebp, low, top):
        """Where on this stack they lie, by the chain of frames."""
        found = set()
        while low <= ebp < top - 8:
            found.add(ebp + 4)
            above = int.from_bytes(self.memory.bytes(ebp, 4), "little")
            if above <= ebp:
                break
            ebp = above
        return found

    def on_stack(self, tasks, task, target, asker):
        place = tasks.stack_from(task)
        if place is None or tasks.get(task, "dead"):
            return []
        (sp, ebp), top = place, tasks.get(task, "kernel_top")
        data = self.memory.bytes(sp, top - sp)
        self.words += len(data) // 4
        hits = words_in(data, sp, target)
        if not hits:
            return []
        certain = self.return_addresses(ebp, sp, top)
        found = []
        for at, value in hits:
            kind = "inside" if at in certain or at == sp - 4 else "possible"
            if task[0] == asker:
                kind = "asker"
            elif task[0] not in tasks.on_cpu and tasks.get(task, "ran_generation") < target.generation:
                kind = "not run"
            elif kind == "possible" and at >= tasks.get(task, "scan_top"):
                kind = "outside"
            found.append(Word(f"{tasks.name(task)}, stack {at:#x}", value, task[0], kind))
        return found

    def on_cpus(self, tasks, target, asker):
        found = []
        for cpu, registers in enumerate(tasks.registers):
            if registers["cs"] & 3:
                continue                # ring 3's say nothing
            task = next((t for t, c in tasks.on_cpu.items() if c == cpu), -1)
            for name in ["eip", *GENERAL]:
                if target.holds(registers[name]):
                    kind = "asker" if task == asker else "inside" if name == "eip" else "possible"
                    found.append(Word(f"CPU {cpu}, {name}", registers[name], task, kind))
        return found

    def look(self, target, asker):
        tasks = Tasks(self.memory, self.kernel, self.registers())
        found = self.on_cpus(tasks, target, asker)
        for task in tasks.all:
            found += self.on_stack(tasks, task, target, asker)
        return found

    # -- at the breakpoints

    def owner(self, address):
        f = self.memory.field
        return Range(self.memory.text(address + self.memory.layout.offset("owner.name")), f(address, "owner.base"),
                     f(address, "owner.size"), f(address, "owner.generation"))

    def current(self, cpu):
        return self.memory.field(self.machine.u32(self.kernel.symbol("cpus") + 4 * cpu), "cpu.task")

    def stopped(self, cpu):
        """At one of the breakpoints. False: the machine is about to go off."""
        begun = time.monotonic()
        registers = self.machine.gdb.registers(cpu)
        name = self.symbols[registers["eip"]]
        getattr(self, "at_" + name)(cpu, self.arguments(registers))
        self.seconds += time.monotonic() - begun
        return name != "machine_poweroff"

    def arguments(self, registers):
        """At a function's entry: its first four."""
        data = self.memory.bytes(registers["esp"] + 4, 16)
        return [int.from_bytes(data[i:i + 4], "little") for i in range(0, 16, 4)]

    def say(self, event, target, **more):
        self.tell(json.dumps({"event": event, "module": target.name, "base": f"{target.base:#x}", **more}))

    def at_help_insiders_out(self, cpu, argument):
        """help_insiders_out(unload, inspection): it was void. Somebody may have moved on since."""
        look, f = argument[1], self.memory.field
        target = self.owner(f(look, "inspection.owner"))
        size = self.memory.layout.size("inspection.insider[0]")
        first = look + self.memory.layout.offset("inspection.insider[0].task")
        n = f(look, "inspection.nr_insiders")
        known = {self.machine.u32(first + i * size) for i in range(min(n, MAX_INSIDERS))}
        found = self.look(target, self.current(cpu))
        inside = {w.task for w in found if w.kind == "inside"}
        # More than it has room for, or a CPU that did not answer: it does not claim to know all.
        excused = n > MAX_INSIDERS or f(look, "inspection.nr_unseen") or f(look, "inspection.silent")
        missed = [w for w in found if w.kind == "inside" and w.task not in known]
        self.looks += 1
        self.disagreements += bool(missed and not excused)
        self.say("look", target, named=n, inside=len(inside), seen=len(inside & known), missed=[str(w) for w in missed],
                 excused=bool(excused))

    def overlooked(self, cpu, module):
        """At owner_commit_gone(): what is inside of this module, although a look has found nothing."""
        _, found = self.at_commit(cpu, self.arguments(self.machine.gdb.registers(cpu)), module)
        return [w for w in found or () if w.kind == "inside"]

    def at_commit(self, cpu, argument, module=None):
        """owner_commit_gone(owner, epoch): a look found nothing, and says so unless the epoch has changed; then None."""
        target = self.owner(argument[0])
        if self.memory.field(argument[0], "owner.epoch") != argument[1] | argument[2] << 32 or \
                module not in (None, target.name):
            return target, None
        return target, self.look(target, self.current(cpu))

    def at_owner_commit_gone(self, cpu, argument):
        target, found = self.at_commit(cpu, argument)
        if found is None:
            return
        missed = [w for w in found if w.kind in ("inside", "possible")]
        self.disagreements += bool(missed)
        self.say("commit", target, missed=[str(w) for w in missed], left_out=self.left_out(found))

    def at_graveyard_dig(self, cpu, argument):
        """graveyard_dig(module, ...): struct module begins with its owner."""
        target = self.owner(argument[0])
        found = self.look(target, self.current(cpu))
        inside = [w for w in found if w.kind == "inside"]
        self.deaths += 1
        self.inside += bool(inside)
        self.say("death", target, inside=[str(w) for w in inside], left_out=self.left_out(found),
                 possible=[str(w) for w in found if w.kind == "possible"])

    def at_machine_poweroff(self, cpu, argument):
        graves = [g for g in self.graves() if not self.is_loaded_again(g[0])]
        blocks = list(self.heap_blocks()) if graves else []
        own = {address for _, *tables in graves for address in tables}
        for target, *_ in graves:
            found = self.look(target, None)
            for base, data in blocks:
                if base not in own:
                    found += [Word(f"heap {at:#x}", value, kind="heap") for at, value in words_in(data, base, target)]
            kinds = {k: [str(w) for w in found if w.kind == k] for k in ("inside", "possible", "heap")}
            self.say("end", target, **{k: v[:8] for k, v in kinds.items()}, left_out=self.left_out(found))

    def left_out(self, found):
        kinds = [w.kind for w in found]
        return {k: kinds.count(k) for k in ("asker", "not run", "outside") if k in kinds}

    # -- the dead, and the heap

    def graves(self):
        """[(Range, addresses of its tables in the heap)] of the graveyard."""
        f, size = self.memory.field, self.memory.layout.size("grave")
        table = self.kernel.symbol("graves")
        for g in range(table, table + GRAVES * size, size):
            if f(g, "grave.number"):
                yield (Range(self.memory.text(g + self.memory.layout.offset("grave.name")), f(g, "grave.base"),
                             f(g, "grave.size")), f(g, "grave.names"), f(g, "grave.symbol"), f(g, "grave.image.frame"))

    def is_loaded_again(self, target):
        """An init section's addresses stay its module's; a range may have been handed out anew."""
        head = self.kernel.symbol("modules")
        offset = self.memory.layout.offset("module.node")
        node = self.machine.u32(head)
        while node != head:
            module = self.owner(node - offset)
            if module.base < target.base + target.size and target.base < module.base + module.size:
                return True
            node = self.machine.u32(node)
        return False

    def heap_blocks(self):
        """(address, bytes) of each block in use: kernel/mm/heap.c tags the frames."""
        f, layout = self.memory.field, self.memory.layout
        pool, size = self.kernel.symbol("pool"), layout.size("frame_desc")
        descriptors = self.memory.bytes(f(pool, "buddy.desc"), f(pool, "buddy.nr_frames") * size)
        tags = descriptors[layout.offset("frame_desc.tag")::size]
        frame = 0
        while frame < len(tags):
            tag, address = tags[frame], DIRECT_MAP + frame * PAGE
            if 1 <= tag <= SLAB_CLASSES:
                order = f(self.kernel.symbol("slab_class") + (tag - 1) * layout.size("slab_class"), "slab_class.order")
                yield from self.objects(address, tag - 1, self.memory.bytes(address, PAGE << order))
                frame += 1 << order
            elif TAG_LARGE <= tag < TAG_LARGE + 16:
                pages = 1 << (tag & 0x7f)
                yield address, self.memory.bytes(address, pages * PAGE)
                frame += pages
            else:
                frame += 1

    def objects(self, address, index, slab):
        size = SLAB_MIN << index
        free = int.from_bytes(slab[self.memory.layout.offset("slab.free"):][:32], "little")
        for i in range((len(slab) - SLAB_HEADER) // size):
            if not free >> i & 1:
                at = SLAB_HEADER + i * size
                yield address + at, slab[at:at + size]


def run(runner, opt, work, words, console):
    """A run of tools/run with the oracle at its side. Returns (how it ended, exit status of the emulator, Oracle)."""
    machine = Machine(runner, opt, work, words)
    kernel = Kernel(os.path.join(opt.build, "quiesce-test.elf" if opt.tests else "quiesce.elf"), with_code=False)
    oracle = Oracle(machine, kernel, lambda line: runner.note(f"oracle: {line}"))
    gdb, told = machine.gdb, 0
    try:
        gdb.set_timeout(opt.timeout)
        gdb.set_breakpoints(oracle.symbols)
        goes_on = True
        while goes_on:
            cpu = gdb.all_go_on()
            told = follow(machine, console, told)
            if cpu is None:
                break
            goes_on = oracle.stopped(cpu)
            gdb.step(cpu)
        gdb.set_breakpoints(())
        try:
            gdb.all_go_on()
        except Gone:
            pass                        # it is off
        machine.process.wait(opt.timeout)
        follow(machine, console, told)
        return "ended", machine.process.returncode, oracle
    except Gone as e:
        follow(machine, console, told)
        if machine.process.poll() is None:
            raise runner.Stop(runner.TIMED_OUT, str(e)) from None
        return "ended", machine.process.returncode, oracle
    finally:
        machine.end()


def follow(machine, console, told):
    """Shows what the console's file has gained; returns how much was shown."""
    with open(f"{machine.work}/console", "rb") as f:
        f.seek(told)
        data = f.read()
    if data:
        console.take(data)
    return told + len(data)


def summary(oracle):
    return (f"oracle: {oracle.deaths} deaths, {oracle.inside} of them with somebody inside; "
            f"{oracle.looks} looks that found somebody; {oracle.disagreements} disagreements; "
            f"{oracle.words} words of stacks in {oracle.seconds:.2f} s")
