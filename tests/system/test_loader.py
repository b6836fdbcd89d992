"""What people who write modules met at the loader: each is refused by name, or works."""

import re
import shutil
import subprocess

import pytest

from accounts import ask, json_lines, lines, wait_until
from machine import BUILD, PANICKED, ROOT, run
from test_build import make

SOURCES = {
    "dash-lib": 'M(printk("dash-lib: init\\n"); return 0;)',
    "dash-user": 'M(return 0;)\nMODULE_DEPENDS("dash-lib");',
    "pair": 'M(return 0;)\nMODULE_DEPENDS("mathlib.ko");\nMODULE_DEPENDS("null");',
    "nomem": 'M(printk("nomem: init runs\\n"); return -ENOMEM;)',
    "pointer": 'static int x;\nM(return (int)&x;)',
    "noinit": 'int nothing; int nothing;',
    "purpose": "int purpose = 1;\nMODULE_NO_INIT();",
    "library": 'int shared(void); int shared(void) { return 1; }\nEXPORT_SYMBOL(shared);',
    "slow": 'static uint fail;\nmodule_param(fail, uint);\nM(sleep_ms(1000); return fail ? -ENODEV : 0;)',
    "rate": """static int rate_write(struct file *f, const void *buf, u32 len)
{
	u32 n = ((const char *)buf)[0] - '0';

	(void)f;
	if (n == 1)
		__asm__ volatile("int3");
	if (n == 2)
		__asm__ volatile("ud2");
	if (n == 3)
		__asm__ volatile("fninit");
	printk("rate: divisor %u\\n", 115200 / n);
	return (int)len;
}
static const struct chrdev_ops ops = { .write = rate_write };
M(struct chrdev *d = chrdev_register("rate", &ops, NULL); return IS_ERR(d) ? PTR_ERR(d) : 0;)""",
}
FRAME = """#include "module/api.h"
#define uint u32
#define M(...) static int __init m_init(void) {{ __VA_ARGS__ }} module_init(m_init);
{}
MODULE_LICENSE("MIT");
"""


SOURCES["jump"] = """static void (*volatile nowhere)(void);
static u32 how;
module_param(how, uint);
__attribute__((naked)) static void leaf(void) { __asm__ volatile("push %eax; ud2; pop %eax; ret"); }
static noinline void through(void) { if (how == 1) nowhere(); else leaf(); printk("back\\n"); }
static void tick(void *arg) { (void)arg; through(); printk("back\\n"); }
M(struct timer *t = timer_create("jump", tick, NULL); return IS_ERR(t) ? PTR_ERR(t) : timer_arm(t, NSEC_PER_MSEC);)"""
# More than 200 KiB of names and symbols.
SOURCES["fat"] = "M(return 0;)\n" + "".join(f"__attribute__((used)) static void {'long_' * 30}{n}(void) {{ }}\n" for n in range(1200))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("elsewhere")
    for name, body in SOURCES.items():
        (where / f"{name}.c").write_text(FRAME.format(body))
    built = make(f"BUILD={BUILD}", f"M={where}")
    assert built.returncode == 0, built.stdout
    return where


@pytest.fixture
def machine(boot, folder):
    return boot("--direct", *[word for ko in sorted(folder.glob("*.ko")) for word in ("--module", str(ko))], cpus=2)


def test_names_dependencies_and_init(machine):
    m = machine
    assert lines(m, "insmod dash-user") == ["dash-lib: init"]
    assert lines(m, "modprobe dash-lib; modprobe dash_lib.ko") == []
    assert ask(m, "rmmod dash-lib").output == "rmmod: dash_lib is used by dash_user; unload it first\n"
    lines(m, "modprobe -r dash-user.ko; insmod null.ko; modprobe null.ko; rmmod null.ko")
    assert {line.split()[0] for line in lines(m, "insmod pair; lsmod")[1:]} == {"mathlib", "null", "pair"}
    assert ask(m, "insmod nomem").output == "nomem: init runs\ninsmod: nomem: init failed: ENOMEM (out of memory)\n"
    assert re.fullmatch(r"insmod: pointer: init returned -\d+ \(0xe[0-9a-f]{7}\), not 0 or a negative error; "
                        r"of a pointer return PTR_ERR\(\) if IS_ERR\(\)\n", ask(m, "insmod pointer").output)
    assert ask(m, "insmod noinit").output == ("insmod: noinit: no global function init_module; module_init(fn) "
                                              "makes it, MODULE_NO_INIT() does without\n")
    lines(m, "insmod purpose; rmmod purpose pair null mathlib")
    lines(m, "insmod library; rmmod library")


def test_names_of_the_dead_are_bounded(boot, folder):
    """A machine of 8 MiB loads a module with 200 KiB of names as often as it likes, and still knows the dead."""
    m = boot("--direct", "--module", str(folder / "fat.ko"), "--mem", "8", cpus=1)
    free = []
    for _ in range(3):
        lines(m, "; ".join(["insmod fat; rmmod fat"] * 11))
        free.append(json_lines(m, "mem -j")[0]["frames_free"])
    assert abs(free[1] - free[2]) < 16, free
    assert len([row for row in json_lines(m, "graveyard -j") if row["grave"] == "fat"]) == 32
    lines(m, "graveyard -c")
    assert json_lines(m, "mem -j")[0]["frames_free"] - free[2] < 2048 / 64 + 16


@pytest.mark.parametrize("how, first", [(1, "00000000 0x00000000"), (2, r"\w+ leaf\+0x1 \[jump\]")], ids=["null", "leaf"])
def test_backtrace_from_where_no_frame_is(folder, how, first):
    """A call of NULL, and a function without a frame: the caller is on top of the stack only."""
    done = run("--direct", "--module", str(folder / "jump.ko"), "-c", f"insmod jump how={how}; sleep 9", cpus=1)
    assert done.status == PANICKED
    assert re.search(rf"^  {first}\n  \w+ through\S*\+0x\w+ \[jump\]\n  \w+ tick\+0x\w+ \[jump\]\n", done.output, re.M)


def test_modprobe_waits_for_what_comes_and_goes(machine):
    m = machine
    lines(m, "run modprobe slow fail=1")
    assert ask(m, "modprobe slow").status == "ok"
    assert re.search(r"^slow .* Live ", "\n".join(lines(m, "lsmod")), re.M)
    lines(m, "insmod uart; run cat uart")
    wait_until(m, lambda: [row["open_files"] for row in json_lines(m, "lsmod -j") if row["module"] == "uart"] == [1])
    lines(m, "rmmod -w uart &")
    said = re.compile(r"modprobe: uart: is still being unloaded by task \d+ \(rmmod\)$", re.M)
    wait_until(m, lambda: said.search(ask(m, "modprobe uart").output))


@pytest.mark.parametrize("digit, what", list(enumerate(["divide error", "breakpoint", "invalid opcode", "no FPU available"])))
def test_any_fault_of_a_driver_ends_its_caller_only(machine, digit, what):
    m = machine
    lines(m, "insmod rate")
    assert re.match(rf"rate faulted: {what}, at rate_write\+0x[0-9a-f]+ \[rate\]; task \d+ \(dev\) ends for it. "
                    r"Take the module out: rmmod rate\n", ask(m, f"dev write rate {digit}").output)
    lines(m, "rmmod rate")


def test_files_that_are_no_modules(boot, folder, tmp_path):
    """A local init_module; constructors as before .init_array; link-time optimisation."""
    if not shutil.which("clang"):
        pytest.skip("environment: clang is missing; remedy: apt-get install clang")
    dash = str(folder / "dash-lib.ko")
    subprocess.run(["i686-linux-gnu-objcopy", "--localize-symbol=init_module", dash, tmp_path / "lost.ko"], check=True)
    mathlib = f"{BUILD}/modules/mathlib.ko"      # it exports symbols, and has an init all the same
    subprocess.run(["i686-linux-gnu-objcopy", "--localize-symbol=init_module", mathlib, tmp_path / "lostlib.ko"], check=True)
    source = tmp_path / "ctor.c"
    source.write_text("void prepare(void); __attribute__((constructor)) void prepare(void) { }\n")
    clang = ["clang", "--target=i686-elf", "-ffreestanding", "-c", source, "-o"]
    subprocess.run([*clang, tmp_path / "ctor.ko", "-fno-use-init-array"], check=True)
    subprocess.run([*clang, tmp_path / "bitcode.ko", "-flto"], check=True)
    subprocess.run(["i686-linux-gnu-gcc", "-ffreestanding", "-flto", "-c", source, "-o", tmp_path / "lto.ko"], check=True)
    m = boot("--direct", *[word for ko in sorted(tmp_path.glob("*.ko")) for word in ("--module", str(ko))], cpus=1)
    for lost in "lost", "lostlib":
        assert "no global function init_module" in ask(m, f"insmod {lost}").output
    assert re.search(r"section \d+ \(\.ctors\): constructors are not run; use module_init\(\)", ask(m, "insmod ctor").output)
    assert "LLVM bitcode, no machine code; build it without -flto" in ask(m, "insmod bitcode").output
    assert "compiled for link-time optimisation; build it without -flto" in ask(m, "insmod lto").output


# -- the stamp -------------------------------------------------------------------------------

# What the Makefile has, less what these tests vary.
BASE = ("-std=gnu11 -march=i686 -O2 -ffreestanding -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-common "
        f"-I{ROOT} -I{ROOT}/kernel -I{BUILD}/made -c").split()
RIGHT = ("-fno-stack-protector -fcf-protection=none -fno-omit-frame-pointer -fno-optimize-sibling-calls "
         "-ftrivial-auto-var-init=zero -mgeneral-regs-only").split()
CLANG = "clang --target=i686-elf -Wno-unused-command-line-argument".split()
TAKEN = "-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang"

# What is compiled differently, and the flag that the loader has to name.
BENT = {
    "nothing": ([], None), "small": (["-Os"], None), "plain": (["-O0"], None), "fast": (["-O3"], None), "debug": (["-Og", "-g"], None),
    "frame": (["-fomit-frame-pointer"], "-fomit-frame-pointer"),
    "tail": (["-foptimize-sibling-calls"], "-foptimize-sibling-calls"),
    "regparm": (["-mregparm=3"], "-mregparm"),
    "pops": (["-mrtd"], "-mrtd"),
    "words": (["-ftrivial-auto-var-init=uninitialized"], "-ftrivial-auto-var-init=uninitialized"),
    "wordsmall": (["-ftrivial-auto-var-init=uninitialized", "-Os"], "-ftrivial-auto-var-init=uninitialized"),
    "wordplain": (["-ftrivial-auto-var-init=uninitialized", "-O0"], "-ftrivial-auto-var-init=uninitialized"),
    "cet": (["-fcf-protection=branch"], "-fcf-protection"),
    "guard": (["-fstack-protector-strong"], "-fstack-protector"),
}


def stamped(compiler, folder, tag):
    """Compiles one module in each way; returns options that bring them, and the flag that each shows."""
    source = folder / f"{tag}.c"
    source.write_text(FRAME.format("M(return 0;)"))
    options, wanted = [], {}

    def compile_as(name, flags, flag):
        out = folder / f"{tag}{name}.ko"
        subprocess.run([*compiler, *BASE, *flags, source, "-o", out], check=True)
        options.extend(["--module", str(out)])
        wanted[f"{tag}{name}"] = flag

    for name, (flags, flag) in BENT.items():
        compile_as(name, [*RIGHT, *flags], flag)
    compile_as("vector", [*(f for f in RIGHT if f != "-mgeneral-regs-only"), "-msse2"], "-msse")
    return options, wanted


def test_stamp_names_the_flag(boot, tmp_path):
    """Each flag that the argument about unloads rests on, by two compilers at any level of optimisation."""
    kinds = {"gcc": ["i686-linux-gnu-gcc"]}
    if shutil.which("clang"):
        # clang 16 takes it, later ones refuse it
        takes = subprocess.run([*CLANG, TAKEN, "-x", "c", "-c", "/dev/null", "-o", "/dev/null"], stderr=subprocess.DEVNULL)
        kinds["clang"] = CLANG + ([TAKEN] if takes.returncode == 0 else [])
    options, wanted = [], {}
    for tag, compiler in kinds.items():
        more, flags = stamped(compiler, tmp_path, tag)
        options, wanted = options + more, wanted | flags
    m = boot("--direct", *options, cpus=1)
    for name, flag in wanted.items():
        said = ask(m, f"insmod {name}")
        if flag is None:
            assert said.status == "ok", (name, said)
            continue
        assert re.fullmatch(rf"insmod: {name}: built with (-msse )?{flag}( -m80387)?, which a module must not be; "
                            r"build it with make M=folder\n", said.output), (name, said)
    assert lines(m, "modinfo gccnothing")[-2:] == ["kernels:     any", "this one:    takes it"]
    assert "built with -mrtd" in lines(m, "modinfo gccpops")[-1]


def test_stamp_is_made_of_the_headers(tmp_path):
    """A change that a module can see changes its folder's word, a comment none, another checkout none."""
    def words(change=None):
        copy = tmp_path / "tree"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(f"{ROOT}/kernel", copy / "kernel")
        shutil.copytree(f"{ROOT}/lib", copy / "lib")
        if change:
            path, old, new = change
            text = (copy / path).read_text()
            assert old in text
            (copy / path).write_text(text.replace(old, new, 1))
        text = subprocess.run([f"{ROOT}/tools/abi", "kernel/module/api.h"], cwd=copy, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        return dict(word.split(":") for word in re.search(r'"(.*)"', text).group(1).split())

    with open(f"{BUILD}/made/module_headers.h", encoding="utf-8") as f:
        built = dict(word.split(":") for word in re.search(r'"(.*)"', f.read()).group(1).split())
    assert words() == built
    assert words(("kernel/sched/sched.h", "#pragma once", "#pragma once\n/* Another\n word. */")) == built
    changed = words(("kernel/sched/sched.h", "#pragma once", "#pragma once\nextern int one_more;"))
    assert {folder for folder in built if changed[folder] != built[folder]} == {"sched"}
