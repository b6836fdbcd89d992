"""A tree to put mutants into, and what notices them there."""

import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCALE = float(os.environ.get("TIMEOUT_SCALE", "1"))
LACKING, TIMED_OUT, PANICKED = 126, 124, 125
CHECK_SECONDS, RACE_SECONDS, ALL_SECONDS, BUILD_SECONDS = 20, 60, 120, 600
# Of a tree, what no kernel is built from; of a build, what is not needed to go on building it.
NOT_SOURCES = {".git", "__pycache__", "docs"}
NOT_BUILT_ON = {"mutants", "debug", "fuzz", "unit", "models", "archive"}


class Lacking(Exception):
    """The environment lacks something, which is named."""


# -- a tree to put them into ---------------------------------------------------------------


def update_file(source, target):
    """A new file keeps its time, so that a build that is copied as well fits. One that differs, or has
    been restored since a mutant was applied to it, is newer than what was built from it."""
    if not os.path.exists(target):
        shutil.copy2(source, target)
    elif not filecmp.cmp(source, target, shallow=False):
        shutil.copyfile(source, target)


def update(source, target, leave_out):
    """Makes `target` what `source` is: the tree is copied once, and kept for the next run."""
    os.makedirs(target, exist_ok=True)
    entries = {e.name: e for e in os.scandir(source) if e.name not in leave_out and not e.is_symlink()}
    for gone in set(os.listdir(target)) - set(entries) - leave_out:
        path = os.path.join(target, gone)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    for name, entry in entries.items():
        if entry.is_dir():
            update(entry.path, os.path.join(target, name), leave_out)
        else:
            update_file(entry.path, os.path.join(target, name))


def build_folder(build):
    """Within a tree. Elsewhere the build's own records of what depends on what would not hold."""
    inside = os.path.relpath(build, ROOT)
    return "build" if inside.startswith("..") else inside


def not_sources(build):
    return NOT_SOURCES | {build_folder(build).split("/")[0], "build", "build-debug", "build-races"}


def digest_of_sources(build):
    """Of all that results depend on, but the lists: they count one by one."""
    digest, leave_out = hashlib.sha256(), not_sources(build)
    for folder, inner, files in os.walk(ROOT):
        inner[:] = sorted(set(inner) - leave_out)
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not name.endswith((".list", ".pyc", ".md")):
                with open(path, "rb") as f:
                    digest.update(f"{os.path.relpath(path, ROOT)}\0".encode() + f.read() + b"\0")
    return digest.hexdigest()


class Tree:
    """A copy of the sources with a build of its own, in which one mutant at a time stands."""

    def __init__(self, folder, build):
        self.folder, self.build, self.built = folder, build_folder(build), False
        update(ROOT, folder, not_sources(build))
        if self.build == os.path.relpath(build, ROOT) and not os.path.exists(self.path(self.build)):
            update(build, self.path(self.build), NOT_BUILT_ON)

    def path(self, file):
        return os.path.join(self.folder, file)

    def read(self, file):
        with open(os.path.join(ROOT, file)) as f:
            return f.read()

    def put_in(self, texts):
        for file, text in texts.items():
            with open(self.path(file), "w") as f:
                f.write(text)
        self.built = False

    def restore(self, files):
        self.put_in({file: self.read(file) for file in files})

    def run(self, argv, seconds, **env):
        """Exit status (None: no end) and what it said."""
        keep = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
        try:
            done = subprocess.run(argv, cwd=self.folder, env={**keep, **env}, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=seconds * SCALE)
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode, done.stdout

    def make(self):
        """None, or why it does not build. Once for each mutant, when a check wants a machine."""
        if self.built is True:
            return None
        status, said = self.run(["make", f"BUILD={self.build}", "test-kernel"], BUILD_SECONDS)
        self.built = status == 0
        errors = [line for line in said.split("\n") if re.search(r"error|Error|\*\*\*", line)]
        return None if self.built else (errors or [said[-200:] or "no end"])[0]

    def make_races(self):
        """The same of the build with delays. A path beside the other one, so that it is built anew only once."""
        if self.built != "races":
            status, said = self.run(["make", "RACES=1", "BUILD=build-races", "kernel", "build-races/modules.tar"], BUILD_SECONDS)
            if status:
                return (re.findall(r"^.*(?:error|Error|\*\*\*).*$", said, re.M) or [said[-200:] or "no end"])[0]
            self.built = "races"
        return None

    def race(self, check, seed):
        """Exit status and what a machine with delays said."""
        argv = [self.path("tools/run"), "--build", self.path("build-races"), "--direct", "--deterministic", "--seed",
                str(seed), "--smp", check.options.get("cpus", "4"), "--timeout", str(RACE_SECONDS),
                "-c", check.command().replace("{seed}", str(seed))]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace")
        if done.returncode == LACKING:
            raise Lacking(done.stderr.strip())
        return done.returncode, done.stdout

    def boot(self, check, seconds=CHECK_SECONDS):
        """Exit status and what the machine said."""
        argv = [self.path("tools/run"), "--build", self.path(self.build), "--direct", "--tests",
                *([] if "multi" in check.options else ["--deterministic", "--seed", check.options.get("seed", "1")]),
                "--smp", check.options.get("cpus", "4"), "--timeout", str(seconds), "-c", check.command()]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace")
        if done.returncode == LACKING:
            raise Lacking(done.stderr.strip())
        return done.returncode, done.stdout


# -- what notices ----------------------------------------------------------------------------


class Broken(Exception):
    """It does not build."""


def verdict_of(check, said):
    """None, or what the cell came to if that is not what was expected."""
    for line in said.split("\n"):
        if line.startswith("{") and '"verdict"' in line:
            cell = json.loads(line)
            if (cell["hazard"], cell["strategy"]) == (check.hazard, check.strategy):
                as_expected = cell["verdict"] == check.verdict and all(w in cell["evidence"] for w in check.evidence)
                return None if as_expected else f"{cell['verdict']}: {cell['evidence']}"
    return "no verdict"


def first_complaint(said):
    """The line of a test that failed."""
    found = re.search(r"not so.*: .*|possible deadlock.*|assertion.*|\w+: [a-z ]+: \d+ before, \d+ after", said)
    return found.group(0).strip() if found else "it failed"


def ended_badly(status, said, seconds):
    if status == TIMED_OUT:
        return f"no end in {seconds} s"
    if status == PANICKED:
        found = re.search(r"^panic: [^\n]*", said, re.M)
        return found.group(0).strip() if found else "panic"
    return None


def noticed_on_host(check, tree):
    suite = check.words[0]
    program = tree.path(f"{tree.build}/unit/{suite}")
    status, said = tree.run(["tests/host-cc", "unit", f"tests/unit/{suite}.c", program], BUILD_SECONDS)
    if status:
        raise Broken(said.strip().split("\n")[0])
    build = tree.path(tree.build)
    status, said = tree.run([program, build], CHECK_SECONDS, CMOCKA_MESSAGE_OUTPUT="TAP", BUILD=build)
    if status is None:
        return f"no end in {CHECK_SECONDS} s"
    found = re.search(r"^not ok \d+ (?:- )?(.*)$|^.*(runtime error|ERROR: AddressSanitizer).*$", said, re.M)
    return (found.group(1) or found.group(0) if found else f"exit status {status}") if status else None


def noticed_in_machine(check, tree):
    seconds = ALL_SECONDS if check.kind == "tests" or len(check.words) > 3 else CHECK_SECONDS
    error = tree.make()
    if error:
        raise Broken(error)
    status, said = tree.boot(check, seconds)
    bad = ended_badly(status, said, seconds)
    if bad or check.kind != "cell":
        return bad or (first_complaint(said) if status else None)
    return verdict_of(check, said)


def noticed_by_delays(check, tree):
    """By one of the first seeds. Without the fault all of them pass."""
    error = tree.make_races()
    if error:
        raise Broken(error)
    for seed in range(1, int(check.options.get("seeds", "1")) + 1):
        status, said = tree.race(check, seed)
        bad = ended_badly(status, said, RACE_SECONDS)
        if bad or status:
            return f"seed {seed}: {bad or first_complaint(said)}"
    return None


def refuted(check):
    """By the model's own table; it knows nothing of the tree."""
    done = subprocess.run([os.path.join(ROOT, "tests/models/check"), *check.words], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == LACKING:
        raise Lacking(done.stdout.strip())
    found = re.search(r"^\S.* (trail|clean) +(trail|clean|-) ", done.stdout, re.M)
    return "refutes it" if found and found.group(2) == "trail" else None


def noticed(check, tree):
    """What it says that it should not; None: nothing."""
    if check.kind == "model":
        return refuted(check)
    if check.kind == "race":
        return noticed_by_delays(check, tree)
    return noticed_on_host(check, tree) if check.kind == "unit" else noticed_in_machine(check, tree)
