"""Takes a page of the docs apart: its commands, what they are said to print, the figures beside
"printed by", the names in backticks. Knows Markdown as far as the pages use it, and no machine.

What is not run, and which names are no business of this tree, is said in comments of the page,
which its readers do not see:

    <!-- not run: it writes to a disk -->               the next block
    <!-- not run: `panic`: it ends the machine -->      this command, wherever the page has it
    <!-- not run: page: tests/loaders/check does -->    no command of this page
    <!-- not ours: `update-grub` `dhcp`: Debian's -->   names that are not to be looked for
"""

import re
from dataclasses import dataclass, field

PROMPT = "quiesce> "
# What a line of a block begins with when it is typed on the host. Others of such a block are output.
HOST_PROGRAMS = {"addr2line", "apt-get", "cat", "cd", "cp", "dd", "docker", "export", "gdb", "git", "ls", "make",
                 "mkdir", "nc", "objdump", "podman", "printf", "python3", "rm", "sudo"}
NOT_RUN = re.compile(r"<!-- not run: (?:`([^`]+)`: |(page): )?(.+?) -->", re.S)
NOT_OURS = re.compile(r"<!-- not ours: ((?:`[^`]+`[ ,\n]*)+): .+? -->", re.S)
SOURCE = re.compile(r"/\* ([\w.-]+/[\w./-]+\.[ch]) \*/$")
NUMBER = re.compile(r"(?<![\w.,])[+-]?\d+(?:,\d{3})*(?:\.\d+|[+/]\d+)?")


@dataclass
class Step:
    """A command of a block, and what the page shows of its output."""
    line: int
    typed: bool                 # at the prompt, not on the host
    command: str
    output: list = field(default_factory=list)      # (line, text)


@dataclass
class Block:
    line: int
    lines: list                 # (line, text)
    steps: list = field(default_factory=list)
    strays: list = field(default_factory=list)      # lines that are neither command nor output


@dataclass
class Table:
    line: int
    header: list
    rows: list                  # (line, cells)
    caption: str                # the paragraph above


@dataclass
class Span:
    line: int
    text: str


def without_remark(text):
    """"make run        # boots" and "hammer     all devices at once": what is typed."""
    quoted, end = None, len(text)
    for i, c in enumerate(text):
        if quoted:
            quoted = None if c == quoted else quoted
        elif c in "\"'":
            quoted = c
        elif text.startswith(("  ", " # "), i):
            end = i
            break
    return text[:end].strip()


def is_host_command(text):
    word = text.split(None, 1)[0] if text.strip() else ""
    return word in HOST_PROGRAMS or bool(re.match(r"(tools|tests)/[\w/-]+$", word))


def joined(lines):
    """A line that ends in a backslash goes on in the next."""
    before = None
    for line, text in lines:
        line, text = (before[0], before[1] + text.lstrip()) if before else (line, text)
        before = (line, text[:-1]) if text.endswith("\\") else None
        if not before:
            yield line, text
    if before:
        yield before


class Page:
    def __init__(self, name, text):
        self.name = name
        self.not_run = {}       # command: (line, why)
        self.blocks_not_run = []        # (line, why)
        self.page_not_run = None        # why
        self.not_ours = {}      # name: line
        self.blocks, self.tables, self.paragraphs = [], [], []
        self._lines = self._without_comments(text).split("\n")
        self._take_apart()
        for block in self.blocks:
            self._find_steps(block)
        self.sources = {m.group(1): "".join(text + "\n" for _, text in block.lines)
                        for block in self.blocks if (m := SOURCE.match(block.lines[0][1]))}

    def where(self, line):
        return f"{self.name}:{line}"

    # -- lines to blocks, tables and paragraphs ------------------------------------------

    def _without_comments(self, text):
        """A form feed is left of each: it parts what it stands between."""
        def note(match):
            line = text.count("\n", 0, match.start()) + 1
            if text.startswith("    ", text.rfind("\n", 0, match.start()) + 1):
                return match.group(0)   # of a block
            marker = NOT_RUN.fullmatch(match.group(0))
            if marker:
                command, whole, why = marker.groups()
                if whole:
                    self.page_not_run = why
                elif command:
                    self.not_run[command] = (line, why)
                else:
                    self.blocks_not_run.append((line, why))
            marker = NOT_OURS.fullmatch(match.group(0))
            if marker:
                self.not_ours.update(dict.fromkeys(re.findall(r"`([^`]+)`", marker.group(1)), line))
            return "\f" + "\n" * match.group(0).count("\n")
        return re.sub(r"<!--.*?-->", note, text, flags=re.S)

    def _take_apart(self):
        n, after_blank = 0, True
        while n < len(self._lines):
            text = self._lines[n]
            if text.startswith("```"):
                n = self._block(n + 1, lambda t: not t.startswith("```"), 0) + 1
            elif text.startswith("    ") and text.strip() and after_blank:
                n = self._block(n, lambda t: t.startswith("    ") or not t.strip(" "), 4)
            elif text.startswith("|"):
                n = self._table(n)
            elif text.strip():
                n = self._paragraph(n)
            else:
                n, after_blank = n + 1, True
                continue
            after_blank = not self._lines[n - 1].strip()

    def _until(self, n, inside):
        end = n
        while end < len(self._lines) and inside(self._lines[end]):
            end += 1
        return end

    def _block(self, n, inside, indent):
        end = self._until(n, inside)
        lines = [(i + 1, self._lines[i][indent:]) for i in range(n, end)]
        while lines and not lines[-1][1].strip():
            lines.pop()
        if lines:
            self.blocks.append(Block(lines[0][0], lines))
        return end

    def _table(self, n):
        end = self._until(n, lambda t: t.startswith("|"))
        rows = [(i + 1, [cell.strip() for cell in re.split(r"(?<!\\)\|", self._lines[i])[1:-1]])
                for i in range(n, end)]
        body = [row for row in rows[1:] if not all(re.fullmatch(r":?-*:?", cell) for cell in row[1])]
        above = self.paragraphs[-1][1] if self.paragraphs else ""
        self.tables.append(Table(n + 1, rows[0][1], body, above))
        return end

    def _paragraph(self, n):
        """An item of a list is one by itself."""
        def goes_on(text):
            return text.strip() and not re.match(r"\s*([-*]|\d+\.) |\||#|```", text)
        end = self._until(n + 1, goes_on)
        self.paragraphs.append((n + 1, "\n".join(self._lines[n:end])))
        return end

    # -- blocks to commands --------------------------------------------------------------

    def _find_steps(self, block):
        if SOURCE.match(block.lines[0][1]):
            return
        for line, text in joined(block.lines):
            if text.startswith(PROMPT):
                block.steps.append(Step(line, True, without_remark(text[len(PROMPT):])))
            elif is_host_command(text):
                block.steps.append(Step(line, False, without_remark(text)))
            elif text.strip() and block.steps:
                block.steps[-1].output.append((line, text))
            elif text.strip():
                block.strays.append((line, text))
        if not block.steps:     # a picture, not commands
            block.strays = []

    def reason_not_run(self, block, command):
        """Why the page says that this is not run; None: it does not."""
        if self.page_not_run or command in self.not_run:
            return self.page_not_run or self.not_run[command][1]
        for line, why in self.blocks_not_run:
            if block and block is next((b for b in self.blocks if b.line > line), None):
                return why
        return None

    # -- names, sentences ------------------------------------------------------------------

    def spans(self):
        """What stands in backticks, in running text and tables."""
        tables = [(line, " ".join(cells)) for t in self.tables for line, cells in [(t.line, t.header), *t.rows]]
        return sorted((Span(line + text.count("\n", 0, m.start()), " ".join(m.group(1).split()))
                       for line, text in self.paragraphs + tables for m in re.finditer(r"`([^`]+)`", text)),
                      key=lambda span: span.line)

    def sentences(self):
        """(line, text) of each sentence of the running text."""
        for line, text in self.paragraphs:
            at = 0
            for end in [m.end() for m in re.finditer(r"\.\s+(?=[A-Z`(*])", text)] + [len(text)]:
                yield line + text.count("\n", 0, at), text[at:end]
                at = end

    def links(self):
        """(line, target) of links and pictures into the tree."""
        for line, text in self.paragraphs:
            for m in re.finditer(r"\]\(([^)\s]+)\)", text):
                if not re.match(r"\w+:|#", m.group(1)):
                    yield line + text.count("\n", 0, m.start()), m.group(1).split("#")[0]
