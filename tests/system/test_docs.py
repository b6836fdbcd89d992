"""The docs, read by a machine: README.md, all of docs/, and `tools/run --help`.

- Every command is run as printed, but those marked "not run" (docs_reader.py), and prints what the
  page shows; C sources are built as printed, and used.
- Every figure beside "printed by", below a paragraph or in a sentence that names its `bench`, is
  what that prints now.
- Every name in backticks, and every link, leads somewhere.

A page that is new in docs/ is read as well."""

import glob
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from docs_figures import Printed, claims
from docs_names import Names, Tree
from docs_player import READING, Player, compare, is_complete
from docs_reader import Block, Page, Step
from machine import BUILD, ESCAPES, ROOT, TOOL, Machine, assert_cpus, skip_if_lacking
from reference_host import is_reference, spread

if os.environ.get(READING):
    pytest.skip("a page of the docs runs the tests that read it", allow_module_level=True)

HELP = "tools/run --help"
# Of the commands in there, which has no room for remarks.
HELP_NOT_RUN = {
    "tools/run --direct --tests -c test": "tests/run-all runs them all, twice",
    "tools/run --schedule tests/schedules/naive-put.schedule": "test_explore.py does",
    "tools/run --on bochs -c tour": "test_machines.py boots Bochs, whose instructions are slow",
}


def read_pages():
    names = ["README.md", *sorted(os.path.relpath(p, ROOT) for p in glob.glob(f"{ROOT}/docs/*.md"))]
    pages = [Page(name, open(os.path.join(ROOT, name)).read()) for name in names]
    text = subprocess.run([TOOL, "--help"], stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "120"})
    pages.append(Page(HELP, text.stdout))
    pages[-1].not_run = {command: (0, why) for command, why in HELP_NOT_RUN.items()}
    return pages


def performances(page):
    """Blocks with commands, and complete commands of the running text as such."""
    blocks = [block for block in page.blocks if block.steps]
    seen = {step.command for block in blocks for step in block.steps}
    for span in page.spans():
        if is_complete(span.text) and span.text not in seen:
            seen.add(span.text)
            blocks.append(Block(span.line, [], [Step(span.line, False, span.text)]))
    return blocks


PAGES = read_pages()
BLOCKS = [(page, block) for page in PAGES for block in performances(page)
          if not all(page.reason_not_run(block, step.command) for step in block.steps)]
CLAIMS = [(page, claim) for page in PAGES for claim in claims(page)
          if not any(page.reason_not_run(None, command) for command in claim.commands)]
SPANS = [(page, span) for page in PAGES for span in page.spans()]


def places(pairs, what=lambda thing: ""):
    return [f"{page.where(thing.line)}{what(thing)}" for page, thing in pairs]


# -- what takes time, side by side -----------------------------------------------------------


def perform(page, blocks, files, folder):
    """Complaints by line of block. A block that lacks something of the host is its reason to skip."""
    player, found = Player(page, files, folder), {}
    for block in blocks:
        try:
            found[block.line] = player.play(block)
        except pytest.skip.Exception as lacking:
            found[block.line] = lacking
    shutil.rmtree(folder)
    return found


def print_figures(command, cpus):
    """As README says that they are taken; 10,000 tasks need more memory than a machine usually has."""
    argv = [TOOL, "--build", BUILD, "--direct", "--deterministic", "--seed", "0", "--smp", str(cpus), "-c", command]
    argv += ["--mem", "256"] if re.search(r"strategies( tasks|$)", command) else []
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    skip_if_lacking(done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr + done.stdout
    assert_cpus(done.stdout, cpus)
    return Printed(ESCAPES.sub("", done.stdout))


def usages():
    """What `help NAME` says, of all that it lists."""
    machine = Machine.__new__(Machine)
    try:
        machine.__init__("--direct", cpus=1)
        text = machine.command("help").output
        commands = re.findall(r"^  ([a-z]+)  ", text, re.M)
        programs = re.search(r"^Programs: (.*?)^`", text, re.M | re.S).group(1).split()
        return {**dict.fromkeys(programs, ""), **{c: machine.command(f"help {c}").output for c in commands}}
    finally:
        machine.close()


@pytest.fixture(scope="module")
def work(request, tmp_path_factory):
    """Futures of all that the selected tests will ask for, by page, by run of a bench, and "usages"."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    runs = {run for params in asked if "claim" in params for run in params["claim"][1].runs()}
    played = {}
    for params in asked:
        if "block" in params:
            page, block = params["block"]
            played.setdefault(page.name, (page, []))[1].append(block)
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = {"usages": pool.submit(usages)}
        for page, blocks in played.values():
            folder = tmp_path_factory.mktemp(re.sub(r"\W", "-", page.name))
            jobs[page.name] = pool.submit(perform, page, blocks, TREE.files, folder)
        for run_ in sorted(runs, key=lambda r: ("strategies" not in r[0], r)):     # the long ones first
            jobs[run_] = pool.submit(print_figures, *run_)
        yield jobs
        pool.shutdown(cancel_futures=True)


TREE = Tree()
for page_ in PAGES:
    TREE.made_by_pages.update(name for path in page_.sources
                              for name in (path, path.removesuffix(".c"), path.removesuffix(".c") + ".ko"))


def assert_none(complaints):
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


# -- the docs -----------------------------------------------------------------------------------


@pytest.mark.quick
@pytest.mark.parametrize("name", SPANS, ids=places(SPANS, lambda span: f" {span.text}"))
def test_name_exists(work, name):
    page, span = name
    complaint = Names(TREE, work["usages"].result()).complaint(span.text)
    if span.text in page.not_ours or any(span.text in text for block in page.blocks for _, text in block.lines):
        complaint = None                # the latter is the page's own: written, built or run there
    assert_none([f"{page.where(span.line)}: `{span.text}`: {complaint}"] if complaint else [])


@pytest.mark.quick
def test_links_lead_somewhere():
    assert_none([f"{page.where(line)}: there is no {target}" for page in PAGES for line, target in page.links()
                 if not os.path.exists(os.path.join(ROOT, os.path.dirname(page.name), target))])


@pytest.mark.quick
def test_nothing_is_excused_that_is_not_there():
    """A "not run" of a command that the page no longer has."""
    stale = []
    for page in PAGES:
        there = {step.command for block in performances(page) for step in block.steps}
        there |= {command for claim in claims(page) for command in claim.commands}
        stale += [f"{page.where(line)}: no `{command}` there" for command, (line, _) in page.not_run.items()
                  if command not in there]
        stale += [f"{page.where(line)}: no block of commands behind it" for line, _ in page.blocks_not_run
                  if not next((b for b in page.blocks if b.line > line), Block(0, [])).steps]
        stale += [f"{page.where(line)}: no `{name}` there" for name, line in page.not_ours.items()
                  if name not in {span.text for span in page.spans()}]
    assert_none(stale)


@pytest.mark.parametrize("block", BLOCKS, ids=places(BLOCKS, lambda block: f" {block.steps[0].command}"))
def test_commands_do_what_is_shown(work, block):
    page, place = block
    complaints = work[page.name].result()[place.line]
    if isinstance(complaints, pytest.skip.Exception):
        pytest.skip(str(complaints))
    assert_none(complaints)


@pytest.mark.parametrize("claim", CLAIMS, ids=places(CLAIMS, lambda claim: f" {claim.commands[0]}"))
def test_figures_are_printed(work, claim):
    page, figures = claim
    printed = {run: work[run].result() for run in figures.runs()}
    assert_none(figures.complaints(page, printed, spread(BUILD), is_reference(BUILD)))


def test_part_of_the_table_of_hazards():
    """README's, with its short words, against docs/HAZARDS.md, which test_hazards.py compares with a run."""
    readme, hazards = (next(p for p in PAGES if p.name == name) for name in ("README.md", "docs/HAZARDS.md"))
    columns = next(s.text for s in readme.spans() if s.text.startswith("hazard --all ")).split()[2:]
    rows = [word for word in columns if word[0].isupper()]
    columns = columns[len(rows):]
    short = {"waited": "wait", "refused": "busy", "rolled-back": "back"}
    table = {cells[0].split()[0]: dict(zip(t.header[1:], cells[1:]))
             for t in hazards.tables if t.header[0] == "hazard" for _, cells in t.rows}
    block = next(b for b in readme.blocks if b.lines[0][1].split() == columns[:1])
    shown = {text.split()[0]: (line, text.split()[1:1 + len(columns)]) for line, text in block.lines[len(columns):]}
    assert list(shown) == rows
    wrong = []
    for hazard, (line, words) in shown.items():
        found = [short.get(v, v) for v in (table[hazard][s].strip("*") for s in columns)]
        wrong += [f"{readme.where(line)}: {hazard} {strategy} is {verdict} in docs/HAZARDS.md, not {word}"
                  for strategy, verdict, word in zip(columns, found, words) if verdict != word]
    assert_none(wrong)


# -- what is false is told ------------------------------------------------------------------------

FALSE_NAMES = {
    "trap_exit_wrok": "nowhere in the sources",
    "hold_cpu()": "no such function or macro",
    "kernel/unload/trapp.c": "no such file",
    "build/quiesce.img": "no such file",
    "-ENODEVS": "no such error",
    "maxcpu=1": "the kernel has no option maxcpu",
    "clock=pitt": "pitt is nowhere",
    "-fno-such-flag": "neither the Makefile nor tools/run",
    "make hazzards": "no target hazzards",
    "make DBUG=1": "no variable DBUG",
    "tools/run --driect": "has no option --driect",
    "--usbstick": "has the option --usbstick",
    "rmmod -v -q rtc": "rmmod has no option -q",
    "rmmod -v rct": "rct is nowhere",
    "c->gfit": "gfit is nowhere",
    "0xfedc1234": "nowhere in the sources",
}


@pytest.mark.parametrize("name", FALSE_NAMES)
def test_a_false_name_is_told(name):
    names = Names(TREE, {"rmmod": "usage: rmmod [-v] [-w] NAME"})
    assert FALSE_NAMES[name] in (names.complaint(name) or "")


def test_false_output_is_told():
    page = Page("page", """
    quiesce> rmmod uart         take it out
    rmmod: uart is in use by task 17 (cat), open since 0.4 s
""")
    step, = page.blocks[0].steps
    assert (step.line, step.typed, step.command) == (2, True, "rmmod uart")
    assert not compare(page, step, "rmmod: uart is in use by task 3 (cat), open since 12 s\n", "EBUSY: in use")
    said, = compare(page, step, "rmmod: uart is in use by task 17 (dog), open since 0.4 s\n", "EBUSY: in use")
    assert said.startswith("page:3: `rmmod uart` does not print:\n    rmmod: uart is in use by task 17 (cat)")
    assert "(dog)" in said


def test_a_failure_that_is_not_shown_is_told():
    page = Page("page", "\n    make all     # everything\n\n    tools/run -c \"a;  b\"   both\n")
    first, second = page.blocks[0].steps
    assert (first.command, second.command) == ("make all", 'tools/run -c "a;  b"')
    assert "page:2: `make all` fails (status 2)" in compare(page, first, "no rule", "status 2")[0]


FIGURES = """
| what | 1 CPU | 4 CPUs | printed by |
|---|---|---|---|
| load | 31,800 | 36,900 | `bench unload` |
| unload | 9,500 | 13,900 | `bench unload` |
| each more | 24 | | `bench strategies tasks trap` |
"""


def test_what_is_not_run_is_said():
    page = Page("page", """
<!-- not run: it writes to a disk -->

    dd of=/dev/sdX      # <!-- not run: this is no marker -->

<!-- not run: `panic`: it ends it --> <!-- not ours: `dhcp` `a.cfg`: theirs -->

    quiesce> ps     the tasks
    quiesce> panic
    make all \\
        kernel
""")
    assert [(step.line, step.command, bool(page.reason_not_run(block, step.command)))
            for block in page.blocks for step in block.steps] == [
        (4, "dd of=/dev/sdX", True), (8, "ps", False), (9, "panic", True), (10, "make all kernel", False)]
    assert page.not_ours == {"dhcp": 6, "a.cfg": 6}
    page = Page("page", "<!-- not run: page: others do -->\n\n    make all\n")
    assert page.reason_not_run(None, "make all") == "others do"


def test_a_false_figure_is_told():
    page = Page("page", FIGURES)
    median = "{:44} median {:>8}, p99    33556, max    33556 instructions (64 samples)\n".format
    printed = {("bench unload", 1): Printed(median("load", 31849) + median("unload", 9531)),
               ("bench unload", 4): Printed(median("load", 36949) + median("unload", 14568)),
               ("bench strategies tasks trap", 1): Printed("naive  1  2  3  0.1\ntrap  9902  12051  33303  23.6\n")}

    def said(exact):
        return [text for claim in claims(page) for text in claim.complaints(page, printed, 2.0, exact)]

    assert said(exact=True) == [
        "page:4: no 13,900 is printed by `bench unload` on 4 CPU(s), which prints 36949 14568"]
    assert not said(exact=False)
    printed["bench unload", 1] = Printed(median("load", 31849) + median("unload", 19531))
    assert [text[:18] for text in said(exact=False)] == ["page:4: no 9,500 i"]


def test_a_figure_outside_of_its_range_is_told():
    page = Page("page", "\nOn 2 CPUs `bench ipc` says:\n\n| | cost |\n|---|---|\n| a call | 734 (730–740) |\n")
    claim, = claims(page)
    for now, false in ((736, 0), (805, 0), (1000, 1), (400, 1)):
        printed = {("bench ipc", 2): Printed(f"a call   median {now}, p99")}
        assert len(claim.complaints(page, printed, 1.1, exact=True)) == false, now
