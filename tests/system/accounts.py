"""What is in use on a machine, to be compared before and after."""

import json


def json_lines(machine, line):
    """Every line of a command's answer, parsed."""
    lines = machine.lines(line)
    assert lines, f"{line}: no answer"
    return [json.loads(text) for text in lines]


def used(machine):
    """What must be back where it was when modules have come and gone. What the graveyard
    remembers, and what the allocators keep ready, is no leak."""
    machine.lines("graveyard -c")
    memory, = json_lines(machine, "mem -j")
    frames = memory.pop("frames_total") - memory.pop("frames_free") - memory.pop("frames_cached")
    modules = [line.split()[0] for line in machine.lines("lsmod")[1:]]
    return {"frames": frames, "modules": modules, **memory}
