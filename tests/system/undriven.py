"""A machine that only its screen and its keyboard are used of, as a person finds it.

    m = Undriven(folder, "--direct", serial=False)      # options of tools/run
    m.on_screen("no usable ACPI tables")
    m.press("up")

The screen is read back: in text mode from the chip's memory, as a framebuffer from the pixels, by the
kernel's own font. m.end() ends it.
"""

import os
import re
import shlex
import socket
import subprocess
import time

from machine import BUILD, PATIENCE, SCALE, TOOL, skip_if_lacking

VGA_TEXT, COLUMNS, ROWS = 0xb8000, 80, 25
WIDTH, HEIGHT = 8, 16                   # of a glyph
REDIRECTION = re.compile(r"(\d)<(.*)", re.S)


def glyphs():
    """{16 rows, one byte each: character}, of the font that is linked into the kernel."""
    with open(os.path.join(BUILD, "made/font.c"), encoding="ascii") as f:
        rows = re.findall(r"^\t((?:0x[0-9a-f]{2},){16})\t/\* U\+([0-9A-F]+) \*/", f.read(), re.M)
    assert len(rows) == 256
    found = {}
    for bits, code in rows:
        found.setdefault(bytes(int(b, 16) for b in bits.strip(",").split(",")), chr(int(code, 16)))
    return found


class Picture:
    """A screen dump, PPM as QEMU writes it: width, height, 3 bytes a pixel."""

    def __init__(self, data):
        head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        assert head, "no picture"
        self.width, self.height = int(head[1]), int(head[2])
        self.pixels = data[head.end():]

    def line(self, y, scale):
        """A line's dots, as '1' where there is red or green in it: so white on blue is read as well."""
        at = y * self.width * 3
        red, green = (int.from_bytes(self.pixels[at + i:at + self.width * 3:3 * scale], "big") for i in (0, 1))
        dots = (red | green).to_bytes(-(-self.width // scale), "big")
        return dots.translate(b"0" + b"1" * 255).decode()

    def text(self, scale, font):
        """Its rows; a cell that is no character of the font is shown as a full stop in the middle."""
        rows = []
        for top in range(0, self.height - HEIGHT * scale + 1, HEIGHT * scale):
            lines = [self.line(top + i * scale, scale) for i in range(HEIGHT)]
            row = ""
            for x in range(0, self.width // scale - WIDTH + 1, WIDTH):
                row += font.get(bytes(int(line[x:x + WIDTH], 2) for line in lines), "\u00b7")
            rows.append(row.rstrip())
        return "\n".join(rows)

    def scale(self):
        """As docs/ARCHITECTURE.md says: 160 columns reach over three quarters of the screen."""
        return next(s for s in range(1, 9) if 160 * WIDTH * s * 4 >= self.width * 3)


class Undriven:
    def __init__(self, folder, *options, serial=True, image=None, skips_idle=False):
        """image: this file in place of the one that tools/run writes its options into. skips_idle: while
        all CPUs sleep its clock goes on to the next timer at once."""
        self.folder, self.serial, self.font = folder, folder / "serial", None
        self.qemu = self.monitor = None
        dry = subprocess.run([TOOL, "--build", BUILD, "--smp", "2", "--dry-run", *options],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "TMPDIR": str(folder)})
        skip_if_lacking(dry.returncode, dry.stderr)
        words = shlex.split(dry.stderr)
        handed = [REDIRECTION.fullmatch(word) for word in words]
        words = [word for word, found in zip(words, handed) if not found][:-6]      # but its terminal
        if skips_idle:
            words[words.index("-accel") + 1] = "tcg,thread=single"
            words += ["-icount", "shift=5,sleep=off"]
        if image:
            words[words.index("-cdrom") + 1] = image
        words += ["-monitor", f"unix:{folder}/monitor,server=on,wait=off",
                  "-serial", f"file:{self.serial}" if serial else "none"]
        redirections = " ".join(f"{found[1]}<{shlex.quote(found[2])}" for found in handed if found)
        self.qemu = subprocess.Popen(["bash", "-c", f"exec {shlex.join(words)} {redirections}"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.until(self.connect, "a monitor")
        self.answer()

    def connect(self):
        """Has QEMU begun to listen?"""
        self.monitor = socket.socket(socket.AF_UNIX)
        return self.monitor.connect_ex(str(self.folder / "monitor")) == 0

    def until(self, true, what, look=lambda: ""):
        end = time.monotonic() + PATIENCE * SCALE
        while not true():
            assert self.qemu.poll() is None, "QEMU has ended"
            assert time.monotonic() < end, f"no {what}; on the screen:\n{look()}\non serial:\n{self.said()}"
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

    def picture(self):
        file = self.folder / "screen.ppm"
        self.ask(f"screendump {file}")
        return Picture(file.read_bytes())

    def drawn(self):
        """The framebuffer's text."""
        if not self.font:
            self.font = glyphs()
        picture = self.picture()
        return picture.text(picture.scale(), self.font)

    def said(self):
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    def on_screen(self, text):
        self.until(lambda: text in self.screen(), text, self.screen)

    def on_framebuffer(self, text):
        """As the font has it, over the ends of lines."""
        def joined():
            return self.drawn().replace("\n", "")
        self.until(lambda: text in joined(), text, self.drawn)

    def on_serial(self, text):
        self.until(lambda: text in self.said(), text)

    def press(self, *keys):
        """Three at most: the keyboard's buffer has 16 bytes, and a key may have five."""
        for key in keys:
            self.ask(f"sendkey {key} 1")

    def end(self):
        if self.monitor:
            self.monitor.close()
        if self.qemu:
            self.qemu.terminate()
            self.qemu.wait()
