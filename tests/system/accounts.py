"""Asking a machine that also has other things to say, and what is in use on it,
to be compared before and after."""

import json

import pytest


def ask(machine, line, **more):
    """Like machine.command(). What a background job says may come in before the echo of
    the line; it is left out."""
    result = machine.command(line, **more)
    result.output = result.output.rpartition(line + "\n")[2]
    return result


def lines(machine, line, **more):
    """Output of a command that must succeed."""
    result = ask(machine, line, **more)
    assert result.status == "ok", (line, result)
    return result.output.splitlines()


def json_lines(machine, line):
    """A command's answer, parsed: the lines that are JSON."""
    return [json.loads(text) for text in lines(machine, line) if text.startswith("{")]


def wait_until(machine, condition):
    """Asks again until it holds; the machine's own time passes in between."""
    for _ in range(200):
        if condition():
            return
        machine.command("sleep 20ms")
    pytest.fail("it never came to that")


def loaded(machine):
    return [module["module"] for module in json_lines(machine, "lsmod -j")]


def used(machine):
    """What must be back where it was when modules have come and gone. What the graveyard
    remembers, and what the allocators keep ready, is no leak."""
    machine.command("graveyard -c")
    memory, = json_lines(machine, "mem -j")
    frames = memory.pop("frames_total") - memory.pop("frames_free") - memory.pop("frames_cached")
    return {"frames": frames, "modules": loaded(machine), **memory}


def assert_back(machine, before):
    """What is in use is what used() told before. Of programs that nobody waited for some may be
    on its way out; a leak does not go away."""
    for _ in range(50):
        if used(machine) == before:
            return
        machine.command("sleep 20ms")
    assert used(machine) == before
