"""One row: a machine is started, followed to its prompt or its last line, and its screen is read.

The kernel gets no commands: it stays at the prompt, or in the monitor of a panic, while the picture is taken. Bochs and
v86, whose screens cannot be read from outside, run the command `cpus` and end."""

import io
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from . import screen

PROMPT, MONITOR = "quiesce> ", "monitor> "
CPUS_LINE = re.compile(r"^(\d+)/(\d+) CPUs$", re.M)
# What ends a boot: of a panic its first line; of the first instructions all that they say.
LAST_WORDS = re.compile(r"^(?:panic: |Quiesce: this CPU )(.*)$", re.M)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")
SCREEN_PATIENCE = 5                     # s, for the screen to show what the serial line has said


class Monitor:
    """QEMU's machine protocol (docs/interop/qmp-spec of QEMU)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()           # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """Its answer; None: an error."""
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                return answer.get("return")
        return None

    def close(self):
        self.lines.close()
        self.socket.close()


def options(runner, row, build, *more):
    """tools/run's, which says itself what is wrong with them."""
    opt = runner.parse_arguments([*row.options, "--build", build, *more])
    opt.handed, opt.folder = {}, None
    return opt


def qemu_argv(runner, row, opt, work):
    argv = runner.qemu_command(opt, work, runner.kernel_options(opt))
    if row.disk:
        at = argv.index("-cdrom")
        iso = argv[at + 1]
        argv[at:at + 4] = []            # and -boot d
        argv += shlex.split(row.disk.format(iso=runner.value(iso)))
    return argv + ["-no-reboot", "-monitor", "none", "-serial", "stdio",
                   "-qmp", f"unix:{runner.value(work)}/qmp,server=on,wait=off"]


class Serial:
    """What the guest has said since its banner."""

    def __init__(self, pipe):
        self.pipe, self.raw = pipe, b""

    def read(self, seconds):
        """False: nothing came; None: the other end is closed."""
        if not select.select([self.pipe], [], [], max(seconds, 0))[0]:
            return False
        data = os.read(self.pipe.fileno(), 65536)
        self.raw += data
        return True if data else None

    def text(self):
        at = self.raw.find(b"Quiesce:")
        return ESCAPES.sub("", self.raw[at:].decode(errors="replace")) if at >= 0 else ""

    def at_end(self, runner):
        return self.text().endswith((PROMPT, MONITOR)) or runner.REFUSAL.search(self.text().encode())


def follow(runner, serial, deadline):
    """"end": the prompt, the monitor of a panic or a refusal; "gone", "timeout"."""
    while time.monotonic() < deadline:
        if serial.read(min(1, deadline - time.monotonic())) is None:
            return "gone"
        if serial.at_end(runner):
            return "end"
    return "timeout"


def look(monitor, work, font):
    """What kind of screen there is, and its lines. None: none."""
    picture = f"{work}/screen.ppm"
    if monitor.ask("screendump", filename=picture) is None:
        return None, []
    with open(picture, "rb") as f:
        data = f.read()
    width, height, _ = screen.read_ppm(data)
    if (width, height) == screen.NO_DISPLAY:
        return None, []
    if (width, height) in screen.TEXT_MODES:
        dump = monitor.ask("human-monitor-command", **{"command-line": "xp /2000hx 0xb8000"})
        return "text 80x25", screen.read_text_memory(dump)
    return f"{width}x{height}", screen.read_picture(data, font)


def shows(lines, words):
    """The words are on the screen, perhaps broken over two lines or more."""
    return re.sub(r"\s", "", words) in re.sub(r"\s", "", "".join(lines))


def wait_for_screen(monitor, work, font, words):
    """The kernel draws behind the serial line, a few rows a tick."""
    end = time.monotonic() + SCREEN_PATIENCE * float(os.environ.get("TIMEOUT_SCALE", "1"))
    while True:
        kind, lines = look(monitor, work, font)
        if not kind or not words or shows(lines, words) or time.monotonic() > end:
            return kind, lines
        time.sleep(0.2)


def judge(row, how, text, kind=None, lines=()):
    """A result: what the row comes to, and whether that is well."""
    cpus = CPUS_LINE.search(text)
    result = {"how": how, "cpus": cpus.group(0).removesuffix(" CPUs") if cpus else "", "screen": kind or "none"}
    last = LAST_WORDS.search(text)
    if last:
        result["end"] = last.group(0).removeprefix("panic: ")
        result["on_screen"] = shows(lines, last.group(0))
        result["ok"] = result["on_screen"] or not kind
    elif text.endswith(PROMPT) or how == "commands ran":
        result["on_screen"] = shows(lines, PROMPT)
        result["ok"] = (result["on_screen"] or not kind) and result["cpus"] == f"{row.cpus}/{row.cpus}"
    else:
        result["ok"] = False
    if not result["ok"]:
        result["said"] = (text[-600:] or "not a word on the serial line")
        result["showed"] = [line for line in lines if line][-12:]
    return result


def boot_qemu(runner, row, build, font, work, deadline):
    opt = options(runner, row, build)
    argv = qemu_argv(runner, row, opt, work)
    with open(f"{work}/stderr", "w+b") as stderr:
        process = runner.start(opt, argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        try:
            serial = Serial(process.stdout)
            how = follow(runner, serial, deadline)
            if how == "gone":
                stderr.seek(0)
                said = stderr.read().decode(errors="replace").strip()
                return judge(row, how, serial.text()) | {"emulator": said[-300:]}
            monitor = Monitor(f"{work}/qmp")
            last = LAST_WORDS.search(serial.text())
            kind, lines = wait_for_screen(monitor, work, font, last.group(0) if last else PROMPT)
            monitor.close()
            return judge(row, how, serial.text(), kind, lines)
        finally:
            runner.end(process)


def boot_other(runner, row, build, work, deadline):
    """By tools/run, with a command."""
    argv = [sys.executable, os.path.join(runner.ROOT, "tools/run"), *row.options, "--build", build, "-c", "cpus",
            "--timeout", str(row.seconds)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace")
    if done.returncode == runner.LACKING:
        raise runner.Stop(runner.LACKING, done.stderr.strip().splitlines()[-1].removeprefix("run: "))
    how = {0: "commands ran", runner.TIMED_OUT: "timeout"}.get(done.returncode, "end")
    return judge(row, how, ESCAPES.sub("", done.stdout)) | {"screen": "not read"}


def boot(runner, row, build, font):
    """The result of a row, as a dict that JSON can take."""
    started = time.monotonic()
    deadline = started + row.seconds * float(os.environ.get("TIMEOUT_SCALE", "1"))
    work = tempfile.mkdtemp(prefix="quiesce-")
    try:
        if row.emulator == "qemu":
            result = boot_qemu(runner, row, build, font, work, deadline)
        else:
            result = boot_other(runner, row, build, work, deadline)
    except runner.Stop as e:
        result = {"how": "lacking" if e.status == runner.LACKING else "error", "ok": None if e.status == runner.LACKING
                  else False, "said": str(e)}
    finally:
        shutil.rmtree(work)
    return {"row": row.key, **result, "seconds": round(time.monotonic() - started, 1)}
