"""The rows of docs/MACHINES.md: what is booted. A row is a name and the options of tools/run."""

import shlex
from dataclasses import dataclass

NR_CPUS = 64                            # what the kernel uses at most

CPU_MODELS = """
    486 pentium pentium2 pentium3 athlon n270 coreduo core2duo Conroe Penryn kvm32 qemu32 kvm64 qemu64 phenom
    Opteron_G1 Opteron_G2 Opteron_G3 Opteron_G4 Opteron_G5 EPYC EPYC-Rome EPYC-Milan Dhyana
    Nehalem Westmere SandyBridge IvyBridge Haswell Haswell-noTSX Broadwell Skylake-Client Skylake-Server
    Cascadelake-Server Cooperlake Icelake-Server Snowridge Denverton KnightsMill base max
""".split()
# What the kernel uses or names, and what changes the machine around it.
CPU_FEATURES = """
    fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2
    monitor cx16 rdrand hypervisor smep smap umip nx syscall lm arat erms fsgsbase xsave
""".split()
TOPOLOGIES = """
    4,sockets=4 4,sockets=2,cores=2 4,cores=4 4,cores=2,threads=2 8,sockets=2,dies=2,cores=2 6,cores=3,threads=2
    6,sockets=2,cores=3 12,sockets=2,cores=3,threads=2 10,cores=5,threads=2 18,sockets=3,cores=3,threads=2
    2,sockets=4,maxcpus=4 3,cores=3,maxcpus=6,sockets=2
""".split()
MEMORY = [4, 5, 6, 8, 16, 32, 64, 256, 512, 1024, 2048, 3072, 4096, 8192]
CPU_COUNTS = [1, 2, 3, 5, 7, 8, 12, 16, 24, 32, 48, 63, 64, 65, 128, 255]
BOCHS_MODELS = """
    pentium pentium_mmx amd_k6_2_chomper p2_klamath p3_katmai p4_willamette core_duo_t2400_yonah atom_n270
    p4_prescott_celeron_336 athlon64_clawhammer athlon64_venice turion64_tyler phenom_8650_toliman
    core2_penryn_t9600 corei5_lynnfield_750 corei5_arrandale_m520 corei7_sandy_bridge_2600k zambezi trinity_apu
    ryzen corei7_ivy_bridge_3770k corei7_haswell_4770 broadwell_ult corei7_skylake_x corei3_cnl corei7_icelake_u
    tigerlake
""".split()
# Bochs gives these models no local APIC, and so no second CPU.
BOCHS_SINGLE = ["pentium", "pentium_mmx", "amd_k6_2_chomper"]

STICK = "-drive if=none,id=stick,format=raw,snapshot=on,file={iso}"
DISKS = {
    "IDE disk": "-drive if=ide,format=raw,snapshot=on,file={iso}",
    "AHCI disk": f"-device ahci,id=a -device ide-hd,drive=stick,bus=a.0,bootindex=0 {STICK}",
    "AHCI CD": f"-device ahci,id=a -device ide-cd,drive=stick,bus=a.0,bootindex=0 {STICK}",
    "NVMe": f"-device nvme,drive=stick,serial=1,bootindex=0 {STICK}",
    "virtio disk": f"-device virtio-blk-pci,drive=stick,bootindex=0 {STICK}",
    "SCSI CD": f"-device lsi53c895a -device scsi-cd,drive=stick,bootindex=0 {STICK}",
    "USB stick, EHCI": f"-device usb-ehci -device usb-storage,drive=stick,bootindex=0 {STICK}",
    "USB stick, UHCI": f"-device piix3-usb-uhci -device usb-storage,drive=stick,bootindex=0 {STICK}",
}


@dataclass
class Row:
    group: str
    name: str
    options: list                       # of tools/run
    cpus: int = 4                       # that it is to come up with
    seconds: int = 60                   # until it is given up
    alone: bool = False                 # nothing else beside it
    disk: str = ""                      # of QEMU, in place of tools/run's: {iso}

    @property
    def key(self):
        return f"{self.group}: {self.name}"

    @property
    def emulator(self):
        return self.options[self.options.index("--on") + 1] if "--on" in self.options else "qemu"

    def command(self):
        return "tools/run " + shlex.join(self.options)


def qemu(group, name, options, **more):
    return Row(group, name, shlex.split(options) if isinstance(options, str) else options, **more)


def cpus_of(smp):
    return min(int(smp.split(",")[0]), NR_CPUS)


def cpu_rows():
    for model in CPU_MODELS:
        yield qemu("CPU models", model, f"--direct --cpu {model}")
    for feature in CPU_FEATURES:
        yield qemu("CPU features", f"max without {feature}", f"--direct --cpu max,-{feature}")


def machine_rows():
    group = "Machines"
    yield qemu(group, "pc", "--direct")
    yield qemu(group, "q35", "--direct --machine q35")
    yield qemu(group, "isapc", "--direct --machine isapc --smp 1", cpus=1)
    yield qemu(group, "microvm", "--direct --machine microvm")
    yield qemu(group, "microvm, two I/O APICs", ["--direct", "--machine", "microvm", "--extra", "-machine ioapic2=on"])
    for version in ("pc-i440fx-2.0", "pc-i440fx-4.2", "pc-q35-2.4", "pc-q35-6.2"):
        yield qemu(group, version, ["--direct", "--extra", f"-machine {version}"])
    for name, options in (("ACPI off", "-machine acpi=off"), ("HPET off", "-machine hpet=off"),
                          ("no i8042", "-machine i8042=off"), ("USB keyboard", "-usb -device usb-kbd"),
                          ("no S3, no S4", "-global PIIX4_PM.disable_s3=1 -global PIIX4_PM.disable_s4=1"),
                          ("SMM off", "-machine smm=off")):
        yield qemu(group, f"pc, {name}", ["--direct", "--extra", options])
    yield qemu(group, "pc, no clock but the PIT", ["--direct", "--append", "clock=pit"])


def memory_rows():
    for mib in (2, 3):                  # below what README asks for; with more CPUs it may end in one way or another
        yield qemu("Memory", f"{mib} MiB, one CPU", f"--direct --mem {mib} --smp 1", cpus=1)
    for mib in MEMORY:
        yield qemu("Memory", f"{mib} MiB", f"--direct --mem {mib}")
    yield qemu("Memory", "4 MiB by GRUB", "--mem 4")
    yield qemu("Memory", "8 GiB, q35", "--direct --machine q35 --mem 8192")


def count_rows():
    group = "CPU counts and topologies"
    for n in CPU_COUNTS:
        yield qemu(group, f"{n}", f"--direct --smp {n}" + (" --machine q35" if n > 64 else ""),
                   cpus=min(n, NR_CPUS), seconds=60 + 2 * n, alone=n > 8)
    for smp in TOPOLOGIES:
        yield qemu(group, smp, ["--direct", "--extra", f"-smp {smp}"], cpus=cpus_of(smp))


def display_rows():
    for card in ("std", "cirrus", "vmware", "virtio", "qxl", "none"):
        yield qemu("Displays", f"{card}, by GRUB", ["--extra", f"-vga {card}"])
        yield qemu("Displays", f"{card}, text mode", ["--direct", "--extra", f"-vga {card}"])
    yield qemu("Displays", "std under UEFI", "--uefi x64", seconds=120)
    yield qemu("Displays", "virtio under UEFI", ["--uefi", "x64", "--extra", "-vga virtio"], seconds=120)
    yield qemu("Displays", "ramfb under UEFI", ["--uefi", "x64", "--extra", "-vga none -device ramfb"], seconds=120)
    yield qemu("Displays", "none under UEFI", ["--uefi", "x64", "--extra", "-vga none"], seconds=120)


def medium_rows():
    group = "Boot media and firmware"
    yield qemu(group, "SeaBIOS, CD", "")
    yield qemu(group, "SeaBIOS, CD, q35", "--machine q35")
    yield qemu(group, "SeaBIOS, USB stick, xHCI", "--usb")
    for name, disk in DISKS.items():
        yield qemu(group, f"SeaBIOS, {name}", "", disk=disk, seconds=300 if "UHCI" in name else 60)
    yield qemu(group, "UEFI x64, CD", "--uefi x64", seconds=120)
    yield qemu(group, "UEFI x64, CD, q35", "--uefi x64 --machine q35", seconds=120)
    yield qemu(group, "UEFI x64, USB stick, q35", "--uefi x64 --machine q35 --usb", seconds=120)
    yield qemu(group, "UEFI x64, NVMe, q35", "--uefi x64 --machine q35", disk=DISKS["NVMe"], seconds=120)
    yield qemu(group, "UEFI ia32, CD, q35", "--uefi ia32 --machine q35", seconds=180)


def other_rows():
    group = "Bochs"
    for model in BOCHS_MODELS:
        smp = 1 if model in BOCHS_SINGLE else 2
        yield Row(group, model, ["--on", "bochs", "--smp", str(smp), "--cpu", model], cpus=smp, seconds=120)
    yield Row(group, "its default model, lax MSRs", ["--on", "bochs", "--smp", "2", "--extra", "cpu: ignore_bad_msrs=1"],
              cpus=2, seconds=120)
    yield Row(group, "hard disk", ["--on", "bochs", "--smp", "4", "--usb"], seconds=120)
    for name, options in (("CD", []), ("hard disk", ["--usb"]), ("direct", ["--direct"])):
        yield Row("v86", name, ["--on", "v86", *options], cpus=1, seconds=120)


def rows():
    found = [row for make in (cpu_rows, machine_rows, memory_rows, count_rows, display_rows, medium_rows, other_rows)
             for row in make()]
    assert len({row.key for row in found}) == len(found), "two rows of the same name"
    return found
