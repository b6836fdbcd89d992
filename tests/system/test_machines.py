"""Machines that are not as they should be: one clear line, never silence."""

import re

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


def test_fewer_cpus_than_there_are():
    done = run("--direct", "--append", "maxcpus=2", "-c", "cpus", cpus=None)
    assert done.status == 0
    assert "\n2/4 CPUs" in done.output


def test_no_boot_archive():
    done = run("--direct", "--archive", "", "-c", "insmod uart; cpus")
    assert 0 < done.status < 124
    assert "archive" in done.output


def test_damaged_boot_archive(tmp_path):
    damaged = tmp_path / "modules.tar"
    damaged.write_bytes(b"\x5a" * 20480)
    done = run("--direct", "--archive", str(damaged), "-c", "insmod uart; cpus")
    assert 0 < done.status < 124
    assert "archive" in done.output


def test_too_little_memory():
    """2 MiB: what cannot be had is refused with a line, and the machine goes on."""
    done = run("--direct", "--mem", "2", "-c", "torture -t 1; mem")
    assert done.status in (0, ENOMEM)
    assert "no memory" in done.output or re.search(r"[1-9]\d* refused", done.output)
    assert re.search(r"^memory: +\d+ KiB", done.output, re.M)
