"""The tables of docs/MACHINES.md and README.md, which lie between marks."""

import json
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE, README = os.path.join(ROOT, "docs/MACHINES.md"), os.path.join(ROOT, "README.md")
MARKED = re.compile(r"(<!-- made by tools/sweep: ([\w -]+) -->\n)(.*?)(<!-- end -->)", re.S)
ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<cpus>[^|]*) \| (?P<screen>[^|]*) \| (?P<end>[^|]*) \|$", re.M)
PACKAGES = ["qemu-system-x86", "seabios", "ovmf", "ovmf-ia32", "grub-pc-bin", "bochs", "bochsbios"]


# -- what a result says ------------------------------------------------------------------


def outcome(result):
    """In words: what the reader of the table sees, and what --compare compares."""
    if not result["ok"]:
        return "**FAILED**" if result["ok"] is False else "not run"
    return result.get("end") or "the prompt"


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*") if not text.startswith("**") else text


def line(row, result):
    cpus = "" if result.get("end") else result.get("cpus", "")
    return f"| {row.name} | {cpus} | {result.get('screen', '')} | {cell(outcome(result))} |"


# -- the tables ---------------------------------------------------------------------------


def group_table(rows, results, before):
    """A row that was not run, or that this host cannot run, keeps its line."""
    lines = ["| machine | CPUs | screen | it comes to |", "|---|---|---|---|"]
    for row in rows:
        result = results.get(row.key)
        if result and result["ok"] is not None:
            lines.append(line(row, result))
        else:
            lines.append(before.get(row.name) or f"| {row.name} |  |  | not run |")
    return lines


def summary_table(rows, text):
    """From the finished page: how many of each group come to what."""
    lines = ["| what | machines | at the prompt with all CPUs | one clear line | neither |", "|---|---|---|---|---|"]
    for group in dict.fromkeys(row.group for row in rows):
        ends = [m["end"] for m in entries(text, group)]
        prompts = ends.count("the prompt")
        neither = sum(end in ("not run", "**FAILED**") for end in ends)
        lines.append(f"| {group} | {len(ends)} | {prompts} | {len(ends) - prompts - neither} |"
                     + (f" {neither} |" if neither else " |"))
    return lines


def versions_table():
    """Of the emulators and of the firmware in them."""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = dict(line.split(" ", 1) for line in asked.splitlines() if " " in line)
    with open(os.path.join(ROOT, "web/package.json")) as f:
        found["v86, from npm"] = json.load(f)["dependencies"]["v86"]
    return ["| package | version |", "|---|---|", *(f"| {name} | {found[name]} |" for name in found)]


def marked(text):
    return {name: body for _, name, body, _ in MARKED.findall(text)}


def remade(text, tables):
    return MARKED.sub(lambda m: m[1] + "\n".join(tables[m[2]]) + "\n" + m[4] if m[2] in tables else m[0], text)


def read(path):
    with open(path) as f:
        return f.read()


def entries(text, group):
    """The lines of a group's table, less its head."""
    return [m for m in ROW.finditer(marked(text).get(group, "")) if m["name"] != "machine"]


def lines_of(text, group):
    """{name of a row: its line}"""
    return {m["name"]: m[0] for m in entries(text, group)}


def write(rows, results):
    page = read(PAGE)
    groups = {group: [row for row in rows if row.group == group] for group in dict.fromkeys(row.group for row in rows)}
    tables = {group: group_table(mine, results, lines_of(page, group)) for group, mine in groups.items()}
    page = remade(page, tables | {"versions": versions_table()})
    with open(PAGE, "w") as f:
        f.write(page)
    readme = remade(read(README), {"summary": summary_table(rows, page)})
    with open(README, "w") as f:
        f.write(readme)


def differences(rows, results):
    """Rows that came out otherwise than the page says; those that were not run do not count."""
    page, found = read(PAGE), []
    for row in rows:
        result = results.get(row.key)
        if not result or result["ok"] is None:
            continue
        said, is_now = lines_of(page, row.group).get(row.name), line(row, result)
        if said != is_now:
            found.append(f"{row.key}: it says {said or 'nothing'}; this run: {is_now}")
    return found
