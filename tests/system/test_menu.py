"""GRUB's menu, as it is on a PC: only the keyboard drives it."""

import os
import re

import pytest

from machine import BUILD
from undriven import Undriven

BIOS_CURSOR = 0x450             # of page 0: column, row (BIOS data area)
KEYS = {" ": "spc", "=": "equal"}


class AtMenu(Undriven):
    """The image as it was built, in QEMU."""

    def __init__(self, folder, *options):
        super().__init__(folder, *options, image=os.path.join(BUILD, "quiesce.iso"))

    def halt_at_menu(self):
        """The first key stops the countdown. It is typed ahead: the three seconds are the guest's,
        and a busy host may give this test none of them."""
        self.on_screen("Welcome to GRUB!")
        self.press("up")
        self.on_screen("*Quiesce  ")

    def edit(self, *keys):
        """Keys in GRUB's editor, where each moves the cursor."""
        def cursor():
            return self.ask(f"xp /1hx {BIOS_CURSOR:#x}")
        for key in keys:
            before = cursor()
            self.press(KEYS.get(key, key))
            self.until(lambda: cursor() != before, f"move of the cursor by {key}")


@pytest.fixture
def at_menu(undriven):
    return lambda *options: undriven(*options, kind=AtMenu)


def test_an_entry_is_chosen(at_menu):
    """By BIOS: the last is text mode, which UEFI does not have."""
    m = at_menu()
    m.halt_at_menu()
    m.on_screen("Quiesce: the tour")
    m.press("end", "ret")
    m.on_serial("quiesce> ")
    assert re.search(r"^console: .*VGA text", m.said(), re.M)


def test_an_option_is_typed(at_menu):
    """As docs/ARCHITECTURE.md says it."""
    m = at_menu()
    m.halt_at_menu()
    m.press("e")
    m.on_screen('quiesce "$@"')
    m.edit("down", "down", "down", "down", "end", *" maxcpus=1")
    m.on_screen('quiesce "$@" maxcpus=1')
    m.press("f10")
    m.on_serial("1/2 CPUs")


def test_uefi_has_the_menu(at_menu):
    """OVMF copies its screen to the serial line."""
    m = at_menu("--uefi", "x64")
    m.on_serial("executed automatically in")
    m.press("end", "ret")               # safe options are the last
    m.on_serial("1/2 CPUs")
    assert "clock: by the PIT the TSC runs" in m.said() and "(should the screen stay dark)" not in m.said()
