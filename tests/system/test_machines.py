"""Machines that are not as they should be: one clear line, never silence."""

import re

import pytest

from machine import PANICKED, run

ENOMEM = 12


def test_no_acpi():
    done = run("--direct", "--extra", "-machine acpi=off", "-c", "cpus", cpus=None)
    assert done.status == PANICKED
    assert "no usable ACPI tables" in done.output


def test_no_apic():
    done = run("--direct", "--cpu", "max,-apic", "-c", "cpus", cpus=None)
    assert done.status == PANICKED
    assert "no local APIC" in done.output


@pytest.mark.parametrize("clock,said", [("hpet", "HPET"), ("pm", "PM timer"), ("pit", "PIT")])
def test_each_clock(clock, said):
    """In a deterministic run the TSC counts 1,000 a microsecond."""
    done = run("--direct", "--deterministic", "--append", f"clock={clock}", "-c", "sleep 1ms", cpus=1)
    khz = re.search(rf"^clock: by the {said} the TSC runs at (\d+) kHz$", done.output, re.M)
    assert done.status == 0 and abs(int(khz.group(1)) - 1000000) < 500, done.output


def test_no_such_clock():
    done = run("--direct", "--append", "clock=sundial", "-c", "sleep 1ms", cpus=1)
    assert done.status == 0 and "clock= wants hpet, pm or pit; ignored\n" in done.output
    done = run("--direct", "--extra", "-machine hpet=off", "--append", "clock=hpet", "-c", "cpus", cpus=None)
    assert done.status == PANICKED and "leave out clock= on the command line" in done.output


def test_fewer_cpus_than_there_are():
    done = run("--direct", "--append", "maxcpus=2", "-c", "cpus", cpus=None)
    assert done.status == 0
    assert "\n2/4 CPUs" in done.output


def test_little_memory():
    """4 MiB, 12 CPUs: what there is no memory for is refused with a line, and the machine goes on."""
    done = run("--direct", "--mem", "4", "-c", "torture -t 1; mem", cpus=12)
    assert done.status in (0, ENOMEM)
    assert "no memory" in done.output or re.search(r"[1-9]\d* refused", done.output)
    assert re.search(r"^memory: +\d+ KiB", done.output, re.M)
