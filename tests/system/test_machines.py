"""Machines that are not as they should be: one clear line, never silence."""

import os
import re
import shutil
import struct
import subprocess

import pytest

from machine import BUILD, PANICKED, ROOT, SCALE, TOOL, run, skip_if_lacking

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


# -- a register that no emulator has -------------------------------------------------

# GDB in the place of MSRC001_0055: CPU 0 obeys, CPU 1 has no such register to write to.
C1E = ["break *rdmsr_may_fault if $ecx == 0xc0010055", "break *wrmsr_may_fault if $ecx == 0xc0010055",
       "break start_init", "continue",
       "set $eax = 0x18000001", "set $edx = 0", "set $eip = $eip + 2", "continue",
       "printf \"written: %#x\\n\", $eax", "continue",
       "continue",                      # it is read back
       "set $eax = 0x10000000", "set $edx = 0", "set $eip = $eip + 2", "continue",
       "set $eip = msr_missing", "continue"]


def test_c1e_is_switched_off_or_told(tmp_path):
    log = tmp_path / "serial"
    commands = [word for command in C1E for word in ("--gdb-command", command)]
    done = subprocess.run([TOOL, "--build", BUILD, "--direct", "--gdb", "--smp", "2", "--cpu", "phenom", "--serial", log,
                           "--timeout", "60", *commands], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120 * SCALE)
    skip_if_lacking(done.returncode, done.stdout)
    assert "written: 0x1\n" in done.stdout, done.stdout
    said = log.read_text()
    assert said.count("cpu: AMD's C1E was on, which stops the timer of an idle CPU: switched off\n") == 1
    assert said.count("cpu: C1E cannot be switched off, and an idle CPU's timer may stop") == 1


# -- the firmware of other machines ------------------------------------------------


def table(signature, body):
    """A sound ACPI table."""
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 1, 0, b"TEST  ", b"TEST    ", 1, b"TEST", 1)
    data = bytearray(head + body)
    data[9] = -sum(data) & 0xff
    return bytes(data)


def madt(gsi_base):
    """QEMU's two CPUs and its I/O APIC, whose first line is another one's; and two entries of garbage, as on
    laptops of 2015."""
    entries = [struct.pack("<BBBBI", 0, 8, uid, uid, 1) for uid in (0, 1)]
    entries += [struct.pack("<BBBHB", 4, 6, 0, 0x4c00, 36), struct.pack("<BBBHB", 4, 6, 1, 0x58b, 0)]
    entries += [struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, gsi_base)]
    entries += [struct.pack("<BBBBIH", 2, 10, 0, irq, gsi_base + (irq or 2), 0) for irq in range(16) if irq != 2]
    return table(b"APIC", struct.pack("<II", 0xfee00000, 1) + b"".join(entries))


def fadt_of_a_tablet():
    """Hardware-reduced: no PM timer, no PM1 registers, and no sleep control register either. A port stands where it
    does not count."""
    body = bytearray(268 - 36)
    struct.pack_into("<I", body, 64 - 36, 0x604)        # PM1a_CNT_BLK
    struct.pack_into("<I", body, 112 - 36, 1 << 20)     # HW_REDUCED_ACPI
    return table(b"FACP", bytes(body))


def places(what, *more):
    return subprocess.run([os.path.join(ROOT, "tools/places"), what, *more], text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def image_with_tables(folder, **tables):
    """An ISO whose GRUB puts these tables in the place of the firmware's."""
    rescue, grub = places("mkrescue"), places("grub", "i386-pc")
    if not rescue or not grub or not shutil.which("xorriso"):
        pytest.skip("environment: no grub-mkrescue, GRUB for i386-pc or xorriso")
    iso = folder / "iso/boot/grub"
    iso.mkdir(parents=True)
    for signature, data in tables.items():
        (iso / signature).write_bytes(data)
    files = " ".join(f"/boot/grub/{signature}" for signature in tables)
    # setparams, in run.cfg, gives words to the function that it is called in.
    (iso / "grub.cfg").write_text(f"""
        acpi --exclude={','.join(tables)} {files}
        function start {{
            source /boot/grub/run.cfg
            multiboot2 /boot/grub/quiesce.elf "$@"
            module2 /boot/grub/modules.tar modules.tar
            boot
        }}
        start
    """)
    (iso / "run.cfg").write_text("# quiesce run.cfg".ljust(4095) + "\n")
    shutil.copyfile(os.path.join(BUILD, "stripped.elf"), iso / "quiesce.elf")
    shutil.copyfile(os.path.join(BUILD, "modules.tar"), iso / "modules.tar")
    subprocess.run([rescue, "-d", grub, "-o", folder / "quiesce.iso", "--locales=", "--fonts=", "--themes=",
                    "--install-modules=acpi multiboot2 normal iso9660 boot configfile", folder / "iso"],
                   check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return folder


def test_firmware_of_other_machines(tmp_path):
    """The RTC interrupts through GSI 208, for which there is no vector of that number; two entries for NMIs are
    garbage; and there is no way to switch it off."""
    image = image_with_tables(tmp_path, APIC=madt(200), FACP=fadt_of_a_tablet())
    done = run("--build", str(image), "-c", "modprobe rtc; sleep 50ms; irqs", cpus=2, timeout=60)
    assert done.status == 0
    assert "acpi: MADT entry at 0x3c (type 4): an NMI at a LINT that no CPU has 0x24; refused\n" in done.output
    assert "acpi: MADT entry at 0x42 (type 4): an NMI whose flags are reserved 0x58b; refused\n" in done.output
    assert ("acpi: this machine cannot be switched off: its ACPI is hardware-reduced, without a sleep control register\n"
            in done.output)
    line = re.search(r"^ +8 +208 +0x([0-9a-f]+) +\d+ +(\d+) ", done.output, re.M)
    assert line and 0x30 <= int(line.group(1), 16) < 0x80 and int(line.group(2)) > 0


# -- off, and on again ------------------------------------------------------------------


def end_of(command, *options):
    """What is said, and QEMU's exit status, without the device that tests end a machine with."""
    said = subprocess.run([TOOL, "--build", BUILD, "--direct", "--smp", "1", "--dry-run", "-c", command, *options],
                          text=True, stderr=subprocess.PIPE, check=True).stderr
    argv = re.sub(r"-device isa-debug-exit,\S+ ", "", said)
    done = subprocess.run(argv, shell=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=60 * SCALE)
    return done.stdout.replace("\r", ""), done.returncode


@pytest.mark.parametrize("machine", ["pc", "microvm"], ids=["pm1", "hardware-reduced"])
def test_power_off(machine):
    """microvm's ACPI is hardware-reduced: its sleep control register is in memory."""
    said, status = end_of("poweroff", "--machine", machine)
    assert status == 0 and said.endswith("quiesce: exit status 0\n")


@pytest.mark.parametrize("machine,where", [("q35", "0xcf9 in I/O space"), ("microvm", "0xfea00202 in memory")])
def test_reboot_by_the_register_that_acpi_names(machine, where):
    said, status = end_of("reboot", "--machine", machine)
    assert status == 0 and said.endswith(f"quiesce: reboot\nreboot: by ACPI's reset register at {where}\n")
