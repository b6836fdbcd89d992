"""The prompt: editing a line, what every command answers, and Ctrl-C."""

import json
import os
import re
import threading

from accounts import assert_back, json_lines, used, wait_until
from machine import run

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"
CTRL = {letter: chr(ord(letter) & 0x1f) for letter in "abcdefknpuw"}
CTRL["a"] *= 2              # the first is QEMU's own
BELL = "\a"

COMMANDS = """
    insmod rmmod modprobe lsmod modinfo ps top cpus irqs mem dmesg dev hammer torture graveyard
    sync run reboot poweroff bench strategy help tour panic test cat echo kill sleep
""".split()


def echoed(machine, keys):
    """What `echo` was given after these keys."""
    result = machine.command(keys)
    assert result.status == "ok", (keys, result)
    return result.output.rstrip("\n")


def test_line_editing(boot):
    m = boot("--direct", cpus=4)
    for keys, words in (
        ("echo tow\b\bwo", "two"),
        ("echo tow\x7f\x7fwo", "two"),
        ("echo ac" + LEFT + "b", "abc"),
        ("echo ac" + CTRL["b"] + "b" + CTRL["f"] + "d", "abcd"),
        ("cho x" + HOME + "e" + END + "y", "xy"),
        ("cho x" + CTRL["a"] + "e" + CTRL["e"] + "y", "xy"),
        ("cho x\x1b[1~e\x1b[4~y", "xy"),
        ("cho x\x1bOHe\x1bOFy", "xy"),
        ("echo abXc" + LEFT * 2 + DELETE, "abc"),
        ("echo abXc" + LEFT * 2 + CTRL["d"], "abc"),
        ("no-such" + CTRL["u"] + "echo clean", "clean"),
        ("echo kept lost" + LEFT * 5 + CTRL["k"], "kept"),
        ("echo one two" + CTRL["w"] + "three", "one three"),
        ("echo edge" + LEFT * 30 + RIGHT * 30 + "s", "edges"),
        # Keys that mean nothing leave no trace: Page Up, F5, F1, Ctrl-G, a lone DEL.
        ("\x7fecho \x1b[5~a\x1b[15~b\x1bOP\x07c", "abc"),
        ("echo a;  echo b", "a\nb"),
        ('echo "a;  b"', "a;  b"),
        ("", ""),
        ("   ;; ", ""),
    ):
        assert echoed(m, keys) == words, repr(keys)


def test_history(boot):
    m = boot("--direct", cpus=4)
    for word in ("one", "two", "two"):
        assert echoed(m, f"echo {word}") == word
    assert echoed(m, UP) == "two"
    assert echoed(m, UP * 2) == "one"           # what was repeated is remembered once
    assert echoed(m, UP * 2 + DOWN) == "one"
    assert echoed(m, CTRL["p"] * 2 + CTRL["n"]) == "one"
    assert echoed(m, "echo half" + UP * 3 + DOWN * 5 + " done") == "half done"
    for i in range(40):
        assert echoed(m, f"echo {i}") == str(i)
    assert echoed(m, UP * 100) == "8"           # the oldest of 32
    assert echoed(m, UP + CTRL["w"] + "edited") == "edited"


def test_completion(boot):
    m = boot("--direct", cpus=4)
    assert echoed(m, "ec\tdone") == "done"
    assert echoed(m, "echo x; ec\ty") == "x\ny"
    assert m.command("ins\tua\t").status == "ok"
    assert m.command("modpr\tpri\t").status == "ok"
    assert [line.split()[0] for line in m.lines("lsmod")[1:]] == ["uart", "mathlib", "primes"]
    assert m.command("dev ioctl ua\t2").status == "ok"
    assert m.command("rmm\tprim\t").status == "ok"     # completes what is loaded
    assert m.command("rmm\tmath\t").status == "ok"
    # Several fit: what they share is filled in, then they are listed, and the line goes on.
    m.send("insmod p\t")
    assert m.expect("pci  pcspkr  primes  ps2kbd  ")
    assert m.command("cs\t").status == "ok"
    m.send("insmod zzz\t")
    m.expect(BELL)
    m.send(CTRL["u"] + "zzz\t")
    m.expect(BELL)
    assert m.command(CTRL["u"] + "rmmod uart pcspkr").status == "ok"


def test_ctrl_c_where_nobody_else_runs(boot):
    """On one CPU the tour's own tasks get none before it sleeps, and an interrupted one does not."""
    m = boot("--direct", cpus=1)
    for _ in range(5):
        m.send("tour\r")
        m.expect("1. Drivers are loaded")
        m.send("\x03")
        said = m.wait_for_prompt()
        assert "(EINTR: interrupted)" in said
        for module in [line.split()[0] for line in m.lines("lsmod")[:0:-1]]:
            m.lines(f"rmmod -r -w {module}")


def test_ctrl_c(boot):
    """It drops a line, and ends whatever runs, asleep in a driver or not."""
    m = boot("--direct", cpus=4)

    def interrupt(line, when=None):
        m.send(line + "\r")
        m.expect("\n")
        if when:
            m.expect(when)
        m.send("\x03")
        output = m.wait_for_prompt(30)
        assert echoed(m, "echo alive") == "alive", line
        return output

    m.send("no-such-command\x03")
    assert "^C" in m.wait_for_prompt()
    assert echoed(m, "echo alive") == "alive"
    before = used(m)
    m.lines("insmod uart; insmod rtc")
    interrupt("sleep 1000s")
    interrupt("sleep 1000s; sleep 1000s; echo not-this")
    interrupt("top -n 1000", "NAME (over")
    interrupt("cat uart")
    interrupt("dev read uart")
    m.lines("run cat uart")
    wait_until(m, lambda: [x["open_files"] for x in json_lines(m, "lsmod -j") if x["module"] == "uart"] == [1])
    interrupt("rmmod -w uart", "uart is in use by task")
    m.lines("rmmod -r uart; rmmod rtc")
    # Cut short it still cleans up and counts.
    # (Killed before it is in the kernel it has nothing to say.)
    m.send("torture -t 1000s -s 3 &\r")
    m.expect("move modules and")
    assert "0 uses after unload, no leaks" in interrupt("fg %1")
    interrupt("tour", "by task")
    for module in [line.split()[0] for line in m.lines("lsmod")[:0:-1]]:
        m.lines(f"rmmod -r -w {module}")
    assert_back(m, before)
    # Typed in one breath with Enter, before the line began, it still counts for the line.
    for line in ["sleep 1000s", "sleep 1000s; echo not-this", "cat /dev/none; sleep 1000s"]:
        m.send(f"{line}\r\x03echo behind it\r")
        assert "(EINTR: interrupted)" in m.wait_for_prompt(), line
        assert m.wait_for_prompt().splitlines()[-1] == "behind it", line
    # What was typed while a command ran is not lost.
    m.send("sleep 200ms\recho typed ahead\r")
    m.wait_for_prompt()
    assert m.wait_for_prompt().splitlines()[-1] == "typed ahead"


def paste(machine, lines):
    """All at once, as a terminal does it, while the output is read. Returns that."""
    text = "".join(line + "\r" for line in [*lines, "echo the-$last"])
    sender = threading.Thread(target=machine.console.send, args=(text,), daemon=True)
    sender.start()
    said = machine.expect("\nthe-$last")
    machine.wait_for_prompt()
    sender.join(10)
    assert not sender.is_alive()
    return said


def assert_whole(said, wanted):
    assert not re.search("no such command|not run|usage:", said), said
    assert re.findall(r"^said (\d+) of pasted", said, re.M) == [str(i) for i in range(wanted)]


def test_pasted_lines(boot):
    """None is lost or torn, also those behind a command that runs for longer than it takes to send them,
    be the port polled or the driver's. 2,000 lines (make soak PART=paste) are 64 KiB, more than shell and
    kernel keep together, so the sender has to wait. A line with a hole, or without its end, is not run."""
    many = int(os.environ.get("PASTED_LINES", "60"))
    said = [f"echo said {i} of pasted lines" for i in range(many)]
    m = boot("--direct", cpus=1)
    assert_whole(paste(m, ["sleep 300ms", *said[:30], "lsmod", *said[30:]]), many)
    m.lines("insmod uart")
    assert_whole(paste(m, ["sleep 300ms", *said[:30], "lsmod", *said[30:]]), many)
    os.write(m.console.fileno(), b"echo to\xffrn\r")
    assert "not run: characters of this line were lost" in m.wait_for_prompt()
    assert echoed(m, "echo whole") == "whole"
    m.send("echo " + "x" * 300 + "\r")
    m.expect("not run: a line has at most 255 bytes")
    m.wait_for_prompt()
    assert echoed(m, "echo gr\u00fc\u00dfe\x7fe") == "gr\u00fc\u00dfe"


def test_waiting_is_said_once(boot):
    m = boot("--direct", cpus=1)
    m.lines("insmod uart; run cat uart")
    wait_until(m, lambda: [x["open_files"] for x in json_lines(m, "lsmod -j") if x["module"] == "uart"] == [1])
    m.send("rmmod -w uart\r")
    said = m.expect("is in use by task")
    m.send("\x03")
    said += m.wait_for_prompt()
    assert said.count("rmmod:") == 1, said
    # Dependents are not waited for: the answer is the same twice, and the line is printed once.
    m.lines("modprobe primes")
    refused = m.command("rmmod -w mathlib")
    assert refused.status == "EBUSY" and refused.output.count("rmmod:") == 1, refused


def test_killed_prompt_goes_on(boot):
    m = boot("--direct", cpus=2)
    for task in json_lines(m, "ps -j"):
        if re.match("idle/|worker/|reaper|grace|first", task["name"]):
            refused = m.command(f"kill {task['id']}")
            assert refused.status == "ENOTSUP" and "is the kernel's own and never ends" in refused.output, refused
    shell = [task["id"] for task in json_lines(m, "ps -j") if task["name"] == "shell"]
    m.command(f"kill {shell[0]}")
    assert echoed(m, "echo alive") == "alive"


def test_help_for_every_command(boot):
    m = boot("--direct", cpus=4)
    listed = [line.split()[0] for line in m.lines("help") if re.match(r"  \S", line)]
    assert set(COMMANDS) <= set(listed) and listed == sorted(listed)
    for name in listed:
        usage, *gist = m.lines(f"help {name}")
        assert re.match(rf"usage: {name}( |$)", usage) and gist and all(len(line) >= 4 for line in gist)
        for word in {"TIME", "POINT", "PART", "AUTHORITY"} & set(re.findall("[A-Z]+", usage)):
            assert re.search(rf"^  {word} +\S", "\n".join(gist), re.M), f"{name}: {word} is not explained"
    result = m.command("help no-such")
    assert result.status == "ENOENT" and "`help` lists them" in result.output


def test_help_for_every_program(boot):
    """What each says of itself (PROGRAM_HELP), by name as for commands."""
    m = boot("--direct", cpus=1)
    text = "\n".join(m.lines("help"))
    programs = re.search(r"^Programs:((?: [\w-]+|\n {9})+)$", text, re.M).group(1).split()
    assert {"init", "shell", "parrot", "reader", "rtc-server"} <= set(programs)
    for name in programs:
        usage, *gist = m.lines(f"help {name}")
        assert re.match(rf"usage: (start (-a \S+ )?)?{name}( |$)", usage), usage
        assert gist and "PROGRAM_HELP" not in gist[0], f"{name} says nothing of itself"
    said = m.lines("help parrot")
    assert said == ["usage: start parrot", "a server to be asked, and to be brought down, by `ask`"]
    assert m.lines("help reader")[0] == "usage: reader [-m MOVES] [-o] DEVICE"


def test_help_and_the_commands_agree(boot):
    """The parts that `help` names are those that there are."""
    m = boot("--direct", cpus=1)
    parts = re.search(r"^  PART +(.*);", "\n".join(m.lines("help bench")), re.M).group(1)
    assert m.command("bench strategies none").output.strip().endswith(parts.replace(" or ", ", "))
    wanted = re.search(r"some of (\S+)", m.command("start -a none parrot").output).group(1)
    assert wanted in re.sub(r"\s", "", "".join(m.lines("help start")))      # it is wrapped


def test_wrong_names_and_options(boot):
    """One line that names what is wrong, and an error."""
    m = boot("--direct", cpus=4)
    before = used(m)
    for line, status, text in (
        ("nonsense", "ENOENT", "nonsense: no such command; `help` lists them"),
        ("insmod nonsense", "ENOENT", "insmod: nonsense: no such module in the boot archive"),
        ("insmod " + "n" * 100, "ENOENT", "no such module"),
        ("insmod ../uart", "ok", ""),
        ("insmod uart", "EEXIST", "insmod: uart: is loaded already"),
        ("rmmod uart", "ok", ""),
        ("insmod", "EINVAL", "usage: insmod"),
        ("insmod -x uart", "EINVAL", "unknown option -x"),
        ("modprobe nonsense", "ENOENT", "modprobe: nonsense: no such module"),
        ("modprobe -r nonsense", "ENOENT", "nonsense is not loaded"),
        ("modprobe", "EINVAL", "usage: modprobe"),
        ("rmmod nonsense", "ENOENT", "rmmod: nonsense is not loaded; `lsmod` lists what is"),
        ("rmmod " + "n" * 100, "ENOENT", "at most"),
        ("rmmod", "EINVAL", "usage: rmmod"),
        ("rmmod -x uart", "EINVAL", "unknown option -x"),
        ("rmmod -t", "EINVAL", "-t wants a time"),
        ("rmmod -t soon uart", "EINVAL", "-t wants a time"),
        ("rmmod -t 0s uart", "EINVAL", "-t wants a time"),
        ("lsmod -x", "EINVAL", "unknown option -x"),
        ("modinfo nonsense", "ENOENT", "modinfo: nonsense is not in the boot archive"),
        ("modinfo", "EINVAL", "usage: modinfo"),
        ("ps -x", "EINVAL", "unknown option -x"),
        ("top -n", "EINVAL", "number of rounds"),
        ("top -n many", "EINVAL", "number of rounds"),
        ("cpus -x", "EINVAL", "unknown option -x"),
        ("irqs -x", "EINVAL", "unknown option -x"),
        ("mem -x", "EINVAL", "unknown option -x"),
        ("dmesg -x", "EINVAL", "usage: dmesg"),
        ("dev read nonsense", "ENODEV", "dev: nonsense: there is no such device"),
        ("dev frob nonsense", "EINVAL", "usage: dev"),
        ("dev read", "EINVAL", "usage: dev"),
        ("cat nonsense", "ENODEV", "cat: nonsense: there is no such device"),
        ("hammer -n 0", "EINVAL", "from 1 to 64"),
        ("hammer -n 65", "EINVAL", "from 1 to 64"),
        ("hammer -n", "EINVAL", "from 1 to 64"),
        ("hammer -s", "ENOENT", "it is not running"),
        ("hammer -x", "EINVAL", "unknown option -x"),
        ("torture -s", "EINVAL", "-s wants a number"),
        ("torture -t 3parsecs", "EINVAL", "-t wants a time"),
        ("torture now", "EINVAL", "usage: torture"),
        ("graveyard -x", "EINVAL", "unknown option -x"),
        ("sync frob", "EINVAL", "usage: sync"),
        ("sync hold a-point-with-a-name-that-is-far-too-long-to-be-one", "ENAMETOOLONG", "sync:"),
        ("sync wait nowhere", "ENOENT", "nowhere is not armed"),
        ("sync hold here", "ok", ""),
        ("sync hold here", "EEXIST", "sync: here: exists already"),
        ("sync wait here 1ms", "ETIMEDOUT", "nobody came to here"),
        ("sync wait here long", "EINVAL", "long is not a time"),
        ("sync hold there many", "EINVAL", "many is not a number of hits"),
        ("sync reset", "ok", ""),
        ("run", "EINVAL", "usage: run"),
        ("kill", "EINVAL", "usage: kill"),
        ("kill me", "EINVAL", "not a task's number"),
        ("kill 4000000000", "ESRCH", "there is no task 4000000000"),
        ("kill 99999999999", "EINVAL", "not a task's number"),
        ("reboot now", "EINVAL", "usage: reboot"),
        ("poweroff now", "EINVAL", "from 0 to 123"),
        ("poweroff 124", "EINVAL", "from 0 to 123"),
        ("bench nonsense", "ENOENT", "boot, unload"),
        ("bench -x", "EINVAL", "unknown option -x"),
        ("strategy nonsense", "ENOENT", "strategy: nonsense: no such strategy"),
        ("tour -x", "EINVAL", "usage: tour"),
        ("panic -x", "EINVAL", "usage: panic"),
        ("test nonsense", "ENOENT", "no tests in it"),
        ("sleep", "EINVAL", "sleep: how long?"),
        ("echo \"open", "EINVAL", "not closed"),
        ("echo" + " x" * 40, "E2BIG", "at most 32 words"),
        ("insmod rtc p=" + "x" * 230, "EINVAL", "no parameter is called p"),
    ):
        result = m.command(line)
        assert result.status == status, (line, result)
        assert text in result.output, (line, result)
        if status != "ok" and not line.startswith("test"):
            assert result.output.count("\n") == 1, (line, result)
    assert_back(m, before)


def test_over_long_lines(boot):
    m = boot("--direct", cpus=4)
    typed = "echo " + "x" * 400
    m.send(typed)
    m.expect(BELL)
    assert echoed(m, "") == "not run: a line has at most 255 bytes, and the rest of this one was lost"
    assert echoed(m, "echo alive") == "alive"
    # By the kernel's command line more may come than can be typed.
    done = run("--direct", "-c", "echo " + "y" * 900, cpus=4)
    assert done.status == 0 and "\n" + "y" * 900 + "\n" in done.output
    done = run("--direct", "-c", "echo " + "y" * 1000, cpus=None)
    assert done.status == 2                 # tools/run says so and starts nothing
    assert done.output == ""


def test_every_listing_answers_in_json(boot):
    m = boot("--direct", cpus=4)
    for line in ("cpus -j", "ps -j", "mem -j", "bench -j call"):
        assert all(text.startswith("{") for text in m.lines(line)), line
    m.lines("insmod uart; insmod rtc; modprobe primes; hammer -n 3 rtc")
    assert [cpu["cpu"] for cpu in json_lines(m, "cpus -j")] == [0, 1, 2, 3]
    assert {"shell", "user/2"} <= {task["name"] for task in json_lines(m, "ps -j")}
    assert {line["handlers"] for line in json_lines(m, "irqs -j")} == {"uart", "rtc"}
    modules = {module["module"]: module for module in json_lines(m, "lsmod -j")}
    assert modules["mathlib"]["used_by"] == "primes" and modules["uart"]["state"] == "Live"
    memory, = json_lines(m, "mem -j")
    assert 0 < memory["frames_free"] < memory["frames_total"] and memory["irq_lines"] == 2
    assert json_lines(m, "hammer -s -j")[0]["tasks"] == 3
    gone, = json_lines(m, "rmmod -j primes")
    assert (gone["result"], gone["strategy"], gone["rolled_back"]) == ("ok", "trap", False)
    refused = m.command("rmmod -j nonsense")
    assert refused.status == "ENOENT" and json.loads(refused.output)["result"] == "ENOENT"
    grave = json_lines(m, "graveyard -j")[0]            # the latest
    assert (grave["grave"], grave["unloader"], grave["uses"]) == ("primes", "rmmod", 0)
    report, = json_lines(m, "torture -t 200ms -s 7 -j")
    assert report["seed"] == 7 and report["cpus"] == 4 and report["loads"] > 0
    assert (report["uses_after_unload"], report["leak"]) == (0, False)
    costs = json_lines(m, "bench -j")
    assert {"load an idle module", "unload an idle module", "a yield between two tasks of a CPU"} <= {
        cost["bench"] for cost in costs}
    assert all(cost["unit"] in ("ns", "us") and 0 < cost["median"] <= cost["p99"] <= cost["max"]
               for cost in costs)


def test_listings_for_people(boot):
    m = boot("--direct", cpus=4)
    m.lines("insmod uart")
    assert "4/4 CPUs" in m.lines("dmesg")
    assert len(m.lines("cpus")) == 1 + 4
    assert any("idle/3" in line for line in m.lines("ps"))
    assert m.lines("top -n 1")[0].startswith("  ID  CPU")
    assert re.match(r"  4    4    0x\w\w    [0-3]  \d+ .* uart edge$", m.lines("irqs")[1])
    assert m.lines("mem")[0].endswith("KiB free")
    assert m.lines("dev") == ["uart         uart"]
    assert "    device uart, 0 open" in m.lines("lsmod -v")
    info = "\n".join(m.lines("modinfo uart"))
    for key in ("description", "license", "abi", "parm"):
        assert re.search(rf"^{key}: +\S", info, re.M), info
    # A text screen has 80 columns, and would cut words.
    for line in ("help", "help hazard", "strategy"):
        assert max(map(len, m.lines(line))) < 80
    chosen = [line for line in m.lines("strategy") if line.startswith("* ")]
    assert len(chosen) == 1 and chosen[0].startswith("* trap ")
    assert m.command("strategy trap").status == "ok"
    assert m.lines("graveyard") == ["0 uses after unload"]
    m.lines("rmmod -v uart")
    assert "unloaded by rmmod with trap" in m.lines("graveyard")[0]


def test_jobs_and_sync_points(boot):
    """A task is held inside the kernel at a named place, and let go."""
    m = boot("--direct", cpus=4)
    m.lines("insmod labrat; sync hold labrat:read")
    task = re.search(r"\[task (\d+)\] dev", "".join(m.lines("run dev read labrat 1"))).group(1)
    m.lines("sync wait labrat:read 10s")
    assert any(re.match(r"labrat:read +0 to hold, 1 held", line) for line in m.lines("sync"))
    refused = m.command("rmmod labrat")
    assert refused.status == "EBUSY"
    assert re.match(rf"rmmod: labrat is in use by task {task} \(dev\), open since \d+\.\d s\n$",
                    refused.output)
    m.lines("sync release labrat:read; rmmod -t 10s labrat; sync reset")
    assert m.lines("sync") == []
    m.lines("insmod uart")
    task = re.search(r"\[task (\d+)\] cat", "".join(m.lines("run cat uart"))).group(1)
    m.lines(f"kill {task}; rmmod -t 10s uart")


def test_poweroff_gives_the_status(boot):
    m = boot("--direct", cpus=4)
    m.send("poweroff 5\r")
    assert m.wait_for_end() == 5


def test_reboot_starts_again(boot):
    m = boot("--direct", cpus=4)
    m.lines("insmod uart; insmod ps2kbd")
    m.send("reboot\r")
    assert "4/4 CPUs" in m.wait_for_prompt()
    assert m.lines("lsmod")[1:] == []
