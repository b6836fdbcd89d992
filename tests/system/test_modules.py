"""The drivers at work, and their way out: idle, in use, under load, at random."""

import datetime
import json
import re

import pytest

from accounts import ask, assert_back, json_lines, lines, loaded, used, wait_until
from machine import ESCAPES, run

DRIVERS = ["null", "zero", "rtc", "pci", "pcspkr", "mathlib", "primes", "average", "uart", "ps2kbd"]
# As `rmmod` without options words it; the task is whoever has the file open.
IN_USE = r"rmmod: {} is in use by task {} \({}\), open since \d+\.\d s\n"


def job(machine, command):
    """Runs it in the background; the number of its task."""
    said = "\n".join(lines(machine, f"run {command}"))     # it may speak before the shell does
    return re.search(rf"^\[task (\d+)\] {command.split()[0]}$", said, re.M).group(1)


# -- each driver is good for something -----------------------------------------------------


def test_rtc(boot):
    m = boot("--direct", cpus=4)
    lines(m, "insmod rtc")
    now = datetime.datetime.now(datetime.timezone.utc)
    clock = datetime.datetime.strptime(lines(m, "dev read rtc")[0], "%Y-%m-%d %H:%M:%S")
    clock = clock.replace(tzinfo=datetime.timezone.utc)
    assert abs(clock - now) < datetime.timedelta(minutes=5)
    assert lines(m, "dev ioctl rtc 2") == ["1024"]
    before = int(lines(m, "dev ioctl rtc 0")[0])
    assert lines(m, "dev ioctl rtc 1") == ["0"]         # waits for a tick
    assert int(lines(m, "dev ioctl rtc 0")[0]) > before
    line, = json_lines(m, "irqs -j")
    assert (line["irq"], line["handlers"]) == (8, "rtc")
    # QEMU signals a tick although the line is up since the last one, so that a handler which was
    # held up by the host between two ticks is called once more, and finds nothing. It cannot find
    # nothing twice running.
    assert 2 * line["unhandled"] <= line["count"] + 1
    lines(m, "rmmod rtc; insmod rtc hz=64")
    assert lines(m, "dev ioctl rtc 2") == ["64"]
    # Without it nobody ticks: the line is free and silent.
    lines(m, "rmmod rtc")
    assert lines(m, "irqs")[1:] == [] and lines(m, "dev") == []


def test_small_devices(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod pci; insmod pcspkr; insmod null; insmod zero")
    bus = lines(m, "dev read pci 512")
    assert bus[0] == "00:00.0 8086:1237 class 0600 host bridge"
    assert any(line.endswith("class 0300 VGA controller") for line in bus)
    assert lines(m, "dev ioctl pci 0") == [str(len(bus))]
    lines(m, 'dev write beep "440 10"')
    assert lines(m, "dev ioctl beep 0") == ["1"]
    assert ask(m, "dev write beep loud").status == "EINVAL"
    assert ask(m, 'dev write beep "1 10"').status == "ERANGE"
    assert lines(m, "dev read zero 4") == ["00 00 00 00"]
    assert lines(m, "dev read null 4") == []
    lines(m, "dev write null anything at all")
    assert ask(m, "dev ioctl null 0").status == "ENOTTY"
    lines(m, "rmmod pci pcspkr null zero")
    assert_back(m, before)


def test_library_with_two_dependents(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "modprobe primes; modprobe average; modprobe average")
    assert loaded(m) == ["mathlib", "primes", "average"]
    assert lines(m, "dev read primes")[:6] == ["2", "3", "5", "7", "11", "13"]
    lines(m, 'dev write average "2 4 4 4 5 5 7 9"')
    assert lines(m, "dev read average") == ["8 numbers, mean 5, deviation 2"]
    refused = ask(m, "rmmod mathlib")
    assert refused.status == "EBUSY"
    assert re.match(r"rmmod: mathlib is used by primes,? average; unload them first\n$", refused.output)
    # Neither patience nor force helps: their code is bound to it.
    assert ask(m, "rmmod -r -f -t 1s mathlib").status == "EBUSY"
    lines(m, "modprobe -r primes")
    assert loaded(m) == ["mathlib", "average"]
    lines(m, "modprobe -r average")
    assert loaded(m) == []
    lines(m, "modprobe average; rmmod average mathlib")
    assert_back(m, before)


def test_console_survives_its_drivers(boot):
    """Serial line and keyboard go on by polling when the drivers leave, and by
    interrupt when they are back."""
    m = boot("--direct", cpus=4)

    def press(*keys):
        m.send("\x01c")                         # QEMU's monitor, and back
        m.expect("(qemu) ")
        m.send("".join(f"sendkey {key}\n" for key in keys))
        m.expect(f"sendkey {keys[-1]}")
        m.send("\x01c")

    def serial_works():
        assert lines(m, "echo by serial line") == ["by serial line"]

    def keyboard_works():
        press("e", "c", "h", "o", "spc", "shift-k", "ret")
        m.expect("\nK\r")
        m.wait_for_prompt()

    def interrupts():
        return {line["handlers"]: line["count"] for line in json_lines(m, "irqs -j")}

    before = used(m)
    serial_works()
    keyboard_works()
    for _ in range(2):
        lines(m, "insmod uart; insmod ps2kbd")
        serial_works()
        keyboard_works()
        counts = interrupts()
        assert counts["uart"] > 0 and counts["ps2kbd"] > 0
        assert int(lines(m, "dev ioctl uart 0 0")[0]) > 20       # received
        assert lines(m, "dev ioctl uart 2") == ["0"]             # its self-test
        assert lines(m, "dev ioctl uart 0 3") == ["0"]           # overruns
        assert int(lines(m, "dev ioctl kbd 0")[0]) > 10
        m.send('dev write uart "by the driver"\r')              # goes out by interrupt, when it likes
        said = m.wait_for_prompt()
        if "\nby the driver" not in said:
            m.expect("by the driver")
        assert ask(m, "insmod uart").status == "EEXIST"
        lines(m, "rmmod uart ps2kbd")
        serial_works()
        keyboard_works()
    assert_back(m, before)


# -- ways out ----------------------------------------------------------------------------


def test_holder_is_named(boot):
    m = boot("--direct", cpus=4)
    lines(m, "insmod uart")
    task = job(m, "cat uart")
    wait_until(m, lambda: json_lines(m, "lsmod -j")[0]["open_files"] == 1)
    lines(m, "sleep 300ms")
    refused = ask(m, "rmmod uart")
    assert refused.status == "EBUSY"
    assert re.fullmatch(IN_USE.format("uart", task, "cat"), refused.output)
    assert float(re.search(r"since ([\d.]+) s", refused.output).group(1)) >= 0.2
    # With a time-out it waits first.
    refused = ask(m, "rmmod -t 300ms uart")
    assert refused.status == "ETIMEDOUT"
    assert re.fullmatch(IN_USE.format("uart", task, "cat"), refused.output)
    assert "uart" in loaded(m)
    # -w waits until the holder leaves.
    lines(m, "sync hold unload:draining")
    unloader = job(m, "rmmod -w uart")
    lines(m, "sync wait unload:draining 10s")
    assert f"task {unloader} (rmmod)" in ask(m, "rmmod uart").output
    m.send("sync release unload:draining\r")
    said = m.wait_for_prompt()
    if "in use by task" not in said:        # for whom it waits; from then on for ever
        m.expect("in use by task")
    ask(m, f"kill {task}")
    wait_until(m, lambda: loaded(m) == [])


def test_revoke_and_force(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    for option in ("-r", "-f"):
        lines(m, "insmod uart; insmod rtc")
        job(m, "cat uart")
        wait_until(m, lambda: json_lines(m, "lsmod -j")[0]["open_files"] == 1)
        m.send(f"rmmod -j -t 20s {option} uart\r")
        said = m.wait_for_prompt()
        assert '"result":"ok"' in said and '"revoked":1' in said
        # Who had it open was sent home, and ends.
        if "ENODEV" not in said:
            m.expect("ENODEV")
        assert ask(m, "dev read uart").status == "ENODEV"
        lines(m, "rmmod rtc")
        assert_back(m, before)
    assert lines(m, "graveyard -c") == ["0 uses after unload"]


def test_who_does_not_leave_rolls_it_back(boot):
    """A reader that does not listen: the module stays, whole, and he is named."""
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod labrat deaf=1 thread=1 busy_timer=1")
    task = job(m, "dev read labrat 2")
    wait_until(m, lambda: json_lines(m, "lsmod -j")[0]["open_files"] == 1)
    for _ in range(5):
        refused = ask(m, "rmmod -v -r -t 300ms labrat")
        assert refused.status == "ETIMEDOUT"
        # A busy host may hold one of our CPUs up.
        if "does not answer" not in refused.output and "did not come to rest" not in refused.output:
            break
    assert re.match(r"rmmod: labrat: task \d+ \(\w+\) is (possibly )?inside, at \w+\+0x\w+ \[labrat\]"
                    r"(, and others)?; still live", refused.output), refused
    assert re.search(rf"^  inside: task {task} \(dev\) on CPU \d, at labrat_read\+0x", refused.output, re.M)
    # All of it goes on: timer, work and thread count.
    assert loaded(m) == ["labrat"]
    for entry in ("timer labrat, armed", "thread labrat", "device labrat", "work labrat"):
        # The timer is not armed while it rings, a thousand times a second.
        wait_until(m, lambda: entry in "\n".join(lines(m, "lsmod -v")))
    m.send(f"kill {task}\r")
    said = m.wait_for_prompt()
    if "EINTR" not in said:
        m.expect("EINTR")
    lines(m, "rmmod -t 20s labrat")
    assert_back(m, before)


def test_what_is_forgotten_is_told_and_taken_back(boot):
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod labrat thread=1 busy_timer=1; sleep 50ms")
    assert any(task["name"] == "labrat" for task in json_lines(m, "ps -j"))
    told = "\n".join(lines(m, "rmmod labrat"))
    for entry in ("timer labrat", "work labrat", "thread labrat", "device labrat", "2 allocations"):
        assert entry in told
    assert_back(m, before)


def test_refusals(boot):
    """What is loading, is going, does not want to go, or is asked twice."""
    m = boot("--direct", cpus=4)
    before = used(m)

    def refused(line, status, pattern):
        result = ask(m, line)
        assert result.status == status, (line, result)
        assert re.fullmatch(pattern + r"\n", result.output), (line, result)

    lines(m, "sync hold load:coming")
    job(m, "insmod zero")
    lines(m, "sync wait load:coming 10s")
    refused("rmmod zero", "EBUSY", "rmmod: zero is still loading: its init has not returned")
    refused("insmod zero", "EEXIST", "insmod: zero: is being loaded already")
    lines(m, "sync release load:coming")
    wait_until(m, lambda: "Live" in lines(m, "lsmod")[1])

    lines(m, "sync hold unload:closed")
    task = job(m, "rmmod zero")
    lines(m, "sync wait unload:closed 10s")
    refused("rmmod zero", "EBUSY", rf"rmmod: zero is being unloaded by task {task} \(rmmod\)")
    refused("insmod zero", "EBUSY",
            rf"insmod: zero: the old one is still being unloaded by task {task} \(rmmod\)")
    # A caller waits at the gate, and can be called back from there.
    m.send("dev read zero 3\r")
    m.expect("\n")
    m.send("\x03")
    assert "EINTR" in m.wait_for_prompt()
    lines(m, "sync release unload:closed")
    wait_until(m, lambda: loaded(m) == [])
    refused("rmmod zero", "ENOENT", "rmmod: zero is not loaded; `lsmod` lists what is")
    lines(m, "sync reset; insmod labrat veto=1")
    refused("rmmod labrat", "EPERM", r"rmmod: labrat says no \(EAGAIN\)")
    lines(m, "rmmod labrat")
    assert_back(m, before)


# -- under load --------------------------------------------------------------------------


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_unload_under_hammer(boot, cpus):
    """Every driver goes while tasks on all CPUs use it, and comes back."""
    m = boot("--direct", cpus=cpus)
    before = used(m)
    for name in DRIVERS:
        lines(m, f"modprobe {name}")
    lines(m, "hammer -n 8; sleep 100ms")
    for name in reversed(DRIVERS):
        result, = json_lines(m, f"rmmod -j -r -t 20s {name}")
        assert result["result"] == "ok" and not result["rolled_back"]
        assert result["broadcasts"] <= 3 * result["tries"] + 3      # a CPU that is late is asked again
    counts, = json_lines(m, "hammer -s -j")
    assert counts["tasks"] == 8 and counts["calls"] > 0
    assert lines(m, "graveyard")[-1] == "0 uses after unload"
    assert_back(m, before)


@pytest.mark.parametrize("cpus", [1, 4])
def test_tour(cpus):
    done = run("--direct", "-c", "tour", cpus=cpus)
    assert done.status == 0
    output = ESCAPES.sub("", done.output)
    assert "\n   0 uses after unload\n" in output
    assert re.search(r"rmmod: \w+ is in use by task \d+ \(\w+\), open since", output)
    for name in DRIVERS:
        assert re.search(rf"^   {name} +out ", output, re.M), name
    took = re.search(r"The tour took ([\d.]+) (m?s)\.", output)
    assert float(took.group(1)) < (60 if took.group(2) == "s" else 60000)


def torture(*options, cpus, seed, time, strategy="trap"):
    done = run("--direct", *options, "-c",
               f"strategy {strategy}; torture -j -s {seed} -t {time}; graveyard; lsmod", cpus=cpus)
    assert done.status == 0
    report, = [json.loads(line) for line in done.output.splitlines() if line.startswith('{"seed"')]
    assert (report["seed"], report["cpus"], report["strategy"]) == (seed, cpus, strategy)
    assert (report["uses_after_unload"], report["leak"]) == (0, False)
    assert min(report["loads"], report["unloads"], report["calls"]) > 0
    assert "\n0 uses after unload\n" in done.output
    return done.output


@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
def test_torture(cpus):
    torture(cpus=cpus, seed=cpus, time="1s")


@pytest.mark.parametrize("strategy", ["census", "young"])
def test_torture_under_other_strategies(strategy):
    """What both promise of calls into drivers that are in their open files, timers and threads."""
    torture(cpus=4, seed=9, time="1s", strategy=strategy)


def test_tour_and_torture_on_bochs():
    """Another machine, that changes CPUs every few instructions."""
    done = run("--on", "bochs", "-c", "tour; torture -t 300ms -s 5; graveyard", cpus=4, timeout=200)
    assert done.status == 0
    assert "0 uses after unload, no leaks" in done.output and "\n0 uses after unload\n" in done.output


def test_torture_by_seed():
    """Four CPUs: the same seed is the same run, byte for byte; another seed is another
    interleaving, of tasks that draw the same numbers."""
    def output(machine_seed):
        return torture("--deterministic", "--seed", str(machine_seed), cpus=4, seed=1, time="200ms")

    runs = [output(machine_seed) for machine_seed in (1, 2, 3)]
    assert len(set(runs)) == 3
    assert output(2) == runs[1]


@pytest.mark.parametrize("cpus", [1, 4])
def test_many_files_are_cut_off_in_linear_time(cpus):
    """In instructions: four times as many take four times as long, and some."""
    done = run("--direct", "--tests", "--deterministic", "--seed", "0", "-c", "test files_many", cpus=cpus)
    assert done.status == 0, done.output
    times = re.findall(r"500 files: (\d+) us, 2000 files: (\d+) us", done.output)
    assert times and all(int(many) < 6 * int(few) for few, many in times)


def test_a_module_that_prints_without_end(boot):
    """The prompt can be used, the log says what is left out, and it can be taken out."""
    m = boot("--direct", cpus=2)
    m.send("insmod flood\r")
    m.expect("printk: modules have said 200 lines in a second, flood the last")
    m.expect("lines were left out, the last of them of flood")
    m.send("sleep 1000s\r")            # its echo is torn by what the module says
    m.expect("lines were left out, the last of them of flood")
    m.send("\x03")
    m.expect("(EINTR: interrupted)")
    m.send("rmmod -w flood; echo it is $gone\r")
    m.expect("\nit is $gone")
    m.wait_for_prompt()
    assert "flood" not in "".join(m.lines("lsmod"))


def test_killed_loader_leaves_nothing(boot):
    """init waits for what does not come, and a thread of its runs: the loader is killed, the module goes."""
    m = boot("--direct", cpus=4)
    before = used(m)
    task = job(m, "insmod filer waits=1")
    wait_until(m, lambda: "Loading" in "\n".join(lines(m, "lsmod")))
    lines(m, f"kill {task}")
    wait_until(m, lambda: lines(m, "lsmod")[1:] == [])
    lines(m, "strategy census; strategy trap; insmod filer; rmmod filer")
    assert_back(m, before)
