"""Does what a page says: in a copy of the tree, as somebody does who reads it for the first time.

Commands of the host run in the copy's folder, those of the prompt are typed at one fresh machine for
each block, which `tools/run` above them starts, or `tools/run --direct`. That machine counts
instructions in place of time, so it does the same on a busy host, and its idle seconds cost nothing."""

import os
import re
import shlex
import shutil
import struct
import subprocess

import pexpect
import pytest

from docs_reader import is_host_command
from machine import BUILD, ESCAPES, LACKING, PATIENCE, ROOT, SCALE, Machine, assert_cpus

COUNTED = "-icount shift=5,sleep=off -rtc base=2026-01-01,clock=vm"
# Between two lines, so that what the first one left running gets to where a reader would find it.
PAUSE = "sleep 200ms"
# In the environment of what a page runs, which must not run the test of the pages.
READING = "QUIESCE_DOCS_ARE_READ"
# What is neither wanted in a copy nor changes there.
NOT_COPIED = shutil.ignore_patterns("unit", "fuzz", "debug", "models", "on-debian", "machines", "*.xml")


def copy_tree(files, folder):
    """The sources, and what is built of them as build/."""
    for name in files:
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        shutil.copy2(f"{ROOT}/{name}", f"{folder}/{name}")
    shutil.copytree(BUILD, f"{folder}/build", ignore=NOT_COPIED)


def environment(folder):
    """A make of its own, also below `make test BUILD=folder`; nothing is left in /tmp."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "BUILD"))}
    os.makedirs(f"{folder}/tmp", exist_ok=True)
    return {**kept, "TMPDIR": f"{folder}/tmp", READING: "yes"}


# -- what was shown, against what was printed ------------------------------------------------


def pattern_of(shown):
    """Numbers, times and addresses differ from run to run, and blanks with their width."""
    parts = re.split(r"(0x[0-9a-f]+|\d[\d,]*(?:\.\d+)?|\s+)", shown.strip())
    free = {"0": r"0x[0-9a-f]+", "n": r"\d[\d,]*(?:\.\d+)?", " ": r"\s+"}
    return re.compile("".join(
        free["0" if part.startswith("0x") else " " if part.isspace() else "n"] if i % 2 else re.escape(part)
        for i, part in enumerate(parts)) + r"\s*")


def not_printed(shown, printed):
    """Lines (number, text) that are not among those printed, in this order."""
    left, lost = printed.splitlines(), []
    for line, text in shown:
        pattern = pattern_of(text)
        at = next((i for i, p in enumerate(left) if pattern.fullmatch(p.strip())), None)
        if at is None:
            lost.append((line, text))
        else:
            del left[:at + 1]
    return lost


def compare(page, step, printed, failure):
    """failure: how the command failed; '' or None: it did not. Where the page shows what it says
    then, it may."""
    said = "\n".join("    | " + text for text in printed.rstrip().splitlines()[-15:])
    complaints = [f"{page.where(line)}: `{step.command}` does not print:\n    {text.strip()}\nbut:\n{said}"
                  for line, text in not_printed(step.output, printed)]
    if failure and not step.output:
        complaints.append(f"{page.where(step.line)}: `{step.command}` fails ({failure}):\n{said}")
    return complaints


# -- a machine that is typed at --------------------------------------------------------------


class Typist(Machine):
    """At the prompt that a printed `tools/run` gives."""

    def __init__(self, command, folder):
        self.paced = False
        asked = subprocess.run(shlex.split(command) + ["--dry-run"], cwd=folder, env=environment(folder),
                               text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        if asked.returncode == LACKING:
            pytest.skip(asked.stderr.strip())
        assert asked.returncode == 0, asked.stderr
        emulator = asked.stderr.strip().splitlines()[-1].replace("thread=multi", "thread=single")
        emulator = emulator.replace("-cpu max ", "-cpu max,-x2apic ")   # as tools/run --deterministic
        self.cpus = int(re.search(r" -smp (\d+) ", emulator).group(1))
        self.console = pexpect.spawn("bash", ["-c", f"exec {emulator} {COUNTED}"], encoding="utf-8",
                                     cwd=folder, codec_errors="replace", timeout=PATIENCE * SCALE,
                                     dimensions=(50, 1000), echo=False)
        self.console.delaybeforesend = None
        assert_cpus(self.wait_for_prompt(), self.cpus)

    def typed(self, line):
        """(all that it prints, the error that the prompt names)."""
        self.send(line + "\r")
        self.expect("\n")
        printed = self.wait_for_prompt()
        failure = re.search(r"^\((E[A-Z0-9]+: [^)\n]*)\)$", printed, re.M)
        return printed, failure and failure.group(1)


# -- a page ------------------------------------------------------------------------------------


class Player:
    """Plays the blocks of one page, in their order, in a copy of the tree: sources are written
    before the first."""

    def __init__(self, page, files, folder):
        self.page, self.folder = page, str(folder)
        copy_tree(files, self.folder)
        for path, text in page.sources.items():
            os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
            with open(f"{folder}/{path}", "w") as f:
                f.write(text)

    def play(self, block):
        """All complaints about a block."""
        complaints = [f"{self.page.where(line)}: neither a command nor its output: {text.strip()}"
                      for line, text in block.strays]
        start = "tools/run --direct"
        steps = list(block.steps)
        while steps:
            step = steps.pop(0)
            if self.page.reason_not_run(block, step.command):
                continue
            if step.typed:
                session = [step]
                while steps and steps[0].typed:
                    session.append(steps.pop(0))
                complaints += self.session(block, start, session)
            elif starts_a_prompt(step.command) and steps and steps[0].typed:
                start = step.command
            elif starts_a_prompt(step.command):
                complaints += self.session(block, step.command, [])
            else:
                complaints += self.on_host(step)
        return complaints

    def session(self, block, command, steps):
        complaints = []
        machine = Typist.__new__(Typist)
        try:
            machine.__init__(command, self.folder)
            for step in steps:
                if self.page.reason_not_run(block, step.command):
                    continue
                machine.typed(PAUSE)
                complaints += compare(self.page, step, *machine.typed(step.command))
        except (AssertionError, pytest.fail.Exception) as e:
            at = steps[0].line if steps else block.line
            complaints.append(f"{self.page.where(at)}: the machine of this block: {e}")
        finally:
            if hasattr(machine, "console"):
                machine.close()
        return complaints

    def on_host(self, step):
        try:
            done = subprocess.run(["bash", "-c", step.command], cwd=self.folder, env=environment(self.folder),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=600 * SCALE)
        except subprocess.TimeoutExpired:
            return [f"{self.page.where(step.line)}: `{step.command}` does not end"]
        if done.returncode == LACKING:
            why = re.search(r"environment: .*", done.stdout)
            pytest.skip(why.group(0) if why else done.stdout[-200:])
        failure = f"status {done.returncode}" if done.returncode else "??" in done.stdout and "it does not know"
        return compare(self.page, step, ESCAPES.sub("", done.stdout), failure) + self.pictures(step)

    def pictures(self, step):
        """A picture that the command made is as large as the one of the page."""
        return [f"{self.page.where(step.line)}: `{step.command}` makes a picture of {now}, {name} is {before}"
                for name in re.findall(r"[\w/.-]+\.png", step.command) if os.path.exists(f"{ROOT}/{name}")
                for before, now in [(png_size(f"{ROOT}/{name}"), png_size(f"{self.folder}/{name}"))] if before != now]


def starts_a_prompt(command):
    """`tools/run` without something to do."""
    words = shlex.split(command)
    return words[0] == "tools/run" and not {"-c", "--screenshot", "--help", "--gdb", "--dry-run"} & set(words)


def is_complete(command):
    """A command to be typed; no mere mention (`tools/run --deterministic`), no form (`--smp N`)."""
    words = command.split()
    return is_host_command(command) and words[0] != "make" and len(words) > 1 and "..." not in command and (
        not all(w.startswith("--") for w in words[1:]) or words[1:] == ["--help"]) and not any(
        re.fullmatch(r"[A-Z]+", w) for w in words)


def png_size(path):
    with open(path, "rb") as f:
        return "%dx%d" % struct.unpack(">II", f.read(24)[16:])
