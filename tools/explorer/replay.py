"""`tools/run --schedule FILE`: one schedule, from the machine's start on."""

import os
import subprocess
import sys

from . import schedule as schedules
from .gdbserver import Gone
from .image import Lacking
from .search import play
from .world import World, options


class Reached(Exception):
    """The last step of the schedule, for GDB to go on from."""


def run(runner, opt):
    """Exit status: 0 it ended as the file says, 1 otherwise, 126 the environment lacks something."""
    try:
        return repeat(runner, opt)
    except schedules.Malformed as e:
        raise runner.Stop(runner.USAGE, str(e)) from None
    except (Gone, Lacking) as e:
        raise runner.Stop(runner.LACKING, f"environment: {e}") from None


def repeat(runner, opt):
    schedule = schedules.read(opt.schedule)
    mine = options(runner, schedule, opt.build)
    world = World(runner, mine, schedule)
    try:
        runner.note(f"{schedule.module} is loaded; from here on one CPU runs at a time")
        if opt.gdb:
            return hand_over(runner, opt, world, schedule)
        verdict, text = play(world, schedule, lambda step, event: runner.note(f"{step}: stopped there"))
        sys.stdout.write(world.machine.console())
        sys.stdout.flush()
        runner.note(f"it ended with: {verdict}" + (f": {text}" if text else ""))
        return 0 if not schedule.end or verdict == schedule.end else 1
    finally:
        world.end()


def hand_over(runner, opt, world, schedule):
    """To GDB, at the last step. The machine stands still; its breakpoints are gone."""
    left = list(schedule.steps)

    def reached(step, event):
        runner.note(f"{step}: stopped there")
        left.remove(step)
        if not left:
            raise Reached
    try:
        verdict, text = play(world, schedule, reached)
        runner.note(f"the last step was not reached: {verdict} {text}")
        return 1
    except Reached:
        world.machine.gdb.set_breakpoints(())
        world.machine.gdb.close()
    runner.note("`info threads` shows all CPUs; with `set scheduler-locking on`, `thread N` and `continue` "
                "one goes on alone")
    words = runner.gdb_words(opt, os.path.join(world.work.name, "gdb"), "modules-symbols",
                             f"thread {schedule.steps[-1].cpu + 1}")
    return subprocess.call(words, timeout=opt.timeout)
