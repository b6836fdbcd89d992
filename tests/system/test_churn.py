"""All of the module interface, called at random (`torture -i`): ten seeds. `make soak PART=interface` has more."""

import subprocess

from machine import BUILD, ROOT, SCALE, skip_if_lacking


def test_ten_seeds():
    done = subprocess.run([f"{ROOT}/tools/churn", "--build", BUILD, "--seeds", "10", "--time", "200ms"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600 * SCALE)
    skip_if_lacking(done.returncode, done.stdout)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("churn: 10 of 10 seeds clean\n")
