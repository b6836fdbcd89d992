import time

import pytest

from machine import Machine
from undriven import Undriven

from host_stalls import HostStalls

STALLS = HostStalls()


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: part of `make check`; all of them together take less than a minute")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed while the host stood still has shown nothing: the deadlines of a machine
    that runs in real time are over then."""
    outcome = yield
    report = outcome.get_result()
    lost = STALLS.since(time.monotonic() - (time.time() - call.start))
    if report.failed and lost > 0.5:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"environment: the host stood still for {lost:.1f} s of it")


@pytest.fixture
def boot():
    """boot(*options of tools/run, cpus=4): a Machine at its prompt, gone after the test."""
    machines = []

    def start(*options, **more):
        # Noted before it boots: one that hangs is ended as well.
        machine = Machine.__new__(Machine)
        machines.append(machine)
        machine.__init__(*options, **more)
        return machine

    yield start
    for machine in machines:
        if hasattr(machine, "console"):
            machine.close()


@pytest.fixture
def undriven(tmp_path):
    """undriven(*options of tools/run, kind=Undriven, serial=True): a machine to look at, gone after the test."""
    machines = []

    def start(*options, kind=Undriven, **more):
        machine = kind.__new__(kind)
        machines.append(machine)
        machine.__init__(tmp_path, *options, **more)
        return machine

    yield start
    for machine in machines:
        machine.end()
