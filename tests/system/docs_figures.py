"""Figures of a page, and whether a command still prints them.

A figure with its range, `14,000 (13,600–14,900)`, is true when what is printed lies in the range, give
or take the spread that tools/reference_host.py allows here. One without stands for itself on the
reference host, up to the digits that it shows (31,800 is 31,750 to 31,850) and STEADY, since a run that
starts at another moment of a tick is another run; and elsewhere, where the same code has another number
of instructions, for what lies within the spread."""

import re

from docs_reader import NUMBER

STEADY = 0.03           # docs/PERFORMANCE.md says so
BENCH = re.compile(r"`(bench [^`]+)`")
CPUS = re.compile(r"\b(\d+|one|two|four|eight) CPUs?\b")
WORDS = {"one": 1, "two": 2, "four": 4, "eight": 8}
RANGE = re.compile(rf"({NUMBER.pattern})(?: \(({NUMBER.pattern})[–-]({NUMBER.pattern})\))?")
# Numbers in a sentence about figures that are none of its figures.
OTHER_NUMBERS = re.compile(r"`[^`]*`|\d[\d,]* (?:CPUs?|words|tasks|such|ms|s|%)\b|\b(?:19|20)\d\d\b")


def value(text):
    return float(text.replace(",", ""))


class Figure:
    def __init__(self, text, low=None, high=None):
        self.text = f"{text} ({low}–{high})" if low else text
        self.has_range = bool(low)
        self.low, self.high = value(low or text), value(high or text)
        self.rounding = 0 if low else rounding(text)

    def fits(self, printed, spread, exact):
        now = value(printed)
        if exact and not self.has_range:
            return abs(now - self.low) <= self.rounding + STEADY * self.low
        return self.low / spread - self.rounding <= now <= self.high * spread + self.rounding


def rounding(figure):
    """Half of what the last digit that counts stands for: no more than hundreds, or three digits, are
    rounded away (14,000 is not 14,268)."""
    digits = figure.replace(",", "").lstrip("+-")
    if "." in digits:
        return 0.5 / 10 ** len(digits.split(".")[1])
    zeros = len(digits) - len(digits.rstrip("0"))
    return 10 ** min(zeros, max(2, len(digits) - 3)) / 2 if value(digits) else 0


def figures_in(text):
    """A cell or a sentence. Of `3+0` and `2/32` nobody can tell what it is: no figures."""
    return [Figure(*m.groups()) for m in RANGE.finditer(OTHER_NUMBERS.sub(" ", text))
            if not re.search(r"[+/]\d", m.group(1)[1:])]


# -- what a command prints -----------------------------------------------------------------


class Printed:
    """The output of one `bench`: medians by line, or a line for each strategy."""

    def __init__(self, output):
        self.medians = re.findall(r" median +(\d+),", output)
        self.rows = {}
        for line in output.splitlines():
            name, *cells = line.split() or [""]
            if len(cells) > 3 and all(re.match(r"[+-]?\d|-$|refused$", c) for c in cells):
                self.rows.setdefault(name, []).extend(c for c in cells if re.fullmatch(r"[+-]?[\d.]+", c))

    def figures(self, strategies=()):
        """In the order in which they were printed. Of tables by strategy, the rows of these; of trap,
        the strategy unless another is chosen, where none is named."""
        named = [s for s in strategies if s in self.rows] or ["trap"]
        return [cell for name in named for cell in self.rows.get(name, [])] if self.rows else self.medians


# -- what a page claims --------------------------------------------------------------------


class Claim:
    """Figures of one place, said to be printed by these commands on so many CPUs."""

    def __init__(self, line, commands, cpus, strategies=(), ordered=True):
        self.line, self.commands, self.cpus = line, commands, cpus
        self.strategies, self.ordered, self.figures = strategies, ordered, []

    def runs(self):
        return [(command, cpus) for command in self.commands for cpus in self.cpus]

    def complaints(self, page, printed, spread, exact):
        """printed: {(command, cpus): Printed}. spread: the factor by which a figure may be off."""
        now = [f for run in self.runs() for f in printed[run].figures(self.strategies)]
        by = f"{' and '.join(f'`{c}`' for c in self.commands)} on {' or '.join(map(str, self.cpus))} CPU(s)"
        return [f"{page.where(self.line)}: no {figure.text} is printed by {by}, which prints {' '.join(now)}"
                for figure in self._missing(now, spread, exact)]

    def _missing(self, now, spread, exact):
        left = list(now)
        for figure in self.figures:
            at = next((i for i, printed in enumerate(left) if figure.fits(printed, spread, exact)), None)
            if at is None:
                yield figure
            elif self.ordered:
                del left[:at + 1]


def cpus_in(text):
    return sorted({int(WORDS.get(n, n)) for n in CPUS.findall(text)})


def claims(page):
    """Of all tables with a column "printed by", or below a sentence that names the command; and of
    all other sentences that do."""
    found = [claim for table in page.tables for claim in table_claims(table)]
    for line, text in page.sentences():
        claim = Claim(line, BENCH.findall(text), [1, 4], re.findall(r"`([\w-]+)`", text), ordered=False)
        claim.figures = figures_in(text)
        on = re.search(r"\bon \w+ CPUs?\b", text)
        claim.cpus = cpus_in(on.group(0)) if on else claim.cpus
        if claim.commands and claim.figures and not text.rstrip().endswith(":"):    # that is a table's
            found.append(claim)
    return found


def table_claims(table):
    """One for each column and command, whose figures come in the order of the rows."""
    by_row = table.header[-1] == "printed by"
    above = "" if by_row else caption(table)
    found = {}
    for column in range(1, len(table.header) - by_row):
        cpus = cpus_in(table.header[column]) or cpus_in(table.header[0]) or cpus_in(above)
        for line, cells in table.rows:
            for command in BENCH.findall(cells[-1] if by_row else above):
                claim = found.setdefault((column, command), Claim(line, [command], cpus))
                claim.figures += figures_in(cells[column])
    return [claim for claim in found.values() if claim.figures]


def caption(table):
    """The end of the paragraph above that leads to the table, from where it names a command."""
    sentences = re.split(r"(?<=\.)\s", table.caption.rstrip())
    text = next((" ".join(sentences[i:]) for i in range(len(sentences)) if BENCH.search(sentences[i])), "")
    return text if text.endswith(":") and table.header[0] != "strategy" else ""
