"""What a person sees whose PC has no serial port: a screen that says why the kernel cannot go on.

SCREENS=all (tests/system/screens, a part of make soak) looks at every case as a framebuffer, too.
"""

import os

import pytest

from machine import BUILD

ALL = os.environ.get("SCREENS") == "all"
DAMAGED = object()              # stands for a damaged boot archive

# What is wrong with the machine: options of tools/run, and what the screen says.
STOPS = {
    "cmov": (["--cpu", "max,-cmov"], "this CPU has no CMOV; a Pentium Pro or later is needed."),
    "pae": (["--cpu", "max,-pae"], "this CPU has no PAE; a Pentium Pro or later is needed."),
    "tsc": (["--cpu", "max,-tsc"], "this CPU has no time stamp counter; a Pentium Pro"),
    "apic": (["--cpu", "max,-apic"], "panic: cpu: this CPU has no local APIC, which Quiesce needs"),
    "acpi": (["--extra", "-machine acpi=off"], "panic: no usable ACPI tables"),
    "memory": (["--mem", "2"], "panic: memory: no room for"),
    "archive": (["--archive", DAMAGED], "panic: init, the first program: the boot archive has no such program"),
    "clock": (["--append", "clock=hpet", "--extra", "-machine hpet=off"], "leave out clock= on the command line"),
}
# One before C, one in it. GRUB itself wants more memory than the kernel.
AS_PIXELS = [stop for stop in STOPS if stop != "memory"] if ALL else ["pae", "apic"]


def options_of(stop, folder):
    options, _ = STOPS[stop]
    if DAMAGED not in options:
        return options
    damaged = folder / "modules.tar"
    with open(os.path.join(BUILD, "modules.tar"), "rb") as f:
        damaged.write_bytes(b"?" * 512 + f.read()[512:])
    return [str(damaged) if option is DAMAGED else option for option in options]


@pytest.mark.parametrize("stop", STOPS)
def test_text_mode_says_why(undriven, tmp_path, stop):
    m = undriven("--direct", *options_of(stop, tmp_path), serial=False)
    m.until(lambda: STOPS[stop][1] in m.screen().replace("\n", ""), STOPS[stop][1], m.screen)


@pytest.mark.parametrize("stop", AS_PIXELS)
def test_framebuffer_says_why(undriven, tmp_path, stop):
    m = undriven(*options_of(stop, tmp_path), serial=False)
    m.on_framebuffer(STOPS[stop][1])


NO_KEYBOARD = ["--direct", "--extra", "-machine i8042=off"]


def test_a_machine_that_can_only_be_watched_shows_the_tour(undriven):
    """No keyboard answers, nothing comes on the serial line for ten seconds of the guest's."""
    m = undriven(*NO_KEYBOARD, skips_idle=True)
    m.on_serial("for 10 s: so here is the tour.")
    m.until(lambda: "The tour took" in m.screen(), "tour", m.screen)
    assert "VGA text, no keyboard" in m.said()


if ALL:                         # it takes eleven seconds
    def test_one_that_is_spoken_to_does_not(boot):
        m = boot(*NO_KEYBOARD, cpus=1)
        assert m.lines("cpus") and "tour" not in "".join(m.lines("sleep 11s"))
