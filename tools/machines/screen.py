"""What a picture of the screen says, as QEMU's screendump takes it.

VGA's text mode is read from its memory, a framebuffer by the kernel's font: 8x16 pixels a character, or twice or three
times as large."""

import re

WIDTH, HEIGHT = 8, 16
BRIGHT = 0x60                           # of green: more is foreground
TEXT_MODES = {(720, 400), (640, 400)}
NO_DISPLAY = (640, 384)                 # QEMU's picture of a machine that has none: it says so in its own font


def read_font(path):
    """tools/mkfont's output: {bytes of 0 and 1, row by row: character}."""
    with open(path) as f:
        numbers = re.search(r"font_8x16\[256 \* 16\] = \{(.*?)\};", f.read(), re.S).group(1)
    rows = [int(n, 0) for n in re.findall(r"0x[0-9a-fA-F]+|\d+", re.sub(r"/\*.*?\*/", "", numbers, flags=re.S))]
    assert len(rows) == 256 * HEIGHT
    font = {}
    for code in range(255, 31, -1):     # where two look the same, the ASCII one
        glyph = rows[code * HEIGHT:(code + 1) * HEIGHT]
        bits = bytes(row >> (WIDTH - 1 - x) & 1 for row in glyph for x in range(WIDTH))
        font[bits] = font[bytes(1 - b for b in bits)] = bytes([code]).decode("cp437")
    font[bytes(WIDTH * HEIGHT)] = font[bytes([1]) * (WIDTH * HEIGHT)] = " "
    return font


def read_ppm(data):
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    width, height = int(header.group(1)), int(header.group(2))
    green = data[header.end() + 1::3].translate(bytes(v > BRIGHT for v in range(256)))
    return width, height, green


def read_cells(width, height, pixels, font, scale):
    """The lines, and how many characters were known."""
    lines, known = [], 0
    for top in range(0, height - HEIGHT * scale + 1, HEIGHT * scale):
        rows = [pixels[(top + y * scale) * width:][:width:scale] for y in range(HEIGHT)]
        line = ""
        for x in range(0, width // scale - WIDTH + 1, WIDTH):
            char = font.get(b"".join(row[x:x + WIDTH] for row in rows), "\ufffd")
            known += char not in " \ufffd"
            line += char
        lines.append(line.rstrip())
    return lines, known


def read_picture(data, font):
    width, height, pixels = read_ppm(data)
    best = max((read_cells(width, height, pixels, font, scale) for scale in (1, 2, 3)), key=lambda found: found[1])
    return best[0]


def read_text_memory(dump, columns=80):
    """HMP's `xp /2000hx 0xb8000`: a character and its colour in each word."""
    cells = [int(word, 16) for line in dump.splitlines() for word in line.split(":", 1)[1].split()]
    text = "".join(bytes([cell & 255]).decode("cp437") for cell in cells)
    return [text[at:at + columns].replace("\0", " ").rstrip() for at in range(0, len(text), columns)]
