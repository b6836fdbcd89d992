"""GDB: symbols of loaded modules at the addresses where they lie.

`make debug` loads this. Symbols come and go with the modules; `modules-symbols`
brings them up to date by hand (after attaching to a running machine),
`modules-folder FOLDER` says where the .ko files are.
"""

import atexit
import os
import shutil
import struct
import tempfile

import gdb

SHF_ALLOC = 2
SHN_LORESERVE = 0xff00
STB_TYPES = (0, 1, 2)           # no type, object, function


scratch = None                  # folder of copies


def without_addresses(path, data, headers):
    """A copy of the file in which all sections are at 0. GNU ld 2.44 gives some of a
    relocatable file an address (.note.GNU-stack), and GDB takes a file with any for one whose
    sections lie where they should: all of its lines would be counted from .text."""
    global scratch
    if not scratch:
        scratch = tempfile.mkdtemp(prefix="quiesce-gdb-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    copy = bytearray(data)
    for header in headers:
        struct.pack_into("<I", copy, header + 12, 0)            # sh_addr
    path = os.path.join(scratch, os.path.basename(path))
    with open(path, "wb") as f:
        f.write(copy)
    return path


class RelocatableFile:
    """Sections and symbols of a .ko (System V ABI, chapter 4; ELF32, little endian)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        offset, = struct.unpack_from("<I", data, 32)            # e_shoff
        size, count, names = struct.unpack_from("<HHH", data, 46)
        headers = [struct.unpack_from("<10I", data, offset + i * size) for i in range(count)]
        self.path = path
        if any(h[3] for h in headers):
            self.path = without_addresses(path, data, [offset + i * size for i in range(count)])

        def string(table, at):
            start = headers[table][4] + at
            return data[start:data.index(b"\0", start)].decode()

        self.sections = {i: string(names, h[0]) for i, h in enumerate(headers)
                         if h[2] & SHF_ALLOC}
        self.symbols = {}                       # name: (section, offset), names that are unique
        for table in (h for h in headers if h[1] == 2):         # SHT_SYMTAB
            seen = set()
            for at in range(table[4], table[4] + table[5], 16):
                name, value, _, info, _, section = struct.unpack_from("<IIIBBH", data, at)
                name = string(table[6], name)
                if not name or section == 0 or section >= SHN_LORESERVE or info & 15 not in STB_TYPES:
                    continue
                if name in seen:
                    self.symbols.pop(name, None)
                else:
                    self.symbols[name] = (section, value)
                seen.add(name)


def modules():
    """Every struct module in the kernel's list."""
    head = gdb.parse_and_eval("modules")
    module = gdb.lookup_type("struct module")
    offset = next(f.bitpos // 8 for f in module.fields() if f.name == "node")
    at = head["next"]
    while at and at != head.address:
        yield gdb.Value(int(at) - offset).cast(module.pointer()).dereference()
        at = at["next"]


def section_addresses(module, file):
    """Where each section lies: told by any symbol of it that the kernel knows."""
    found = {}
    for i in range(int(module["nr_symbols"])):
        symbol = module["symbol"][i]
        where = file.symbols.get(symbol["name"].string(errors="replace"))
        if where and where[0] in file.sections:
            found.setdefault(file.sections[where[0]], int(symbol["addr"]) - where[1])
    return found


class Symbols:
    def __init__(self):
        self.folders = ["build/modules"]
        self.loaded = {}                        # base address: (name, path)

    def path(self, name):
        for folder in self.folders:
            path = os.path.join(folder, name + ".ko")
            if os.path.exists(path):
                return path
        return None

    def add(self, module):
        name, base = module["owner"]["name"].string(), int(module["owner"]["base"])
        path = self.path(name)
        if base in self.loaded:
            return
        if not path:
            print(f"{name}: no {name}.ko in {', '.join(self.folders)}; see modules-folder")
            return
        file = RelocatableFile(path)
        addresses = section_addresses(module, file)
        if not addresses:
            print(f"{name}: the kernel has no symbol of {path}; is it the file that was loaded?")
            return
        command = f"add-symbol-file {file.path}"
        for section, address in sorted(addresses.items()):
            command += f" -s {section} {address:#x}"
        gdb.execute(command, to_string=True)
        self.loaded[base] = (name, addresses)
        print(f"{name}: symbols at {base:#x}")

    def remove(self, base):
        name, addresses = self.loaded.pop(base)
        text = addresses.get(".text", next(iter(addresses.values())))
        try:
            gdb.execute(f"remove-symbol-file -a {text:#x}", to_string=True)
        except gdb.error:
            pass                                # GDB found no code at that address
        print(f"{name}: symbols removed")

    def update(self):
        there = {int(m["owner"]["base"]): m for m in modules()}
        for base in [b for b in self.loaded if b not in there]:
            self.remove(base)
        for module in there.values():
            self.add(module)


symbols = Symbols()


class ModulesSymbols(gdb.Command):
    """Loads the symbols of all modules in the kernel, removes those of others."""

    def __init__(self):
        super().__init__("modules-symbols", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        try:
            symbols.update()
        except gdb.MemoryError:
            raise gdb.GdbError("modules-symbols: too early: the kernel has not switched paging on, so there "
                               "are no modules; `break module_loaded_for_debugger`, `continue`, then again") from None
        if next(modules(), None) is None:
            print("modules-symbols: no module is loaded")


class ModulesFolder(gdb.Command):
    """modules-folder FOLDER: looks for .ko files there first."""

    def __init__(self):
        super().__init__("modules-folder", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        if argument:
            symbols.folders.insert(0, argument)
        else:
            print("\n".join(symbols.folders))


class At(gdb.Breakpoint):
    """Does something whenever the kernel calls a function with a module, and goes on."""

    def __init__(self, function, action):
        super().__init__(function, internal=True)
        self.silent = True
        self.action = action

    def stop(self):
        try:
            self.action(gdb.selected_frame().read_var("m").dereference())
        except (gdb.error, OSError, ValueError) as e:
            print(f"modules-symbols: {e}")
        return False


def follow(function, action):
    if gdb.lookup_global_symbol(function):
        At(function, action)
    else:
        print(f"the kernel has no {function}(): use modules-symbols after loads and unloads")


def forget(module):
    base = int(module["owner"]["base"])
    if base in symbols.loaded:
        symbols.remove(base)


ModulesSymbols()
ModulesFolder()
# Called by the loader when a module is in place and named, before its init runs.
follow("module_loaded_for_debugger", symbols.add)
follow("module_unmap", forget)
