"""tools/on-debian: what is wrong is named, with a remedy. (What it is for, `make test` in a fresh
Debian, needs a network and an hour: docs/HOSTS.md.)"""

import os
import subprocess

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


def test_no_system_can_be_made(tmp_path):
    """Port 9 discards; nothing listens there. Whichever of debootstrap, name spaces and the
    mirror is missing, it is named."""
    status, output = on_debian(tmp_path, "trixie", "true", QUIESCE_MIRROR="http://127.0.0.1:9/debian")
    assert status == LACKING and "remedy: " in output
    assert not list(tmp_path.glob("*/run-*"))
