"""Where the fields of the kernel's structures lie, by GDB from the debugging information."""

import re
import shutil
import subprocess

from .image import Lacking


class Layout:
    """Offsets and sizes of "struct.field" expressions, all asked for at once."""

    def __init__(self, kernel_path, fields):
        gdb = shutil.which("gdb") or shutil.which("gdb-multiarch")
        if not gdb:
            raise Lacking("gdb is missing; remedy: apt-get install gdb")
        ask = [gdb, "-q", "-nx", "-batch"]
        for field in fields:
            struct, _, rest = field.partition(".")
            place = f"((struct {struct} *)0)" + (f"->{rest}" if rest else "[0]")
            ask += ["-ex", f"printf \"%d %d\\n\", (int)&{place}, sizeof({place})"]
        done = subprocess.run(ask + [kernel_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = re.findall(r"^(\d+) (\d+)$", done.stdout, re.M)
        if len(found) != len(fields):
            raise Lacking(f"{kernel_path}: no layout of its structures: {done.stderr.strip()[-200:]}; remedy: make")
        self.places = {f: (int(o), int(s)) for f, (o, s) in zip(fields, found)}

    def offset(self, field):
        return self.places[field][0]

    def size(self, field):
        return self.places[field][1]

    def read(self, memory, address, field):
        """The field of the structure at `address` as a number. memory(address, size): bytes."""
        offset, size = self.places[field]
        return int.from_bytes(memory(address + offset, size), "little")
