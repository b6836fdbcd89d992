"""docs/ARCHITECTURE.md lists every lock's rank, every hook and every kernel option that the source has,
and no other. Nothing is booted."""

import os
import re

import pytest

from machine import ROOT

pytestmark = pytest.mark.quick
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def sources(*kinds):
    """(path, text without comments) of the kernel's files."""
    for folder, _, names in os.walk(os.path.join(ROOT, "kernel")):
        for name in names:
            if name.endswith(kinds):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as f:
                    yield os.path.relpath(path, ROOT), COMMENT.sub("", f.read())


def table(head):
    """The rows below the header row that begins so, as lists of cells."""
    with open(os.path.join(ROOT, "docs/ARCHITECTURE.md"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[at + 2:]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def in_backticks(cell):
    return re.findall(r"`(\w+)", cell)


def ranks():
    """RANK_* by name."""
    values = {}
    text = "\n".join(text for _, text in sources(".h"))
    for name, value in re.findall(r"^\s*(RANK_\w+) = (\d+),", text, re.M):
        values[name] = int(value)
    for name, base, add in re.findall(r"^#define (RANK_\w+) \((RANK_\w+) \+ (\d+)\)", text, re.M):
        values[name] = values[base] + int(add)
    return values


def spinlocks():
    """(file, name, rank) of each spin lock that the source defines."""
    values = ranks()
    for path, text in sources(".c", ".h"):
        for match in re.finditer(r"""\b(?:SPINLOCK(?:_IRQ)?\(|spin_init\(&?[^,]+,\ )
                                     ("[^"]+"|\w+),\ (RANK_\w+)(?:\ ([-+])\ (\d+))?[,)]""", text, re.X):
            name, rank, sign, add = match.groups()
            yield path, name.strip('"'), values[rank] + int((sign or "") + (add or "0"))


def test_priorities():
    with open(os.path.join(ROOT, "kernel/sched/task.h"), encoding="utf-8") as f:
        defined = dict(re.findall(r"^#define (PRIO_\w+)\s+(\d+)", f.read(), re.M))
    rows = [re.fullmatch(r"(\d+)(?: `(\w+)`)?", row[0]).groups() for row in table("| priority | tasks")]
    assert {name: value for value, name in rows if name} == defined
    assert [int(value) for value, _ in rows] == sorted((int(value) for value, _ in rows), reverse=True)


def test_lock_ranks():
    rows = {int(row[0]): " ".join(row[1:]).lower() for row in table("| rank |") if row[0].isdigit()}
    assert list(rows) == sorted(rows), "not in rising rank"
    found = list(spinlocks())
    assert len(found) > 15, "the search finds nothing: have the macros changed?"
    for path, name, rank in found:
        assert rank in rows, f"{path}: the lock {name!r} has rank {rank}, which the table lacks"
        if name not in ("n", "name"):               # of wait queues, named by their owners
            words = re.findall(r"\w+", name.lower())
            assert all(word in rows[rank] for word in words), f"{path}: rank {rank} does not name {name!r}"
    # Drivers have locks of their own outside of the kernel.
    assert set(rows) == {rank for _, _, rank in found} | {ranks()["RANK_DEVICE"]}


def test_mutexes():
    text = " ".join(cell for row in table("| rank |") for cell in row)
    for path, source in sources(".c"):
        for name in re.findall(r"struct mutex (\w+) = MUTEX\(", source):
            # What the laboratory locks is below nothing.
            assert f"`{name}`" in text or path.startswith("kernel/shell/"), f"{path}: {name}"


def test_hooks():
    rows = table("| floor | hook |")
    told = {name: row[0] for row in rows for name in in_backticks(row[1])}
    found = {"turnstile": "entry"}                  # a table of functions
    for path, text in sources(".h"):
        for name in re.findall(r"^extern [\w *]+\(\*(\w+)\)\(", text, re.M):
            found[name] = path.split("/")[1]
    assert len(found) > 10, "the search finds nothing"
    assert told == found


def test_kernel_options():
    told = {in_backticks(row[0])[0] for row in table("| option |")}
    told |= {"stay"}                                # in the text beside run=
    found = {name for _, text in sources(".c") for name in re.findall(r"^BOOT_OPTION\((\w+),", text, re.M)}
    assert "maxcpus" in found and told == found
