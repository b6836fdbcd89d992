"""GRUB's menu, as whoever boots the image finds it: nobody but the keyboard drives it."""

import os
import re
import shlex
import socket
import subprocess
import time

import pytest

from machine import BUILD, PATIENCE, SCALE, TOOL, skip_if_lacking

VGA_TEXT, COLUMNS, ROWS = 0xb8000, 80, 25
BIOS_CURSOR = 0x450             # of page 0: column, row (BIOS data area)
KEYS = {" ": "spc", "=": "equal"}


class Undriven:
    """The image as it was built, in QEMU; keys by its monitor."""

    def __init__(self, folder, *options):
        self.serial = folder / "serial"
        dry = subprocess.run([TOOL, "--build", BUILD, "--smp", "2", "--dry-run", *options],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        skip_if_lacking(dry.returncode, dry.stderr)
        argv = shlex.split(dry.stderr)[:-6]         # but its terminal
        argv[argv.index("-cdrom") + 1] = os.path.join(BUILD, "quiesce.iso")
        self.qemu = subprocess.Popen([*argv, "-monitor", f"unix:{folder}/monitor,server=on,wait=off",
                                      "-serial", f"file:{self.serial}"])
        self.until(lambda: os.path.exists(folder / "monitor"), "a monitor")
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.connect(str(folder / "monitor"))
        self.answer()

    def until(self, true, what):
        end = time.monotonic() + PATIENCE * SCALE
        while not true():
            assert self.qemu.poll() is None, "QEMU has ended"
            assert time.monotonic() < end, f"no {what}; on the screen:\n{self.screen()}\non serial:\n{self.said()}"
            time.sleep(0.02)

    def answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            text += self.monitor.recv(65536)
        return text.decode(errors="replace")

    def ask(self, command):
        self.monitor.sendall(command.encode() + b"\n")
        return self.answer()

    def screen(self):
        """The text screen: a character and its attribute in each word."""
        dump = self.ask(f"xp /{COLUMNS * ROWS // 2}xw {VGA_TEXT:#x}")
        words = re.findall(r"(?<= )0x([0-9a-f]{8})\b", dump)
        text = b"".join(int(w, 16).to_bytes(4, "little") for w in words)[::2].decode("cp437")
        return "\n".join(text[i:i + COLUMNS].rstrip() for i in range(0, len(text), COLUMNS))

    def said(self):
        return self.serial.read_text(errors="replace")

    def on_screen(self, text):
        self.until(lambda: text in self.screen(), text)

    def on_serial(self, text):
        self.until(lambda: text in self.said(), text)

    def press(self, *keys):
        """Three at most: the keyboard's buffer has 16 bytes, and a key may have five."""
        for key in keys:
            self.ask(f"sendkey {key} 1")

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

    def end(self):
        self.monitor.close()
        self.qemu.terminate()
        self.qemu.wait()


@pytest.fixture
def undriven(tmp_path):
    machines = []

    def start(*options):
        machines.append(Undriven(tmp_path, *options))
        return machines[-1]

    yield start
    for machine in machines:
        machine.end()


def test_an_entry_is_chosen(undriven):
    """By BIOS: the last is text mode, which UEFI does not have."""
    m = undriven()
    m.halt_at_menu()
    m.on_screen("Quiesce: the tour")
    m.press("end", "ret")
    m.on_serial("quiesce> ")
    assert re.search(r"^console: .*VGA text", m.said(), re.M)


def test_an_option_is_typed(undriven):
    """As docs/ARCHITECTURE.md says it."""
    m = undriven()
    m.halt_at_menu()
    m.press("e")
    m.on_screen('quiesce "$@"')
    m.edit("down", "down", "down", "down", "end", *" maxcpus=1")
    m.on_screen('quiesce "$@" maxcpus=1')
    m.press("f10")
    m.on_serial("1/2 CPUs")


def test_uefi_has_the_menu(undriven):
    """OVMF copies its screen to the serial line."""
    m = undriven("--uefi", "x64")
    m.on_serial("executed automatically in")
    m.press("down", "down", "ret")
    m.on_serial("1/2 CPUs")
    assert "text mode" not in m.said()
