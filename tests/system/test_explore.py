"""tools/explore finds a use after unload that it is not told of; schedules are read, repeated and refused."""

import os
import subprocess
import sys

import pytest
from elftools.elf.elffile import ELFFile

from machine import BUILD, ROOT, SCALE, skip_if_lacking

sys.path.insert(0, os.path.join(ROOT, "tools"))

from explorer import image, points, schedule, search      # noqa: E402

KEPT = os.path.join(ROOT, "tests/schedules/naive-put.schedule")
UNLOAD = "insmod h_a05_put; run dev -n ioctl h_a05_put 0; rmmod -w h_a05_put"


def tool(name, *options):
    done = subprocess.run([os.path.join(ROOT, "tools", name), "--build", BUILD, *map(str, options)],
                          stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120 * SCALE)
    print(done.stdout + done.stderr)
    skip_if_lacking(done.returncode, done.stderr)
    return done


def test_naive_is_found_out_and_its_schedule_repeats(tmp_path):
    """It is not told where: turns are cut wherever the module is executed, and in naive.c. `make soak
    PART=explore` cuts them in all of unload/, entry/ and the scheduler."""
    kept = tmp_path / "found.schedule"
    done = tool("explore", "-c", UNLOAD, "--strategy", "naive", "--preemptions", 1, "--in", "unload/naive.c",
                "-o", kept)
    assert done.returncode == 1 and "use after unload with 1 preemptions: use after unload: task" in done.stderr
    found = schedule.read(kept)
    where, = (step.file for step in found.steps)
    assert where in ("h_a05_put.c", "hazard.h") and found.end == "use after unload"
    assert "did not repeat" not in kept.read_text()


def test_a_kept_schedule_repeats():
    done = tool("run", "--schedule", KEPT)
    assert done.returncode == 0 and "it ended with: use after unload" in done.stderr
    assert "use after unload: task" in done.stdout and "put_release+" in done.stdout


def test_a_place_that_is_not_there(tmp_path):
    moved = tmp_path / "moved.schedule"
    with open(KEPT) as f:
        moved.write_text(f.read().replace("h_a05_put.c:18", "h_a05_put.c:1"))
    done = tool("run", "--schedule", moved)
    assert done.returncode == 2 and "no access to memory on that line; h_a05_put.c has some on lines " in done.stderr


HEAD = "commands: x\nmodule: m\nsmp: 2\n"


@pytest.mark.parametrize("text,said", [
    (HEAD + "CPU 1 goes to file.c:12", r":4: 'CPU 1 goes to file.c:12' is no line of a schedule; it wants"),
    (HEAD + "CPU 2 to file.c:12", r"CPU 2 to file.c:12: there are 2 CPUs, from 0 on"),
    ("module: m\n", r'has no line "commands: ..."'),
    (HEAD.replace("2", "two"), "smp and mem are numbers"),
], ids=["line", "cpu", "field", "number"])
def test_what_is_no_schedule(text, said):
    with pytest.raises(schedule.Malformed, match=said):
        schedule.parse(text, "x.schedule")


def test_a_schedule_is_written_as_it_is_read():
    text = (HEAD + "CPU 1 to young.c:85 (leave+0x1a), pass 3, late, then CPU 0\nCPU 0 to file.c:142\n")
    once = schedule.parse(text, "x")
    assert once.steps[0] == schedule.Step(1, "young.c", 85, "leave+0x1a", 3, True, 0)
    assert schedule.parse(str(once), "x") == once


@pytest.mark.parametrize("text,expected", [
    ("mov 0x8(%ebp),%ebx", []),                                     # its own stack
    ("mov 0xc0160000,%eax", [(0xc0160000, True, False)]),
    ("lock subl $0x1,0x10(%ecx)", [(0x1010, True, True)]),
    ("movb $0x0,(%edx,%eax,4)", [(0x2c00, False, True)]),
    ("cmpl $0xc0000000,0x4(%ecx)", [(0x1004, True, False)]),
    ("lock cmpxchg %dl,(%ecx)", [(0x1000, True, True)]),
    ("mov %gs:0x80,%eax", [(0x9080, True, False)]),
    ("call c0101010 <f>", []), ("lea 0x0(%esi),%esi", []), ("mov $0xc0160000,%eax", []),
    ("rep movsl %ds:(%esi),%es:(%edi)", [(0x5000, True, False), (0x6000, False, True)]),
])
def test_what_an_instruction_accesses(text, expected):
    registers = {"ecx": 0x1000, "edx": 0x2000, "eax": 0x300, "esi": 0x5000, "edi": 0x6000}
    assert [(o.address(registers, 0x9000), o.reads, o.writes) for o in image.operands_of(text)] == expected


def test_what_counts_as_shared():
    """A word that two CPUs access, one of them writing, and not always under one lock."""
    s = points.Sharing()
    read, write = points.Access(0xc0160000, False), points.Access(0xc0160000, True)
    s.note(0, 1, [read])
    s.note(1, 2, [read])
    assert not s.points()
    s.note(1, 3, [write])
    assert s.points() == {1, 2, 3}
    locked = points.Access(0xc0160004, True)
    for cpu in (0, 1):
        s.note_lock(cpu, 0xc0170000, 100)
        s.note(cpu, 4, [locked])
        s.note_unlock(0xc0170000)
    assert s.points() == {1, 2, 3} and s.lock_calls() == {100}


def test_which_orders_are_equal():
    """What others did conflicts with an access to the same word when one of both writes; answers always do."""
    others = search.Others()
    others.note([points.Access(8, False), points.Access(12, True)])
    assert not others.conflict([points.Access(8, False), points.Access(16, True)])
    assert others.conflict([points.Access(8, True)]) and others.conflict([points.Access(12, False)])
    others.calls = True
    assert others.conflict([])


def test_a_line_of_a_header_is_a_place():
    """count_in() of a hazard's module is in hazard.h alone: a turn can be cut there, so it has a name.
    (binutils before 2.41 call it h_a05_put.c, with the line of the header.)"""
    path = f"{BUILD}/modules/h_a05_put.ko"
    with open(path, "rb") as f:
        start, = (symbol["st_value"] for symbol in ELFFile(f).get_section_by_name(".symtab").iter_symbols()
                  if symbol.name == "count_in")
    assert start in image.lines_of(path, [start], ".text")


def test_nothing_to_explore():
    done = tool("explore", "-c", "lsmod")
    assert done.returncode == 2 and "-c has no rmmod; name the module with --module" in done.stderr
    done = tool("explore", "-c", "insmod nonsense; rmmod nonsense")
    assert done.returncode == 2 and "the machine ended before nonsense was loaded" in done.stderr
