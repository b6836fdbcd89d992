"""The oracle outside, tools/run --oracle: it agrees with the kernel about which tasks are inside a module that dies.
`make soak PART=oracle` asks it about more of the table."""

import os
import subprocess

from machine import BUILD, ROOT, SCALE, skip_if_lacking


def agree(rows, columns):
    argv = [os.path.join(ROOT, "tests/explorer/agree"), "--build", BUILD, "--rows", rows, "--columns", columns]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120 * SCALE)
    print(done.stdout + done.stderr)
    skip_if_lacking(done.returncode, done.stderr)
    return done


def test_it_agrees_with_the_kernel():
    done = agree("A5", "naive,trap")
    assert done.returncode == 0
    naive, trap, _ = done.stdout.strip().split("\n")
    assert "UAF" in naive and "caller/1), stack" in naive and "(inside)" in naive
    assert "nobody" in trap and "waited" in trap


def test_it_says_what_it_needs():
    done = subprocess.run([os.path.join(ROOT, "tools/run"), "--oracle", "-c", "lsmod"], stdin=subprocess.DEVNULL,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SCALE)
    assert done.returncode == 2 and "--oracle needs --direct and -c" in done.stderr
