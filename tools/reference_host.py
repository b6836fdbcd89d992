#!/usr/bin/python3
"""Are figures comparable here? One pair of tools makes those of the docs.

    tools/reference_host.py [BUILD]     says it in a line; exit status 0: yes, 1: no

How many instructions something takes depends on the compiler, and under QEMU also on how that
lets CPUs take turns. So exact figures and byte-equal pictures are compared only where the
compiler and the emulator are those of the docs; elsewhere verdicts and shapes are, and figures
only within a factor.
"""

import os
import re
import subprocess
import sys

REFERENCE = {"GCC": "12.2", "QEMU": "7.2"}
SPREAD_HERE, SPREAD_ELSEWHERE = 1.10, 2.0       # by which factor a figure may be off


def compiler(build):
    """What the kernel was built with, as its debug information says: "GCC 12.2"."""
    try:
        with open(os.path.join(build, "quiesce.elf"), "rb") as f:
            text = f.read()
    except OSError:
        return "no kernel"
    gcc = re.search(rb"GNU C\d+ (\d+\.\d+)", text)
    clang = re.search(rb"clang version (\d+\.\d+)", text)
    return f"GCC {gcc[1].decode()}" if gcc else f"clang {clang[1].decode()}" if clang else "unknown compiler"


def emulator():
    for name in ("qemu-system-i386", "qemu-system-x86_64"):     # as tools/run chooses
        try:
            said = subprocess.run([name, "--version"], stdout=subprocess.PIPE, text=True).stdout
        except OSError:
            continue
        return "QEMU " + (re.findall(r"version (\d+\.\d+)", said) or ["unknown"])[0]
    return "no QEMU"


def tools_here(build):
    return f"{compiler(build)}, {emulator()}"


REFERENCE_TOOLS = ", ".join(f"{name} {version}" for name, version in REFERENCE.items())


def is_reference(build):
    return tools_here(build) == REFERENCE_TOOLS


def spread(build):
    """The factor by which a figure of the docs may differ from one taken here."""
    return SPREAD_HERE if is_reference(build) else SPREAD_ELSEWHERE


def line(build):
    if is_reference(build):
        return (f"reference host ({REFERENCE_TOOLS}): figures are compared within "
                f"{SPREAD_HERE - 1:.0%} of the docs, pictures byte for byte")
    return (f"not the reference host ({tools_here(build)}; that has {REFERENCE_TOOLS}): verdicts and "
            f"shapes are compared, figures within a factor of {SPREAD_ELSEWHERE:g}")


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    build = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "build")
    print(line(build))
    return 0 if is_reference(build) else 1


if __name__ == "__main__":
    sys.exit(main())
