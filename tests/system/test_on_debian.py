"""tools/on-debian: what is wrong is named, with a remedy. (What it is for, `make test` in a fresh
Debian, needs a network and an hour: docs/HOSTS.md.)"""

import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import types

import pytest

from machine import LACKING, ROOT

USAGE = 2


def on_debian(folder, *arguments, **environment):
    done = subprocess.run([os.path.join(ROOT, "tools/on-debian"), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180,
                          env={**os.environ, "QUIESCE_DEBIAN": str(folder), **environment})
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments,said", [
    (["trixie"], "COMMAND is missing"),
    (["../trixie", "true"], "no release has the name '../trixie'"),
])
def test_wrong_usage(tmp_path, arguments, said):
    status, output = on_debian(tmp_path, *arguments)
    assert status == USAGE and said in output
    assert not os.listdir(tmp_path)


def test_two_runs_share_packages_and_no_lock(tmp_path):
    """APT locks its folder: the second of two runs at once used to find everything missing."""
    loader = importlib.machinery.SourceFileLoader("on_debian", os.path.join(ROOT, "tools/on-debian"))
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("on_debian", loader))
    loader.exec_module(tool)
    kept = types.SimpleNamespace(packages=str(tmp_path / "kept"))
    for name in ("kept", "one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "kept/old.deb").write_text("old")
    with tool.packages_of(kept, str(tmp_path / "one")) as one, tool.packages_of(kept, str(tmp_path / "two")) as two:
        assert one != two and os.listdir(one) == os.listdir(two) == ["old.deb"]
        for folder in (one, two):
            (pathlib.Path(folder) / "new.deb").write_text("new")
            (pathlib.Path(folder) / "lock").write_text("")
    assert sorted(os.listdir(kept.packages)) == ["new.deb", "old.deb"]


def test_no_system_can_be_made(tmp_path):
    """Port 9 discards; nothing listens there. Whichever of debootstrap, name spaces and the
    mirror is missing, it is named."""
    status, output = on_debian(tmp_path, "trixie", "true", QUIESCE_MIRROR="http://127.0.0.1:9/debian")
    assert status == LACKING and "remedy: " in output
    assert not list(tmp_path.glob("*/run-*"))
