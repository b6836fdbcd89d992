"""A machine that a test boots and talks to.

    def test_uart_can_go(boot):
        m = boot("--machine", "q35", cpus=2)      # boots, asserts 2/2 CPUs
        assert m.command("rmmod uart").status == "ok"

`boot` is a fixture (conftest.py): machines are ended with the test. For a run
without a prompt, run("-c", "tour") gives the output and the exit status.
Time-outs are multiplied by TIMEOUT_SCALE.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pexpect
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
SCALE = float(os.environ.get("TIMEOUT_SCALE", "1"))
TOOL = os.path.join(ROOT, "tools/run")
TIMED_OUT, PANICKED, LACKING = 124, 125, 126
# s, for anything that a test waits for: only one that fails waits so long. Eight emulated CPUs
# on a busy host have been seen to need a minute for what takes five seconds on an idle one.
PATIENCE = 180

PROMPT = "quiesce> "
MONITOR = "monitor> "        # what a panic ends in
CPUS_LINE = re.compile(r"^(\d+)/(\d+) CPUs\r?$", re.M)
# What the prompt adds to a command that failed: "(EBUSY: in use)".
STATUS_LINE = re.compile(r"^\((E[A-Z0-9]+): [^)\n]*\)\n?\Z", re.M)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


def skip_if_lacking(status, text):
    if status == LACKING:
        why = re.search(r"environment: .*", text)
        pytest.skip(why.group(0) if why else "environment: " + text.strip()[-200:])


def assert_cpus(text, cpus):
    """The boot line must tell that all CPUs that were asked for run."""
    line = CPUS_LINE.search(text)
    assert line, "no line with the number of CPUs in:\n" + text
    assert line.groups() == (str(cpus), str(cpus)), line.group(0)


@dataclass
class Result:
    status: str         # "ok", or the name of the error: "EBUSY"
    output: str         # without the command's echo and the status line

    def __bool__(self):
        return self.status == "ok"


@dataclass
class Run:
    status: int         # tools/run's
    output: str         # the console


def run(*options, cpus=4, timeout=PATIENCE):
    """tools/run without a terminal. Asserts the CPU count unless the run was
    expected to fail before: cpus=None."""
    argv = [TOOL, "--build", BUILD, "--smp", str(cpus or 4), "--timeout", str(timeout), *options]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, errors="replace", timeout=(timeout + 60) * SCALE)
    skip_if_lacking(done.returncode, done.stderr)
    print(done.stderr + done.stdout)
    if cpus:
        assert_cpus(done.stdout, cpus)
    return Run(done.returncode, done.stdout)


class Machine:
    """At the prompt, over the serial line."""

    def __init__(self, *options, cpus=4, timeout=PATIENCE):
        self.cpus = cpus
        self.paced = "bochs" in options
        self.console = pexpect.spawn(
            TOOL, ["--build", BUILD, "--smp", str(cpus), *options], encoding="utf-8",
            codec_errors="replace", timeout=timeout * SCALE, dimensions=(50, 1000), echo=False)
        # pexpect waits 50 ms before each line it sends, for programs that switch
        # echo off late; the guest has its own line editor.
        self.console.delaybeforesend = None
        self.boot_text = self.wait_for_prompt(timeout)
        assert_cpus(self.boot_text, cpus)

    def wait_for_prompt(self, timeout=PATIENCE):
        """Everything up to the next prompt."""
        return self.expect(PROMPT, timeout)

    def expect(self, text, timeout=PATIENCE):
        """Waits for exactly this text; returns what came before it."""
        try:
            found = self.console.expect_exact([text, MONITOR], timeout=timeout * SCALE)
            if found == 1 and text != MONITOR:
                pytest.fail(f"a panic before {text!r} came:\n" + ESCAPES.sub("", self.console.before))
        except pexpect.EOF:
            status = self.wait_for_end()
            skip_if_lacking(status, self.console.before)
            pytest.fail(f"the machine ended (status {status}) before {text!r} came:\n"
                        + ESCAPES.sub("", self.console.before))
        except pexpect.TIMEOUT:
            pytest.fail(f"no {text!r} within {timeout} s:\n" + ESCAPES.sub("", self.console.before))
        return ESCAPES.sub("", self.console.before)

    def send(self, text):
        """Types: "\\t", "\\x1b[A" (up), "\\x03" (Ctrl-C)."""
        if not self.paced:
            self.console.send(text)
            return
        for character in text:          # Bochs' UART loses what its FIFO does not hold
            self.console.send(character)
            if character.isprintable():
                self.console.expect_exact(character)

    def command(self, line, timeout=PATIENCE):
        """Types a line, waits for the next prompt."""
        self.send(line + "\r")
        # The editor redraws when a line is edited, so look for its end only.
        self.expect("\n", timeout)
        output = self.wait_for_prompt(timeout)
        failed = STATUS_LINE.search(output)
        return Result(failed.group(1) if failed else "ok", STATUS_LINE.sub("", output))

    def lines(self, line, **more):
        """Output of a command that must succeed."""
        result = self.command(line, **more)
        assert result.status == "ok", f"{line}: {result.status}\n{result.output}"
        return result.output.splitlines()

    def wait_for_end(self, timeout=PATIENCE):
        """tools/run's exit status, once the guest has switched itself off."""
        if self.console.expect_exact([pexpect.EOF, MONITOR], timeout=timeout * SCALE):
            self.console.send("poweroff\r")
            self.console.expect(pexpect.EOF, timeout=timeout * SCALE)
        self.console.wait()
        return self.console.exitstatus

    def close(self):
        try:
            self.console.close(force=True)
        except pexpect.ExceptionPexpect:    # killed; a crowded host takes longer than its 0.1 s
            self.console.wait()
