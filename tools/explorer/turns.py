"""Whose turn it is: one CPU runs at a time, until it reaches a place where something may depend on
another one. What stops a turn is a breakpoint:

    wait    PAUSE: it waits for another CPU, or inside a module for whatever the module waits for
    idle    the head of the idle loop; only an interrupt leads on from here
    point   an access to shared memory, before it is made
    end     the machine is about to be turned off
    panic
    check   a place where something is looked at from outside; the turn goes on, or the run ends as "wrong"

CPUs take turns: one that waits or is idle gives way to the next. A CPU can be frozen at a point: it serves
interrupts there, and goes on when none of the others can, and none wakes for some milliseconds. `late` ones
serve none until a CPU that waits has given them up. So every schedule is a list of freezes, and the empty list
is the plain one.

What is not explored: an idle CPU pulls no task over (it is not let through its loop), and time passes
in jumps of 10 us at each stop.
"""

import copy
import dataclasses
import math

from .gdbserver import Gone
from .machine import PIT_PERIOD
from .schedule import Malformed

MOST_TURNS = 6000               # of a run; then nothing is said of it, but that it was too long
ROUNDS_AT_REST = 300            # so many rounds in which nobody can go on: it is stuck, too
PATIENCE = 8                    # so many rounds of LONG_PERIOD others may sleep before a frozen CPU goes on
LATE_ROUNDS = 50                # ... and a late one stays deaf: 100 ms
MOST_AFTER_END = 300            # turns when the commands are through, for those that never come to rest
LONG_PERIOD = 2400              # of the PIT: 2 ms, for a time-out to be waited for
EFLAGS_IF = 0x200
# These wait for a time, or for a device, not for another CPU.
NOT_FOR_OTHERS = {"delay_us", "clock_init", "send", "wait_status", "machine_reboot"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a CPU stands."""
    pc: int
    esp: int


@dataclasses.dataclass
class Event:
    """The end of a turn."""
    kind: str
    cpu: int
    pc: int
    registers: dict
    number: int = 0                     # of a point: so many times this CPU has come here, with this
    text: str = ""                      # what is wrong


@dataclasses.dataclass
class Freeze:
    """A CPU that stands at a point, from its time on."""
    cpu: int
    place: Place
    late: bool
    served: bool = False                # it has answered another CPU since
    movers: frozenset = frozenset()     # CPUs that got on since
    patience: int = PATIENCE            # rounds in which the others may sleep until it goes on
    given_up_soon: bool = False         # late, and a caller waits for it until its deadline


class State:
    """Of a run, beside the machine's own: copied with each snapshot."""

    def __init__(self, smp, cpu):
        self.at = [None] * smp          # Place; None: not known, it was not stopped by us
        self.cpu = cpu                  # whose turn it is
        self.frozen = []                # the one that was frozen first goes on first
        self.resting = set()            # CPUs that have shown, since anybody moved, that they cannot go on
        self.passes = {}                # (cpu, pc): how often
        self.calls = [None] * smp       # interrupts from others so far; None: it has run since that was asked
        self.turns = self.rounds = self.switches = 0
        self.period = PIT_PERIOD
        self.ended = False              # the commands are through: the others run out
        self.last_turn = math.inf       # ... unless they never do

    def copy(self):
        new = copy.copy(self)
        new.at, new.passes, new.resting = list(self.at), dict(self.passes), set(self.resting)
        new.calls = list(self.calls)
        new.frozen = [copy.copy(f) for f in self.frozen]
        return new

    def freeze_of(self, cpu):
        return next((f for f in self.frozen if f.cpu == cpu), None)


class Turns:
    """Moves a machine by turns. points: addresses that end a turn as "point"."""

    def __init__(self, machine, kernel, calls_of=lambda cpu: 0):
        """calls_of(cpu): how many interrupts it has had from other CPUs."""
        self.machine, self.kernel, self.gdb, self.calls_of = machine, kernel, machine.gdb, calls_of
        self.idle, self.behind_halt = self.idle_loop()
        self.end = kernel.symbol("machine_poweroff")
        self.panics = {kernel.symbol(name) for name in ("panic", "panic_regs")}     # the second: by a fault
        self.waits = {i.address for i in kernel.code.values()
                      if i.named("pause") and kernel.function(i.address)[0] not in NOT_FOR_OTHERS}
        self.points, self.checks = set(), {}        # checks: {address: function(cpu) -> what is wrong there, or ""}

    def idle_loop(self):
        """Its CLI, which is reached with interrupts on, after HLT and after schedule(); and where HLT goes on."""
        inside = [i for a, i in self.kernel.code.items() if self.kernel.function(a)[0] == "sched_enter_idle"]
        found = {name: [i.address for i in inside if i.named(name)] for name in ("cli", "hlt")}
        if any(len(f) != 1 for f in found.values()):
            raise Gone(f"sched_enter_idle() has not one CLI and one HLT ({found}): mend tools/explorer/turns.py")
        return found["cli"][0], found["hlt"][0] + 1

    def watch(self, points):
        self.points = set(points) - self.waits - {self.idle}
        self.gdb.set_breakpoints(self.points | self.waits | self.checks.keys() | self.panics | {self.idle, self.end})

    def kind(self, pc):
        return ("wait" if pc in self.waits else "idle" if pc == self.idle else "end" if pc == self.end
                else "panic" if pc in self.panics else "check" if pc in self.checks else "point")

    # -- taking over

    def take_over(self, module, owner_name):
        """Lets the machine boot until this module has been loaded; returns the address of its struct, and on
        which CPU."""
        loaded = self.kernel.symbol("module_loaded_for_debugger")
        self.gdb.set_breakpoints({loaded} | self.panics)
        while True:
            registers = self.registers_at_stop()
            if registers.get("eip") != loaded:
                raise Malformed(f"the machine ended before {module} was loaded; its last words may say why:\n"
                                + self.machine.console()[-600:])
            cpu = self.gdb.cpu
            record = self.machine.u32(registers["esp"] + 4)
            if owner_name(record) == module:
                break
            self.gdb.set_breakpoints(self.panics)
            self.gdb.step(cpu)
            self.gdb.set_breakpoints({loaded} | self.panics)
        return record, cpu

    def begin(self, cpu, entry=None):
        """The State from which turns are taken. entry: a function that somebody has to enter first."""
        if entry is not None:
            self.gdb.set_breakpoints({entry} | self.panics)
            if self.registers_at_stop().get("eip") != entry:
                raise Malformed("the machine ended before that function was entered:\n" + self.machine.console()[-600:])
            cpu = self.gdb.cpu
        self.machine.bound_jumps(PIT_PERIOD)
        self.gdb.set_breakpoints({self.idle} | self.panics)
        state = State(self.machine.smp, cpu)
        for c in range(self.machine.smp):
            registers = self.gdb.registers(c)
            if registers["eip"] == self.behind_halt:        # it wakes with its next tick
                self.gdb.go_on(c)
                registers = self.gdb.registers(c)
            state.at[c] = Place(registers["eip"], registers["esp"])
        return state

    def registers_at_stop(self):
        """All go on; of the one that reached a breakpoint. {}: the machine has ended."""
        try:
            cpu = self.gdb.all_go_on()
        except Gone:
            return {}
        return self.gdb.registers(cpu) if cpu is not None else {}

    # -- one turn

    def turn(self, state, cpu):
        """This CPU goes on, if it can, until it stops. A frozen one only serves interrupts."""
        place, frozen = state.at[cpu], state.freeze_of(cpu)
        at_rest = place.pc == self.idle or (frozen and frozen.place == place)
        if at_rest and state.calls[cpu] is None:
            state.calls[cpu] = self.calls_of(cpu)
        if not at_rest and place.pc in self.gdb.breakpoints:
            self.gdb.step(cpu)
        if self.gdb.go_on(cpu) is None:
            raise Gone("the machine was turned off")
        registers = self.gdb.registers(cpu)
        state.at[cpu] = Place(registers["eip"], registers["esp"])
        state.turns += 1
        before, state.calls[cpu] = state.calls[cpu], self.calls_of(cpu) if at_rest else None
        if at_rest and (state.at[cpu] != place or state.calls[cpu] != before):
            self.moved(state, cpu)
            if frozen:
                frozen.served = True
        return Event(self.kind(registers["eip"]), cpu, registers["eip"], registers)

    # -- turns

    def next_event(self, state, most=MOST_TURNS):
        """Goes on until a CPU comes to a point; or "end": all is over, "panic", "wrong", "stuck", "long": too many
        turns."""
        while state.turns < min(most, state.last_turn):
            cpu, before = state.cpu, state.at[state.cpu]
            event = self.turn(state, cpu)
            frozen = state.freeze_of(cpu)
            if event.kind == "panic":
                return event
            if event.kind == "check":
                event.text = self.checks[event.pc](cpu)
                self.moved(state, cpu)
                if event.text:
                    return dataclasses.replace(event, kind="wrong")
                continue
            if event.kind == "end" and not state.ended:
                state.ended = True
                state.last_turn = state.turns + MOST_AFTER_END
            if event.kind == "point" and not (frozen and frozen.place == state.at[cpu]):
                self.moved(state, cpu)
                event.number = state.passes[cpu, event.pc] = state.passes.get((cpu, event.pc), 0) + 1
                return event
            if state.at[cpu] != before:
                self.moved(state, cpu)
            state.resting.add(cpu)
            if not self.pass_turn(state, cpu):
                return Event("end" if state.ended else "stuck", cpu, event.pc, event.registers)
        return Event("end" if state.ended else "long", state.cpu, state.at[state.cpu].pc, {})

    def switch(self, state, cpu):
        state.switches += cpu != state.cpu
        state.cpu = cpu

    def moved(self, state, cpu):
        """It has: others may be able to go on again."""
        for f in state.frozen:
            f.movers |= {cpu} - {f.cpu}
        state.resting.clear()
        state.rounds = 0
        for f in state.frozen:
            if f.given_up_soon:
                f.late = f.given_up_soon = False
        self.jump(state, PIT_PERIOD)

    def jump(self, state, period):
        if state.period != period:
            state.period = period
            self.machine.bound_jumps(period)

    def may_move(self, state):
        """The CPUs that get turns: neither a late one nor one that is about to turn the machine off."""
        late = {f.cpu for f in state.frozen if f.late}
        return [c for c in range(self.machine.smp) if c not in late and state.at[c].pc != self.end]

    def pass_turn(self, state, cpu):
        """Picks the next CPU. False: the run is over, or no CPU can make progress."""
        candidates = self.may_move(state)
        if state.resting >= set(candidates):
            return self.all_rest(state, candidates)
        later = [c for c in candidates if c not in state.resting]
        self.switch(state, min(later, key=lambda c: (c - cpu - 1) % self.machine.smp))
        return True

    def all_rest(self, state, candidates):
        """Nobody but frozen CPUs can go on. Time passes, since others may sleep; then the first of them does. A late
        one first lets its callers time out."""
        waiting = [c for c in candidates if state.at[c].pc in self.waits]
        late = [f for f in state.frozen if f.late]
        state.rounds += 1
        if state.rounds > ROUNDS_AT_REST:
            return False
        if late and state.rounds > LATE_ROUNDS:         # its caller waits without a deadline
            for f in late:
                f.late = False
            return self.pass_turn_to_first(state)
        if late and waiting:
            for f in late:
                f.given_up_soon = True
            state.resting = set(candidates) - set(waiting)
            self.switch(state, waiting[0])
            self.jump(state, LONG_PERIOD)
            return True
        state.resting.clear()
        # The task that was stopped there may have been preempted, and another one have reached the end on its CPU.
        state.frozen = [f for f in state.frozen if f.cpu in candidates or f.late]
        if state.frozen and state.frozen[0].patience and not state.ended:
            state.frozen[0].patience -= 1
            self.jump(state, LONG_PERIOD)
            self.switch(state, candidates[0])
            return True
        if state.frozen:
            self.switch(state, state.frozen.pop(0).cpu)
            self.jump(state, PIT_PERIOD)
            return True
        if state.ended:
            return False
        self.switch(state, candidates[0])
        self.jump(state, LONG_PERIOD if state.rounds > 1 else PIT_PERIOD)
        return True

    def pass_turn_to_first(self, state):
        state.resting.clear()
        state.rounds = 0
        self.jump(state, PIT_PERIOD)
        self.switch(state, self.may_move(state)[0])
        return True

    # -- freezing

    def freeze(self, state, cpu, then, late=False):
        """It stands where it is, at a point; `then` is next."""
        state.frozen.append(Freeze(cpu, state.at[cpu], late))
        state.resting.clear()
        if state.at[then].pc == self.end:
            then = next(c for c in (*self.may_move(state), cpu) if c != then)
        self.switch(state, then)
