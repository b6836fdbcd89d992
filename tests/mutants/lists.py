"""Reads the lists of mutants: what each changes, and what notices it. tests/mutants/run says how a list is read."""

import collections
import hashlib
import os
import random
import re
import sys

REASONS = ("equivalent", "unseen", "open")
KINDS = ("unit", "test", "tests", "cell", "run", "race", "model")


class Stale(Exception):
    """The text that a mutant changes does not occur exactly once."""


class Check:
    """What may notice a mutant: unit SUITE, test NAME, tests, cell HAZARD STRATEGY=VERDICT, run COMMAND,
    race COMMAND, model MODEL VARIANT."""

    def __init__(self, text):
        self.text = text
        self.options = dict(re.findall(r"\[(cpus|seeds?|multi)(?: (\d+))?\]", text))
        words = re.sub(r"\[[^]]*\]", "", text).split()
        self.kind, self.words = words[0], words[1:]
        if self.kind not in KINDS or bool(self.words) == (self.kind == "tests"):
            raise ValueError(f"{text}: not a check")
        if self.kind == "cell":
            self.hazard, column, *self.evidence = self.words
            self.strategy, self.verdict = column.split("=")

    def command(self):
        """At the prompt."""
        if self.kind == "cell":
            return f"hazard -j {self.hazard} {self.strategy}"
        return " ".join(["test"] * (self.kind not in ("run", "race")) + self.words)


class Edit:
    """Lines of one file that a mutant changes."""

    def __init__(self, file, function):
        self.file, self.function, self.lines = file, function, []

    def text(self, signs):
        return "".join(line[1:] + "\n" for line in self.lines if line[0] in signs)

    def region(self, source):
        """Where the function begins and ends in the text; all of it, if none is named."""
        if not self.function:
            return 0, len(source)
        head = re.search(rf"^(?![#/\s]|.*;\s*$)[^\n(]*\b{self.function}\([^;{{]*{{.*$", source, re.M)
        if not head:
            raise Stale(f"{self.file}: no function {self.function}")
        if head.group(0).endswith("}"):
            return head.start(), head.end() + 1
        return head.start(), source.index("\n}", head.end()) + 2

    def apply(self, source):
        begin, end = self.region(source)
        # A line begins behind the end of another one, or a shorter one would do.
        body, old = "\n" + source[begin:end], "\n" + self.text(" -")
        if body.count(old) != 1:
            raise Stale(f"{self.file}{' ' + self.function if self.function else ''}: "
                        f"{body.count(old)} times: {self.text(' -').strip()}")
        return source[:begin] + body.replace(old, "\n" + self.text(" +"))[1:] + source[end:]


class Mutant:
    def __init__(self, name, floor):
        self.name, self.floor, self.breaks = name, floor, ""
        self.word, self.reason = "", ""         # of REASONS: why it has no check
        self.edits, self.checks = [], []

    def key(self, sources):
        """A result stands for as long as neither the sources nor this change."""
        said = [sources, self.name, self.word, self.reason, *(c.text for c in self.checks)]
        for edit in self.edits:
            said += [edit.file, edit.function, *edit.lines]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:24]

    def apply(self, read):
        """{file: its new text}; read(file) is the old one."""
        texts = {}
        for edit in self.edits:
            texts[edit.file] = edit.apply(texts[edit.file] if edit.file in texts else read(edit.file))
        return texts

    def complaint(self, may_lack_checks):
        if not self.breaks or not self.edits or not all(edit.lines for edit in self.edits):
            return "wants what it breaks, and lines of a file"
        if (self.reason and self.checks) or not (self.reason or self.checks or may_lack_checks):
            return "wants either a check or a reason why it is equivalent"
        return None


def add_line(mutants, line, floor):
    word, _, rest = line.partition(" ")
    last = mutants[-1] if mutants else None
    if word == "mutant":
        mutants.append(Mutant(rest, floor))
    elif word == "breaks":
        last.breaks = rest
    elif word in REASONS:
        last.word, last.reason = word, rest
    elif word == "see":
        last.checks.append(Check(rest))
    elif word == "in":
        file, _, function = rest.partition(" ")
        last.edits.append(Edit(file, function))
    elif line[0] in " +-":
        last.edits[-1].lines.append(line)
    else:
        raise ValueError(f"{word}: not a word of a list")


def read_list(path, may_lack_checks=False):
    floor = os.path.basename(path).partition(".")[0]
    mutants = []
    with open(path) as f:
        for number, line in enumerate(f.read().split("\n"), 1):
            try:
                if line and line[0] != "#":
                    add_line(mutants, line, floor)
            except (ValueError, IndexError, AttributeError) as e:
                sys.exit(f"{path}:{number}: {e}")
    for m in mutants:
        if m.complaint(may_lack_checks):
            sys.exit(f"{path}: {m.name} {m.complaint(may_lack_checks)}")
    return mutants


def read_lists(paths, may_lack_checks=False):
    mutants = [m for path in paths for m in read_list(path, may_lack_checks)]
    names = collections.Counter(m.name for m in mutants)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        sys.exit(f"mutants: {twice[0]}: two have this name")
    return mutants


def choose(mutants, words):
    chosen = [m for m in mutants if any(m.name == w or m.name.startswith(w + "-") for w in words)]
    for w in words:
        if not any(m.name == w or m.name.startswith(w + "-") for m in mutants):
            sys.exit(f"mutants: {w}: no such mutant; `tests/mutants/run --list` shows them")
    return chosen if words else mutants


def sample(mutants, n, seed):
    """n of them, in the order of the lists, so that one floor's are built together."""
    chosen = set(random.Random(seed).sample(range(len(mutants)), min(n, len(mutants))))
    return [m for i, m in enumerate(mutants) if i in chosen]
