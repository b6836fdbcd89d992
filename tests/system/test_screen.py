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
    "apic": (["--cpu", "max,-apic"], "cpu: this CPU has no local APIC, which Quiesce needs"),
    "acpi": (["--extra", "-machine acpi=off"], "no usable ACPI tables"),
    "memory": (["--mem", "2"], "memory: no room for"),
    "archive": (["--archive", DAMAGED], "init, the first program: the boot archive has no such program"),
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


# Width, height: what is said of it, if anything.
SIZES = {(640, 480): "", (1366, 768): "", (1920, 1080): "", (3840, 2160): "", (5120, 2880): "",
         (7680, 4320): "only the upper 2389 lines fit the window to map them"}


def image_of_size(folder, width, height):
    """The image, whose entry sets a mode. run.cfg, which tools/run writes, comes behind grub.cfg's functions."""
    mode = f"""set timeout=0
function quiesce {{
	multiboot2 /boot/quiesce.elf
	set gfxpayload={width}x{height}x32
	module2 /boot/modules.tar modules.tar
}}"""
    with open(os.path.join(BUILD, "quiesce.iso"), "rb") as f:
        data = f.read()
    at = data.index(b"# quiesce run.cfg".ljust(4095) + b"\n")
    image = folder / "sized.iso"
    image.write_bytes(data[:at] + mode.encode().ljust(4095) + data[at + 4095:])
    return str(image)


def test_no_screen_is_said(undriven):
    m = undriven("--direct", "--extra", "-vga none")
    m.on_serial("quiesce> ")
    assert "console: no screen: the loader told of none" in m.said()


NO_KEYBOARD = ["--direct", "--extra", "-machine i8042=off"]


def test_a_machine_that_can_only_be_watched_shows_the_tour(undriven):
    """No keyboard answers, nothing comes on the serial line for ten seconds of the guest's."""
    m = undriven(*NO_KEYBOARD, skips_idle=True)
    m.on_serial("for 10 s: so here is the tour.")
    m.until(lambda: "The tour took" in m.screen(), "tour", m.screen)
    assert "VGA text, no keyboard" in m.said()


if ALL:                         # they take long
    @pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
    def test_screens_of_any_size(undriven, tmp_path, size):
        m = undriven("--extra", "-vga none -device VGA,vgamem_mb=256", image=image_of_size(tmp_path, *size))
        m.on_serial("quiesce> ")
        assert f"framebuffer {size[0]}x{size[1]}" in m.said() and SIZES[size] in m.said()
        m.on_framebuffer("quiesce>")
        picture = m.picture()
        assert (picture.width, picture.height) == size

    def test_one_that_is_spoken_to_does_not(boot):
        m = boot(*NO_KEYBOARD, cpus=1)
        assert m.lines("cpus") and "tour" not in "".join(m.lines("sleep 11s"))
