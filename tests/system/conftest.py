import pytest

from machine import Machine


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
