"""Schedules as text, in a file that `tools/run --schedule` repeats:

    # what was found
    commands: strategy naive; insmod h_a05_put; run dev -n ioctl h_a05_put 0; rmmod -w h_a05_put
    module: h_a05_put
    smp: 3
    end: use after unload
    CPU 1 to h_a05_put.c:21 (put_release+0x8), then CPU 2

The machine boots until the module has been loaded and, if there is a line "start: FUNCTION", somebody has entered
that function of it; then CPUs take turns (turns.py). A line that begins with
CPU says: when this CPU comes to that access, before it is made, it stands still, and the CPU named behind
it is next; it goes on when none of the others can. "pass 3": when it comes there the third time. "late": it
serves no interrupt either, until a CPU that waits for it has given up. The place is a line of a file; what
stands in parentheses says which access of that line, and is left out by hand: then the first one.
"""

import dataclasses
import re

STEP = re.compile(r"CPU (\d+) to ([\w.-]+):(\d+)(?: \(([\w.]+)\+(0x[0-9a-f]+)\))?(?:, pass (\d+))?(, late)?"
                  r"(?:, then CPU (\d+))?$")
FIELDS = ("commands", "module", "start", "smp", "mem", "end")


class Malformed(Exception):
    """A schedule that cannot be read: file, line and remedy."""


@dataclasses.dataclass
class Step:
    cpu: int
    file: str
    line: int
    function: str = ""                  # "put_release+0x8"; "": the first access of the line
    number: int = 1
    late: bool = False
    then: int = None

    def __str__(self):
        return (f"CPU {self.cpu} to {self.file}:{self.line}" + (f" ({self.function})" if self.function else "") +
                (f", pass {self.number}" if self.number > 1 else "") + (", late" if self.late else "") +
                (f", then CPU {self.then}" if self.then is not None else ""))


@dataclasses.dataclass
class Schedule:
    commands: str
    module: str
    start: str = ""
    smp: int = 3
    mem: int = 32
    end: str = ""                       # what it came to
    steps: list = dataclasses.field(default_factory=list)

    def __str__(self):
        head = [f"{name}: {getattr(self, name)}" for name in FIELDS if getattr(self, name)]
        return "\n".join(head + [str(step) for step in self.steps]) + "\n"


def parse(text, name):
    values, steps = {}, []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        field = re.fullmatch(r"(\w+): *(.*)", line)
        step = STEP.match(line)
        if not line or line.startswith("#"):
            continue
        if step:
            cpu, file, at, function, offset, nth, late, then = step.groups()
            steps.append(Step(int(cpu), file, int(at), f"{function}+{offset}" if function else "", int(nth or 1),
                              bool(late), int(then) if then else None))
        elif field and field.group(1) in FIELDS:
            values[field.group(1)] = field.group(2)
        else:
            raise Malformed(f"{name}:{number}: {line!r} is no line of a schedule; "
                            'it wants "CPU 1 to file.c:12" or one of ' + ", ".join(f + ":" for f in FIELDS))
    for field in ("commands", "module"):
        if field not in values:
            raise Malformed(f'{name}: has no line "{field}: ..."; tools/explore writes it')
    try:
        numbers = {f: int(values.pop(f)) for f in ("smp", "mem") if f in values}
    except ValueError as e:
        raise Malformed(f"{name}: {e}; smp and mem are numbers") from None
    schedule = Schedule(**values, **numbers, steps=steps)
    for s in steps:
        if max(s.cpu, s.then or 0) >= schedule.smp:
            raise Malformed(f"{name}: {s}: there are {schedule.smp} CPUs, from 0 on; mend the line or smp:")
    return schedule


def read(path):
    try:
        with open(path) as f:
            return parse(f.read(), path)
    except OSError as e:
        raise Malformed(f"{path}: {e.strerror}") from None
