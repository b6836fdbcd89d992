"""Every machine comes up with all its CPUs, and the prompt works on it."""

import os
import re
import shutil

import pytest

from machine import BUILD, run

MACHINES = {
    "direct": ["--direct"],
    "bios-cd": [],
    "bios-usb": ["--usb"],
    "q35": ["--machine", "q35"],
    "uefi-x64": ["--uefi", "x64"],
    "uefi-x64-q35-usb": ["--uefi", "x64", "--machine", "q35", "--usb"],
    "uefi-ia32-q35": ["--uefi", "ia32", "--machine", "q35"],
    "bochs": ["--on", "bochs"],
}


@pytest.mark.parametrize("options", MACHINES.values(), ids=MACHINES.keys())
def test_boots_and_takes_commands(boot, options):
    m = boot(*options, cpus=4)
    assert m.command("help").status == "ok"
    assert m.command("no-such-command").status == "ENOENT"
    m.send("poweroff\r")
    assert m.wait_for_end() == 0


@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [["--direct"], []], ids=["direct", "iso"])
def test_cpu_counts(options, cpus):
    done = run(*options, "-c", "cpus", cpus=cpus)
    assert done.status == 0


@pytest.mark.parametrize("cpu", ["qemu32", "pentium3", "n270", "coreduo", "Nehalem", "qemu64"])
def test_cpu_models(cpu):
    model = ["--cpu", cpu] if cpu != "qemu64" else ["--uefi", "x64", "--cpu", cpu]
    assert run(*([] if cpu == "qemu64" else ["--direct"]), *model, "-c", "cpus").status == 0


def test_small_memory():
    assert run("--direct", "--mem", "64", "-c", "mem").status == 0


def test_a_boot_file_by_the_name_that_it_is_given(tmp_path):
    """What the loader calls it does not matter: tools/run hands QEMU an open file, say."""
    deep = tmp_path / ("a folder with a long name " * 5).replace(" ", "-").strip("-")
    deep.mkdir()
    shutil.copyfile(os.path.join(BUILD, "modules/null.ko"), deep / "9")
    done = run("--direct", "--archive", "", "--extra",
               f"-initrd '{BUILD}/modules.tar modules.tar,{deep}/9 own_null.ko'", "-c", "modprobe own_null; lsmod")
    assert done.status == 0 and "corrupt" not in done.output
    assert re.search(r"^own_null +\d+  Live ", done.output, re.M)
