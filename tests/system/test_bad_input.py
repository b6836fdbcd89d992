"""Damaged module files and archives, machines that lack something, panic: each gets one
clear line and an error, and nothing leaks."""

import re
import shutil
import struct
import tarfile

import pytest

from accounts import ask, assert_back, lines, used
from machine import BUILD, ESCAPES, PANICKED, run

ARCHIVE = f"{BUILD}/modules.tar"


# -- damaged module files --------------------------------------------------------------------


class Object:
    """A relocatable object to be damaged (System V ABI, chapter 4: header and sections;
    i386 supplement: relocations)."""

    HEADER = dict(klass=("B", 4), data=("B", 5), version=("B", 6), type=("<H", 16), machine=("<H", 18),
                  shoff=("<I", 32), ehsize=("<H", 40), shentsize=("<H", 46), shnum=("<H", 48),
                  shstrndx=("<H", 50))
    SECTION = dict(name=0, type=4, flags=8, addr=12, offset=16, size=20, link=24, info=28, align=32,
                   entsize=36)
    SYMTAB, REL = 2, 9

    def __init__(self, name):
        with tarfile.open(ARCHIVE) as archive:
            self.bytes = bytearray(archive.extractfile(f"{name}.ko").read())

    def header(self, field, value=None):
        form, at = self.HEADER[field]
        return self.word(form, at, value)

    def word(self, form, at, value=None):
        if value is None:
            return struct.unpack_from(form, self.bytes, at)[0]
        struct.pack_into(form, self.bytes, at, value)
        return value

    def section(self, index, field, value=None):
        return self.word("<I", self.header("shoff") + 40 * index + self.SECTION[field], value)

    def find(self, name):
        for i in range(self.header("shnum")):
            at = self.section(self.header("shstrndx"), "offset") + self.section(i, "name")
            if self.bytes[at:].split(b"\0", 1)[0] == name.encode():
                return i
        raise KeyError(name)

    def of_type(self, kind):
        return next(i for i in range(self.header("shnum")) if self.section(i, "type") == kind)

    def replace(self, old, new):
        assert len(old) == len(new) and old in self.bytes
        self.bytes = self.bytes.replace(old, new)


def header(field, value):
    return lambda o: o.header(field, value)


def section(name, field, value):
    return lambda o: o.section(o.find(name) if isinstance(name, str) else o.of_type(name), field, value)


def in_section(name, form, offset, value):
    """A word inside the section's bytes."""
    def damage(o):
        index = o.find(name) if isinstance(name, str) else o.of_type(name)
        o.word(form, o.section(index, "offset") + offset, value)
    return damage


def cut(size):
    def damage(o):
        del o.bytes[size if size >= 0 else len(o.bytes) + size:]
    return damage


def overlap(o):
    o.section(o.find(".rodata"), "offset", o.section(o.find(".text"), "offset"))


def replace(old, new):
    return lambda o: o.replace(old, new)


def both(one, other):
    return lambda o: (one(o), other(o))


# What is done to null.ko, and what the loader must say of it.
DAMAGED = {
    "empty": (cut(0), "truncated: 0 bytes are no ELF header"),
    "short": (cut(51), "truncated: 51 bytes are no ELF header"),
    "half": (lambda o: cut(len(o.bytes) // 2)(o), r"truncated: section table at 0x\w+, the file has 0x\w+"),
    "tailless": (cut(-1), r"truncated: section table at 0x\w+, the file has 0x\w+ bytes"),
    "magic": (replace(b"\x7fELF", b"#!/b"), "not an ELF file"),
    "class64": (header("klass", 2), "a 64-bit object; build it for i386"),
    "class7": (header("klass", 7), "header: unknown class 7"),
    "bigendian": (header("data", 2), "header: not little-endian"),
    "version": (header("version", 9), "header: unknown ELF version 9"),
    "machine": (header("machine", 62), r"built for machine 62, not for i386 \(3\)"),
    "exec": (header("type", 2), r"header: type 2, not a relocatable object \(1\)"),
    "ehsize": (header("ehsize", 64), "header: says it has 64 bytes instead of 52"),
    "shentsize": (header("shentsize", 64), "header: section headers of 64 bytes instead of 40"),
    "nosections": (header("shnum", 0), "header: 0 sections"),
    "shoff": (header("shoff", 0xfffffffc), "truncated: section table at 0xfffffffc"),
    "shodd": (header("shoff", 53), "header: section table at odd place 0x35"),
    "shstrndx": (header("shstrndx", 0xffff), "section names: section 65535 is no string table"),
    "name": (section(".text", "name", 0x7fffffff), r"section \d+: name at 0x7fffffff, beyond the table"),
    "beyond": (section(".text", "size", 0x7fffffff), r"section \d+ \(.text\): 0x7fffffff bytes at 0x"),
    "wraps": (section(".text", "offset", 0xfffffff0), r"section \d+ \(.text\): 0x\w+ bytes at 0xfffffff0"),
    "overlap": (overlap, r"section \d+ \(\.\w+\) overlaps section \d+ in the file at 0x"),
    "align": (section(".text", "align", 3), r"section \d+ \(.text\): alignment 3 is no power of two"),
    "wx": (section(".text", "flags", 7), r"section \d+ \(.text\): writable and executable; W\^X"),
    "nosymbols": (section(Object.SYMTAB, "type", 1), "no symbol table; was it stripped\\?"),
    "symbolname": (in_section(Object.SYMTAB, "<I", 16, 0x10000000), "symbol 1: name at 0x10000000"),
    "symbolhome": (in_section(Object.SYMTAB, "<H", 16 + 14, 0xfe00), r"symbol 1 .*: in section 65024, there"),
    "relplace": (in_section(".rel.init.text", "<I", 0, 0x100000),
                 r"relocation 0 of section \d+ \(.rel.init.text\): at 0x100000, its target has 0x"),
    "relwrap": (in_section(".rel.init.text", "<I", 0, 0xfffffffe),
                r"relocation 0 of section \d+ \(.rel.init.text\): at 0xfffffffe, its target has 0x"),
    "relsymbol": (in_section(".rel.init.text", "<I", 4, 0xffffff01), "relocation 0 of .*: names no symbol"),
    "reltype": (in_section(".rel.init.text", "<B", 4, 99), r"relocation 0 of .*: type 99 \(unknown\) is not"),
    "undefined": (replace(b"chrdev_register\0", b"chrdev_regretted"[:15] + b"\0"),
                  "undefined symbol chrdev_regrette"),
    "abi": (replace(b"quiesce-2", b"squeeze-2"), "built for ABI squeeze-2, this kernel has quiesce-2"),
    "noabi": (replace(b".stamp\0", b".stomp\0"), "no ABI stamp; a module includes module/api.h"),
    "linux": (both(replace(b".stamp\0", b".stomp\0"), replace(b"license=MIT\0", b"vermagic=61\0")),
              "a module of Linux 61, whose functions this kernel does not have"),
}


def test_damaged_module_files(boot, tmp_path):
    options = []
    for name, (damage, _) in DAMAGED.items():
        o = Object("null")
        damage(o)
        (tmp_path / f"{name}.ko").write_bytes(o.bytes)
        options += ["--module", str(tmp_path / f"{name}.ko")]
    m = boot("--direct", *options, cpus=4)
    before = used(m)
    for name, (_, complaint) in DAMAGED.items():
        result = ask(m, f"insmod {name}")
        assert result.status == ("ENOENT" if name == "undefined" else "ENOEXEC"), (name, result)
        assert re.fullmatch(rf"insmod: {name}: {complaint}.*\n", result.output), (name, result)
        # modinfo reads the same file; these are sound as files.
        result = ask(m, f"modinfo {name}")
        if name in ("undefined", "abi", "noabi", "linux"):
            assert result.status == "ok" and "description:" in result.output
        else:
            assert result.status == "ENOEXEC", (name, result)
            assert re.fullmatch(rf"modinfo: {name}: {complaint}.*\n", result.output), (name, result)
    assert_back(m, before)
    # A sound one still goes in and out.
    lines(m, "insmod null; dev write null x; rmmod null")
    assert_back(m, before)


def test_two_of_a_name(boot, tmp_path):
    """A file beside the archive's hides it; a module that offers what another has offered
    already is refused as a whole."""
    shutil.copyfile(f"{BUILD}/modules/null.ko", tmp_path / "other.ko")
    shutil.copyfile(f"{BUILD}/modules/mathlib.ko", tmp_path / "mathlib2.ko")
    shutil.copyfile(f"{BUILD}/modules/null.ko", tmp_path / "Not A Name.ko")
    m = boot("--direct", "--module", str(tmp_path / "other.ko"), "--module", str(tmp_path / "mathlib2.ko"),
             "--module", str(tmp_path / "Not A Name.ko"), cpus=4)
    assert re.search(r"boot archive: Not A Name\.ko is no name of a module or program .*; left out", m.boot_text)
    lines(m, "insmod null; insmod mathlib")
    before = used(m)
    result = ask(m, "insmod null")
    assert (result.status, result.output) == ("EEXIST", "insmod: null: is loaded already\n")
    result = ask(m, "insmod other")         # the same device
    assert result.status == "EEXIST" and result.output.startswith("insmod: other: init failed: EEXIST")
    result = ask(m, "insmod mathlib2")      # the same symbols
    assert result.status == "EEXIST" and re.match(r"insmod: mathlib2: .*math_", result.output), result
    assert_back(m, before)


def test_failing_init_and_bad_parameters(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    for step in range(1, 8):
        result = ask(m, f"insmod labrat thread=1 fail_at={step}")
        assert (result.status, result.output) == (
            "EIO", "insmod: labrat: init failed: EIO (input/output error)\n")
        assert_back(m, before)
    for params, status, complaint in (
        ("rtc hz=fast", "EINVAL", r'parameter hz: "fast" is not a number from 0 on'),
        ("rtc hz=-1", "EINVAL", r'parameter hz: "-1" is not a number from 0 on'),
        ("rtc hz=99999999999", "ERANGE", "parameter hz: 99999999999 does not fit in 32 bits"),
        ("rtc hz=", "EINVAL", r'parameter hz: "" is not a number'),
        ("rtc hz", "EINVAL", "parameter hz: needs a value: hz=..."),
        ("rtc =1", "EINVAL", "no parameter is called"),
        ("rtc colour=red", "EINVAL", "no parameter is called colour; `modinfo` lists them"),
        ("labrat thread=perhaps", "EINVAL", r'parameter thread: "perhaps" is not y or n'),
        ("labrat fail_at=1.5", "EINVAL", r'parameter fail_at: "1.5" is not a whole number'),
        ("null x=1", "EINVAL", "no parameter is called x"),
    ):
        result = ask(m, f"insmod {params}")
        assert result.status == status, (params, result)
        assert re.fullmatch(rf"insmod: {params.split()[0]}: {complaint}.*\n", result.output), (params, result)
    # The driver itself says what it lacks.
    result = ask(m, "insmod rtc hz=3")
    assert result.status == "EINVAL" and "rtc: hz=3: must be a power of two from 2 to 8192" in result.output
    result = ask(m, "insmod uart port=0x2f8 irq=3")
    assert result.status == "ENODEV" and "uart: no 16550 at port 0x2f8" in result.output
    result = ask(m, "insmod uart irq=77")
    assert result.status not in ("ok", "ENODEV"), result
    assert_back(m, before)


# -- damaged boot archives ---------------------------------------------------------------------


def damaged_archive(how):
    with open(ARCHIVE, "rb") as f:
        data = bytearray(f.read())
    if how == "half a header":
        del data[200:]
    elif how == "cut in a file":
        del data[1024:]
    elif how == "wrong checksum":
        data[0] ^= 1
    elif how == "size beyond":
        data[124:136] = b"77777777777\0"
        data[148:156] = b"        "
        data[148:156] = b"%06o\0 " % sum(data[:512])        # ustar: the sum of the header's bytes
    elif how == "empty":
        data = bytearray(10240)
    return bytes(data)


@pytest.mark.parametrize("how", ["half a header", "cut in a file", "wrong checksum", "size beyond"])
def test_damaged_boot_archive(tmp_path, how):
    """Nothing of it is used, not even the first program."""
    (tmp_path / "modules.tar").write_bytes(damaged_archive(how))
    done = run("--direct", "--archive", str(tmp_path / "modules.tar"), "-c", "lsmod")
    assert done.status == PANICKED
    complaints = re.findall(r"^boot archive corrupt: modules\.tar, at byte \d+ of \d+; ", done.output, re.M)
    assert len(complaints) == 1
    assert "panic: init, the first program: the boot archive has no such program; give modules.tar" in done.output


@pytest.mark.parametrize("how", ["empty", "none"])
def test_no_boot_archive(tmp_path, how):
    (tmp_path / "modules.tar").write_bytes(damaged_archive("empty"))
    archive = str(tmp_path / "modules.tar") if how == "empty" else ""
    done = run("--direct", "--archive", archive, "-c", "lsmod")
    assert done.status == PANICKED
    assert "panic: init, the first program: the boot archive has no such program" in done.output
    assert (how == "none") == ("boot archive missing" in done.output)


def test_no_shell_in_the_boot_archive(tmp_path):
    """What init cannot start at boot it names, and the machine does not just sit there."""
    without = tmp_path / "modules.tar"
    with tarfile.open(ARCHIVE) as full, tarfile.open(without, "w", format=tarfile.USTAR_FORMAT) as out:
        for member in full.getmembers():
            if member.name != "shell":
                out.addfile(member, full.extractfile(member))
    done = run("--direct", "--archive", without, "-c", "lsmod")
    assert done.status == PANICKED
    assert "\ninit: shell, which is started at boot: ENOENT\n" in done.output
    assert "\npanic: init, the first program, has ended: ENOENT\n" in done.output


# -- machines ----------------------------------------------------------------------------------


def test_more_cpus_than_supported():
    commands = "cpus; modprobe primes; rmmod -t 30s primes mathlib"
    done = run("--direct", "--smp", "72", "-c", commands, cpus=None)
    assert done.status == 0
    assert "\n72 CPUs in this machine, 64 is the most that Quiesce uses\n64/64 CPUs\n" in done.output
    assert len(re.findall(r"^ *\d+ +\d+ +\d+ +\d+ +\d+ +\d+$", done.output, re.M)) == 64


def test_small_memory():
    """64 MiB are plenty; with 48 CPUs in 5 MiB it says it when no more fits, and goes on."""
    done = run("--direct", "--mem", "64", "-c", "tour; torture -t 500ms")
    assert done.status == 0
    assert "0 uses after unload, no leaks" in done.output
    done = run("--direct", "--tests", "--mem", "64", "-c", "test -l; test mm_ load_ sched_thousand")
    assert done.status == 0
    assert re.search(r"^\d\d passed, 0 failed, \d skipped on 4 CPUs$", done.output, re.M)
    load_all = "; ".join(f"modprobe {name}" for name in (
        "average", "primes", "uart", "ps2kbd", "rtc", "pci", "pcspkr", "zero", "null", "labrat"))
    done = run("--direct", "--mem", "5", "-c", f"{load_all}; hammer -n 64; mem; cpus", cpus=48)
    assert done.status == 12                # ENOMEM
    assert re.search(r"^(hammer|modprobe): .*no memory", done.output, re.M)
    assert len(re.findall(r"^ *\d+ +\d+ +\d+ +\d+ +\d+ +\d+$", done.output, re.M)) == 48


def test_too_little_memory():
    """64 CPUs in 2 MiB: a panic that says so, not a triple fault."""
    done = run("--direct", "--mem", "2", "--smp", "64", "-c", "cpus", cpus=None)
    assert done.status == PANICKED
    reasons = re.findall(r"^panic: .*", done.output, re.M)
    assert len(reasons) == 1 and re.search("no (memory|room)", reasons[0])


def test_one_cpu_of_many():
    done = run("--direct", "--append", "maxcpus=1", "-c", "cpus; tour", cpus=None)
    assert done.status == 0 and "\n1/4 CPUs\n" in done.output


ODD_OPTIONS = {
    "unload=nonsense": "no such strategy, using trap; `strategy` lists them",
    "unload=" + "x" * 56: "unload= wants 1 to 15 characters; ignored",
    "seed=": "seed= wants a number from 0 to 4294967295; ignored",
    "seed=many": "seed= wants a number from 0 to 4294967295; ignored",
    "maxcpus=0": "maxcpus= wants a number from 1 to 64; ignored",
    "maxcpus=x": "maxcpus= wants a number from 1 to 64; ignored",
    "clock=sundial": "clock= wants hpet, pm or pit; ignored",
    "monitor=x": "monitor= wants on or off; ignored",
    "lab=1": "lab takes no value; ignored",
    "init=": "init= wants 1 to 23 characters; ignored",
    "maxcpu=1": "the kernel has no such option; ignored. It has: ",
    "no-such-option": "the kernel has no such option; ignored. It has: ",
}


@pytest.mark.parametrize("loader", [["--direct"], []], ids=["direct", "grub"])
def test_odd_kernel_options(loader):
    """Each is named, in a line of its own; the kernel's path, which QEMU puts first, is not."""
    # The last unload= is the one that counts.
    options = sorted(ODD_OPTIONS, key=lambda option: option == "unload=nonsense")
    done = run(*loader, "--append", " ".join(options), "-c", "insmod null; rmmod null", cpus=4)
    assert done.status == 0
    for option, said in ODD_OPTIONS.items():
        assert f"\n{option}: {said}" in done.output, option
    assert done.output.count("; ignored") == len(ODD_OPTIONS) - 1
    unknown = re.search(r"^maxcpu=1: .* It has: (.*)$", done.output, re.M).group(1).split()
    assert {"clock", "init", "lab", "maxcpus", "run", "unload"} <= set(unknown)


# -- panic -------------------------------------------------------------------------------------


def idle_cpus(text):
    """Of the line that they share."""
    return [int(cpu) for line in re.findall(r"^idle: CPU( [\d ]+)$", text, re.M) for cpu in line.split()]


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_panic_shows_every_cpu(cpus):
    """The one that panicked last, with what it had said at once; the others before it."""
    done = run("--direct", "-c", "modprobe primes; hammer primes; sleep 50ms; panic", cpus=cpus)
    assert done.status == PANICKED
    output = ESCAPES.sub("", done.output)
    others, own = re.split(r"^CPU \d+ \(task panic\) panicked: asked for at the prompt\n", output, flags=re.M)
    me = int(re.search(r"^CPU (\d+) \(task panic\) panicked", output, re.M).group(1))
    assert re.match(r"  c\w{7} panic_run\+0x\w+\n  c\w{7} shell_run_line\+0x", own)
    _, others = others.split("panic: asked for at the prompt\n")
    busy = re.split(r"^CPU (?=\d)", others, flags=re.M)[1:]
    for other in busy:
        assert re.match(r"\d+ \(task [\w/]+\):\n", other)
        assert re.search(r"^  eip \w{8}  esp \w{8}  ebp \w{8}", other, re.M)
        assert re.search(r"^  \w{8} \w+\+0x\w+", other, re.M), "no backtrace:\n" + other
    seen = [me] + [int(re.match(r"\d+", other).group()) for other in busy] + idle_cpus(others)
    assert sorted(seen) == list(range(cpus))
    assert output.endswith("quiesce: exit status 125\n")


def test_panic_names_modules():
    """Sixteen tasks look for prime numbers: at the instant of one of these panics, one of
    them does so on some CPU."""
    for _ in range(8):
        done = run("--direct", "-c", "modprobe primes; hammer -n 16 primes; sleep 50ms; panic")
        assert done.status == PANICKED
        if re.search(r"^  e\w{7} \w+\+0x\w+ \[(primes|mathlib)\]$", done.output, re.M):
            return
    pytest.fail("no module in eight backtraces of four CPUs")


def test_damaged_help_of_a_program(boot, tmp_path):
    """A program's note is the file's word: lengths that lie, strings without an end."""
    with open(f"{BUILD}/archive/hello", "rb") as f:
        good = f.read()
    note = good.index(b"Quiesce\0") - 12        # name's length, text's length, type
    name_len, length, _ = struct.unpack_from("<3I", good, note)
    assert name_len == 8

    def patched(name, *at_and_bytes):
        data = bytearray(good)
        for at, new in at_and_bytes:
            data[note + at:note + at + len(new)] = new
        path = tmp_path / name
        path.write_bytes(data)
        return ["--module", str(path)]

    silent = "a program that does not say what it does"
    modules = (
        patched("h-good")
        + patched("h-longer", (4, struct.pack("<I", 0xffffffff)))
        + patched("h-name", (0, struct.pack("<I", 0xfffffffc)))
        + patched("h-empty", (4, struct.pack("<I", 0)))
        + patched("h-type", (8, struct.pack("<I", 7)))
        + patched("h-endless", (20, b"x" * length)))
    m = boot("--direct", *modules, cpus=1)
    assert m.lines("help h-good") == m.lines("help hello")
    for name in ("h-longer", "h-name", "h-empty", "h-type"):
        assert m.lines(f"help {name}")[:1] == [f"usage: start {name}"], name
        assert silent in "\n".join(m.lines(f"help {name}")), name
    assert m.lines("help h-endless")[0] == "usage: " + "x" * length
