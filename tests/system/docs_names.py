"""Does what a page names in backticks exist? A rule for each kind of name; what no rule knows is
looked up word by word in the sources, without their comments."""

import fnmatch
import functools
import os
import re
import subprocess

from docs_reader import HOST_PROGRAMS, is_host_command
from machine import BUILD, ROOT

TEXT = (".c", ".h", ".asm", ".py", ".pml", ".ld", ".sh", ".cfg", ".in")
TOOLS = ("tools/run", "tools/send", "tools/explore", "tools/hazards", "tools/panic", "tests/models/check")
NO_EVIDENCE = ("tests/system/", "docs/")    # what these say of a name does not make it exist
PLACEHOLDER = re.compile(r"[A-Z]|\d+(ns|us|ms|s)?")


def tree_files():
    """All files of the tree, also where it is no clone."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        return [f for f in listed.stdout.splitlines() if os.path.exists(os.path.join(ROOT, f))]
    return [os.path.relpath(os.path.join(folder, f), ROOT) for folder, folders, files in os.walk(ROOT)
            for f in files if not os.path.relpath(folder, ROOT).startswith(("build", ".git"))]


def without_comments(path, text):
    if path.endswith((".c", ".h", ".pml", ".ld")):
        return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    if path.endswith(".asm"):
        return re.sub(r";[^\n]*", " ", text)
    return re.sub(r"^\s*#[^!][^\n]*", " ", text, flags=re.M)


class Tree:
    """What there is: files, words of the sources, options of the tools."""

    def __init__(self, files=None):
        self.files = files or tree_files()
        self.made_by_pages = set()      # files that a reader writes and builds
        self.text = "\n".join(self._read(f) for f in self.files if self._is_source(f))
        self.words = set(re.findall(r"\w+", self.text))
        self.called = set(re.findall(r"(\w+)\(", self.text))
        self.makefile = self._read("Makefile")
        self.targets = set(re.findall(r"^([\w-]+):", self.makefile, re.M))
        self.errors = set(re.findall(r"define (E\w+)", self._read("lib/errno.h")))

    @staticmethod
    def _is_source(path):
        return not path.startswith(NO_EVIDENCE) and (
            path.endswith(TEXT) or path == "Makefile"
            or "." not in os.path.basename(path) and "corpus" not in path)

    @staticmethod
    @functools.cache
    def _read(path):
        with open(os.path.join(ROOT, path), errors="replace") as f:
            return without_comments(path, f.read())

    @functools.cached_property
    def folders(self):
        return {f.rsplit("/", n)[0] for f in self.files for n in range(1, f.count("/") + 1)}

    def has_file(self, name):
        """"trap.c", "unload/trap.c", "kernel/unload/", "kernel/shell/hazard*.c", "build/quiesce.iso"."""
        pattern = name.rstrip("/")
        if pattern.startswith("build/"):
            return self._is_built(pattern.removeprefix("build/"))
        if any(f == pattern or f.startswith(pattern + "/") for f in self.made_by_pages):
            return True
        paths = self.folders if name.endswith("/") else self.folders.union(self.files)
        if pattern in paths:
            return True
        matching = re.compile("(.*/)?" + fnmatch.translate(pattern))
        return any(matching.match(f) for f in paths)

    def _is_built(self, name):
        """There, or written by the Makefile into its folder: build/bench/N.txt."""
        folder = name.rpartition("/")[0] or name
        return os.path.exists(os.path.join(BUILD, name)) or f"$(BUILD)/{folder}/" in self.makefile

    @functools.cache
    def options_of(self, tool):
        return set(re.findall(r"(?<![\w-])--?\w[\w-]*", subprocess.run(
            [os.path.join(ROOT, tool), "--help"], stdout=subprocess.PIPE, text=True).stdout))


class Names:
    """`usage`: what the prompt's `help NAME` says, by name; programs without one: ''."""

    def __init__(self, tree, usage):
        self.tree, self.usage = tree, usage

    def complaint(self, name):
        """What about it does not exist; None: it does."""
        if is_host_command(name) and name.split()[0] in HOST_PROGRAMS - {"make"}:
            return None                 # it is run
        for pattern, check in RULES:
            if re.match(pattern, name):
                return check(self, name)
        return self.of_words(name)

    # -- one rule each -------------------------------------------------------------------

    def of_error(self, name):
        """EXIT and ENDPOINT are none, but end names that are there."""
        if name.lstrip("-") in self.tree.errors or name[0] != "-" and not self.of_word(name):
            return None
        return "no such error in lib/errno.h"

    def of_make(self, name):
        for word in name.split()[1:]:
            variable = word.partition("=")[0]
            if "=" in word and not re.search(rf"\b{variable}\b", self.tree.makefile):
                return f"the Makefile knows no variable {variable}"
            if "=" not in word and word not in self.tree.targets:
                return f"the Makefile has no target {word}"
        return None

    def of_tool(self, name):
        tool, *words = re.split(r"[\s=]+", re.sub(r"([\"']).*?\1", "", name))
        if not self.tree.has_file(tool):
            return "no such file"
        if tool not in TOOLS:
            return None
        options = [w for w in words if w.startswith("-")]
        return self._unknown(options, self.tree.options_of(tool), f"{tool} has no option")

    def of_tools_options(self, name):
        known = set().union(*map(self.tree.options_of, TOOLS))
        return self._unknown(re.findall(r"--[\w-]+", name), known, "none of the tools has the option")

    def of_short_option(self, name):
        """Of a command of the prompt; longer ones are the compiler's and QEMU's."""
        option = name.split()[0]
        if len(option) > 2:
            known = re.search(rf"(?<![\w-]){re.escape(option)}\b", self.tree.makefile + self.tree._read("tools/run"))
            return None if known else "neither the Makefile nor tools/run has it"
        if any(re.search(rf"(?<!\w){option}\b", text) for text in self.usage.values()):
            return None
        return "no command of the prompt has this option"

    def of_test(self, name):
        """Tests in the kernel: `test entry` runs those whose names begin so."""
        missing = [w for w in name.split()[1:] if f"int test_{w}" not in self.tree.text]
        return f"no test in tests/kernel is called {missing[0]}" if missing else None

    def of_file(self, name):
        return None if self.tree.has_file(name) else "no such file"

    def of_no_file_of_ours(self, name):
        """The preprocessor's word, or a path on the reader's host."""
        return None

    def of_kernel_option(self, name):
        key, _, given = name.partition("=")
        if f'"{key}"' not in self.tree.text and f"BOOT_OPTION({key}," not in self.tree.text:
            return f"the kernel has no option {key}"
        return self.of_word(given) if given.isalnum() else None

    def of_call(self, name):
        function = name.partition("(")[0]
        if "*" in function:
            return self.of_word(function)
        return None if function in self.tree.called else "no such function or macro"

    def of_words(self, name):
        """Commands of the prompt, C, and all else: each word must exist."""
        for command in re.split(r"\s*[;&|]\s+|\s+[;&|]$", name):
            words = command.split()
            usage = self.usage.get(words[0]) if words else None
            if usage:
                unknown = self._unknown([w for w in words[1:] if re.fullmatch(r"-{1,2}[a-z]+", w)],
                                        set(re.findall(r"(?<!\w)-{1,2}[a-z]+", usage)), f"{words[0]} has no option")
                if unknown:
                    return unknown
        for word in re.findall(r"(?<![\w-])[\w*][\w*]*(?:-[\w*]+)*", re.sub(r"\"[^\"]*\"|'[^']*'", "", name)):
            complaint = self.of_word(word)
            if complaint:
                return complaint
        return None

    # -- words ---------------------------------------------------------------------------

    @staticmethod
    def _unknown(words, known, what):
        missing = [w for w in words if w not in known]
        return f"{what} {missing[0]}" if missing else None

    def of_word(self, word):
        words = self.tree.words
        if word in words or word in self.usage or PLACEHOLDER.fullmatch(word):
            known = True
        elif "*" in word:
            known = any(fnmatch.fnmatchcase(w, word) for w in words)
        elif word.isupper():            # "`MSG_GRANT_READ`, `_WRITE`", "`CALL`": the end of a longer one
            known = any(w.endswith("_" + word.lstrip("_")) for w in words)
        elif "-" in word:
            known = re.search(rf"(?<![\w-]){word}(?![\w-])", self.tree.text) or self._is_server(word)
        else:
            known = self.tree.has_file(word) or word.lower().startswith("0x") and int(word, 16) in self._numbers()
        return None if known else f"{word} is nowhere in the sources"

    @functools.cache
    def _numbers(self):
        return {int(w.rstrip("uULl"), 16) for w in self.tree.words if re.fullmatch(r"0x[0-9a-fA-F]+[uUlL]*", w)}

    def _is_server(self, word):
        """A driver's second home: named by the Makefile after its source."""
        driver = word.removesuffix("-server")
        return driver != word and re.search(rf"SERVER_SRC.*\b{driver}\.c\b", self.tree.makefile)


RULES = [
    (r"-?E[A-Z0-9]+$", Names.of_error),
    (r"make\b", Names.of_make),
    (r"test [a-z_]+( [a-z_]+)*$", Names.of_test),
    (r"(tools|tests)/[\w/-]+(\s|$)", Names.of_tool),
    (r"--[a-z]", Names.of_tools_options),
    (r"-[a-zA-Z]", Names.of_short_option),
    (r"#(if|ifdef|include|define)\b|/", Names.of_no_file_of_ours),
    (r"[\w./*-]+/[\w./*-]*$|[\w./*-]+\.(c|h|asm|md|py|pml|png|svg|iso|txt|in|ko|tar|elf|cfg)$", Names.of_file),
    (r"[a-z]\w*=[\w\"]?.*$", Names.of_kernel_option),
    (r"[\w*]+\([\w, ]*\)$", Names.of_call),
]
