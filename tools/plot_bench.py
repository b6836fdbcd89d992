"""Pictures of what tools/bench measured, as SVG text: the same figures give the same bytes on
every host, and there is nothing to install for it."""

import math
from xml.sax.saxutils import escape

FONT, SMALL = 15, 13                    # px, in pictures that a page shows at about their size
CHAR = 0.56                             # of the font's size: the width of a character, on average
WIDTH = 1000
SHADES = {1: "#9ecae1", 2: "#4292c6", 4: "#2171b5", 8: "#08306b"}
OURS = {"trap": "#c0201f", "census": "#d96a00"}
GREY, LINE, LATE = "#606060", "#d8d8d8", "#c0201f"


class Picture:
    def __init__(self, height):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="DejaVu Sans, Verdana, Helvetica, sans-serif" '
            f'font-size="{FONT}">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>']

    def add(self, name, text=None, **attributes):
        words = "".join(f' {key.replace("_", "-")}="{value:.1f}"' if isinstance(value, float) else
                        f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        self.parts.append(f"<{name}{words}/>" if text is None else f"<{name}{words}>{escape(text)}</{name}>")

    def line(self, x1, y1, x2, y2, stroke=LINE, width=1.0):
        self.add("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), stroke=stroke,
                 stroke_width=width)

    def text(self, x, y, text, anchor="start", fill="black", size=FONT, **more):
        """y: the middle of the line."""
        self.add("text", text, x=float(x), y=y + size * 0.35, text_anchor=anchor, fill=fill, font_size=size, **more)

    def dot(self, x, y, fill, radius=4.5):
        self.add("circle", cx=float(x), cy=float(y), r=float(radius), fill=fill)

    def cross(self, x, y, size=5.0):
        self.line(x - size, y - size, x + size, y + size, LATE, 2.0)
        self.line(x - size, y + size, x + size, y - size, LATE, 2.0)

    def finish(self, figures, height):
        origin = figures.origin
        self.text(WIDTH - 10, height - 14, f"{origin['command']} at {origin['commit']}, {origin['tools']}, "
                  f"{origin['runs']} runs of each", "end", GREY, SMALL)
        return "\n".join(self.parts + ["</svg>"]) + "\n"


class Log:
    """A logarithmic axis from `low` at pixel `at` to `high` at pixel `to`."""

    def __init__(self, values, at, to, spare=1.0):
        self.low = 10 ** math.floor(math.log10(max(min(values), 1)))
        self.high = max(values) * spare
        self.at, self.to = at, to

    def __call__(self, value):
        part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.at + part * (self.to - self.at)

    def decades(self):
        value = self.low
        while value <= self.high:
            yield value, (f"{value:,}" if value < 10000 else f"{value // 1000:,}k" if value < 1000000 else
                          f"{value // 1000000:,}M")
            value *= 10


# -- an unload, by strategy and CPUs --------------------------------------------------------


def latency(figures):
    strategies = figures.strategies()
    cpus = sorted({key[2] for key in figures.points if key[0] == "hammer"})
    row, top, left, gap = 16 * len(cpus) + 10, 108, 164, 28
    bottom = top + row * len(strategies)
    height = bottom + 88
    picture = Picture(height)
    every = [v for key, found in figures.points.items() if key[0] in ("unload", "hammer") and key[1]
             for v in found.get("median", ())]
    panel = (WIDTH - left - gap - 20) / 2
    legend(picture, cpus)
    for n, (what, title) in enumerate((("unload", "idle"), ("hammer", "in use on all CPUs"))):
        at = left + n * (panel + gap)
        axis = Log(every, at, at + panel, 1.15)
        picture.text(at + panel / 2, top - 18, title, "middle", font_weight="bold")
        for value, words in axis.decades():
            picture.line(axis(value), top, axis(value), bottom)
            picture.text(axis(value), bottom + 16, words, "middle", GREY, SMALL)
        for i, strategy in enumerate(strategies):
            middle = top + row * i + row / 2
            if i:
                picture.line(12 if n == 0 else at, top + row * i, at + panel, top + row * i, "#ececec")
            if n == 0:
                picture.text(left - 12, middle, strategy, "end", OURS.get(strategy, "black"))
            for k, count in enumerate(cpus):
                y = middle + (k - (len(cpus) - 1) / 2) * 16
                one_unload(picture, axis, y, figures.points.get((what, strategy, count, 0), {}), count)
    picture.text(left + panel + gap / 2, bottom + 40,
                 "instructions of an unload, all CPUs together, logarithmic: median of the runs, and their range",
                 "middle")
    return picture.finish(figures, height)


def one_unload(picture, axis, y, found, count):
    if "median" not in found:
        picture.text(axis.at + 6, y, f"always refused on {count} CPU{'s' if count > 1 else ''}", fill=GREY,
                     size=SMALL)
        return
    low, middle, high = (axis(v) for v in found["median"])
    picture.line(low, y, high, y, SHADES[count], 3.0)
    picture.dot(middle, y, SHADES[count])
    if found["late_uses"][2]:
        picture.cross(high + 13, y)


def legend(picture, cpus):
    x, y = 40, 28
    for count in cpus:
        words = f"{count} CPU" + ("s" if count > 1 else "")
        picture.line(x, y, x + 30, y, SHADES[count], 3.0)
        picture.dot(x + 15, y, SHADES[count])
        picture.text(x + 38, y, words)
        x += 38 + len(words) * FONT * CHAR + 30
    picture.cross(x + 6, y)
    picture.text(x + 20, y, "used after it was gone, in some run")
    picture.text(40, 54, "further left is better; the scale multiplies: each line is ten times the one before",
                 fill=GREY, size=SMALL)


# -- how an unload grows with tasks -----------------------------------------------------------


def tasks(figures):
    cpus = max(key[2] for key in figures.points if key[0] == "tasks")
    top, bottom, left, panel, gutter = 56, 560, 70, 268, 24
    height = bottom + 84
    picture = Picture(height)
    titles = {"tasks": "asleep since before the load", "tasks-ran": "each has run since the load"}
    keys = [key for key in figures.points if key[0] in titles and key[2] == cpus and "median" in figures.points[key]]
    up = Log([v for key in keys for v in figures.points[key]["median"]], bottom, top, 1.3)
    across = sorted({key[3] for key in keys})
    for n, (what, title) in enumerate(titles.items()):
        at = left + n * (panel + 226)
        axis = Log(across, at + 10, at + panel)
        picture.text(at + panel / 2, top - 24, title, "middle", font_weight="bold")
        for value, words in up.decades():
            picture.line(at, up(value), at + panel, up(value))
            picture.text(at - 8, up(value), words, "end", GREY, SMALL)
        for value in across:
            picture.text(axis(value), bottom + 16, f"{value:,}", "middle", GREY, SMALL)
        curves = {s: [(axis(m), *(up(v) for v in figures.points[what, s, cpus, m]["median"]))
                      for m in across if (what, s, cpus, m) in keys] for s in figures.strategies()}
        curves = {s: points for s, points in curves.items() if points}
        for s in sorted(curves, key=lambda s: s in OURS):
            one_curve(picture, curves[s], OURS.get(s, "#9ecae1"), s in OURS)
        labels(picture, curves, at + panel + gutter, top, bottom)
    picture.text(WIDTH / 2, bottom + 42, f"further tasks; instructions of an unload on {cpus} CPUs, both scales "
                 "logarithmic: median of the runs, and their range", "middle")
    return picture.finish(figures, height)


def one_curve(picture, points, color, thick):
    path = " ".join(f"{x:.1f},{middle:.1f}" for x, _, middle, _ in points)
    picture.add("polyline", points=path, fill="none", stroke=color, stroke_width=3.0 if thick else 1.5)
    for x, low, middle, high in points:
        picture.line(x, low, x, high, color, 3.0 if thick else 1.5)
        picture.dot(x, middle, color, 4.0 if thick else 3.0)


def labels(picture, curves, x, top, bottom):
    """Names right of the curves, pushed apart, in the order of their ends: so no leader crosses
    another, and each ends where its name begins."""
    step = FONT + 3
    ends = sorted((points[-1][2], points[-1][0], s) for s, points in curves.items())
    places, free = [], top - step
    for y, _, _ in ends:
        free = max(y, free + step)
        places.append(free)
    free = bottom + 10 + step           # what was pushed out below comes up again
    for i in reversed(range(len(places))):
        free = places[i] = min(places[i], free - step)
    for (y, end, s), place in zip(ends, places):
        picture.line(end + 6, y, x - 4, place, "#b0b0b0")
        picture.text(x, place, s, fill=OURS.get(s, "#404040"))


PICTURES = {"latency": latency, "tasks": tasks}
