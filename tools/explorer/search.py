"""All schedules of a scenario with at most so many preemptions.

A run goes on from point to point. At each it is saved, the CPU is frozen there, and that run is explored
to its end in the same way, with one preemption less; then it is brought back and goes on as if nothing had been.

What is left out is equal to what was explored. Freezing a CPU behind an access instead of before it makes
no difference when nothing that the others do while it is stopped there conflicts with that access (a word
that both access, one of them writing), and it answers no call of another CPU while it is stopped there, since that looks
at where it stands. This judges by what is accessed at points, so it is as good as their choice.
"""

import dataclasses
import time

from .schedule import Malformed, Schedule, Step
from .turns import EFLAGS_IF


@dataclasses.dataclass
class Finding:
    schedule: Schedule
    text: str


class Others:
    """What other CPUs did while one was stopped at a point."""

    def __init__(self):
        self.words, self.movers, self.calls = {}, set(), False

    def note(self, accesses):
        for a in accesses:
            self.words[a.word] = self.words.get(a.word, False) or a.writes

    def add(self, other):
        for word, writes in other.words.items():
            self.words[word] = self.words.get(word, False) or writes
        self.movers |= other.movers
        self.calls |= other.calls

    def conflict(self, accesses):
        return self.calls or any(a.conflicts(self.words) for a in accesses)


class Search:
    def __init__(self, world, shared, cuts, late=False, first_only=True, deadline=None, tell=print):
        """shared: where accesses are noted, to tell which orders are equal; cuts: where a CPU may be frozen."""
        self.world, self.points, self.cuts, self.late, self.first_only = world, shared | cuts, cuts, late, first_only
        self.deadline, self.tell = deadline, tell
        self.schedules = self.equal = self.long = 0
        self.findings = []
        self.complete = True            # no deadline cut it short

    def run(self, preemptions):
        """Explores with exactly up to so many; True: something was found."""
        self.schedules = self.equal = self.long = 0
        self.world.turns.watch(self.points)
        self.explore(self.world.restart(), [], preemptions)
        return bool(self.findings)

    def enough(self):
        if self.deadline and time.monotonic() > self.deadline:
            self.complete = False
            return True
        return self.first_only and bool(self.findings)

    def explore(self, state, steps, left):
        """From here to the end, and all that branches off. Returns what Others did while the CPU that was frozen last
        was stopped."""
        world, seen, newest = self.world, Others(), state.frozen[-1] if state.frozen else None
        last = None
        while True:
            # The end of a run in which nothing can branch off any more, and nobody is frozen, is not looked at.
            if not left and not state.frozen:
                world.turns.watch(())
            event = world.turns.next_event(state)
            stands = newest is not None and newest in state.frozen
            if event.kind != "point":
                self.judge(event, steps)
                break
            accesses = world.accesses(event)
            if stands:
                seen.calls |= event.cpu == newest.cpu
                seen.note(accesses)
            before = last
            if left and event.pc in self.cuts and not self.enough():
                last = self.branch(state, event, accesses, steps, left, last, seen if stands else None)
            if last and last is before and last.follows(state, event):
                last.since += accesses
        if newest is not None:
            seen.calls |= newest.served
            seen.movers |= newest.movers
        return seen

    def branch(self, state, event, accesses, steps, left, last, seen):
        """Explores what a preemption here leads to, unless it is equal to the last one. Returns the new `last`."""
        if last and last.follows(state, event):
            same = last.event.pc == event.pc
            if same or not last.others.movers or not (
                    self.is_special(last.event.pc) or self.is_special(event.pc) or last.others.conflict(last.since)):
                self.equal += 1
                return last
        others = Others()
        for then, late in self.variants(state, event):
            if then != self.first_then(event.cpu) and len(others.movers) < 2 and not late:
                self.equal += 1
                continue
            others.add(self.preempted(state, event, steps, left, then, late))
            if self.enough():
                break
        if seen:
            seen.add(others)
        return Last(state.switches, event, others, list(accesses))

    def is_special(self, pc):
        """To be stopped there is more than to make an access later: in the module, or before interrupts go off."""
        return pc in self.world.code.module_code or pc in self.world.code.clis

    def first_then(self, cpu):
        return (cpu + 1) % self.world.machine.smp

    def variants(self, state, event):
        smp = self.world.machine.smp
        frozen = {f.cpu for f in state.frozen}
        orders = [(event.cpu + i) % smp for i in range(1, smp)]
        yield from ((then, False) for then in orders)
        if self.late and event.registers["eflags"] & EFLAGS_IF and not frozen:
            yield self.first_then(event.cpu), True

    def preempted(self, state, event, steps, left, then, late):
        machine, name = self.world.machine, f"level{len(steps)}"
        machine.save(name)
        file, line, function = self.world.code.where(event.pc)
        step = Step(event.cpu, file, line, function, event.number, late, then)
        child = state.copy()
        self.world.turns.freeze(child, event.cpu, then, late)
        others = self.explore(child, steps + [step], left - 1)
        machine.load(name)
        machine.forget(name)
        self.world.turns.watch(self.points)
        return others

    def judge(self, event, steps):
        self.schedules += 1
        self.long += event.kind == "long"
        verdict, text = self.world.verdict(event)
        if verdict != "well":
            schedule = dataclasses.replace(self.world.schedule, end=verdict, steps=steps)
            self.findings.append(Finding(schedule, text))
            self.tell(self.findings[-1])


@dataclasses.dataclass
class Last:
    switches: int
    event: object
    others: Others
    since: list

    def follows(self, state, event):
        """No other CPU had a turn in between."""
        return self.switches == state.switches and self.event.cpu == event.cpu


def play(world, schedule, tell=None):
    """One run of a schedule. Returns (verdict, text)."""
    state = world.start.copy()
    wanted = {}
    for step in schedule.steps:
        wanted.setdefault((step.cpu, world.address_of(step)), {})[step.number] = step
    world.turns.watch({pc for _, pc in wanted})
    while True:
        event = world.turns.next_event(state)
        if event.kind != "point":
            break
        step = wanted.get((event.cpu, event.pc), {}).pop(event.number, None)
        if step:
            if tell:
                tell(step, event)
            then = step.then if step.then is not None else (step.cpu + 1) % world.machine.smp
            world.turns.freeze(state, step.cpu, then, step.late)
    missed = [s for by_number in wanted.values() for s in by_number.values()]
    if missed:
        raise Malformed(f"{missed[0]}: the CPU never came there; the code has moved, or a step before it: explore anew")
    return world.verdict(event)
