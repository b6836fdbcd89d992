"""The kernel in v86, which is what runs in a browser, by Node; what the page is made of. The page itself, in a
browser, and the longer runs: tests/web/check."""

import json
import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from machine import BUILD, LACKING, ROOT, run, skip_if_lacking

USAGE = 2


def load(tool):
    loader = SourceFileLoader(tool, os.path.join(ROOT, "tools", tool))
    module = module_from_spec(spec_from_loader(tool, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mkweb():
    return load("mkweb")


@pytest.fixture(scope="module")
def v86():
    done = subprocess.run([os.path.join(ROOT, "tools/npm"), "web", os.path.join(BUILD, "npm/web")], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    skip_if_lacking(done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr


def test_a_third_implementation(v86):
    """A CPU that honours large pages only with CR4.PSE, keeps kernel pages in its TLB for ever and has no NX: the
    kernel comes up, and judges a hazard there as it does elsewhere."""
    done = run("--on", "v86", "--direct", "-c", "hazard A3 naive; hazard A3 trap", cpus=1)
    assert done.status == 0
    assert re.search(r"^use after unload: .*\[h_a03_asleep\]", done.output, re.M)
    assert [word for word in re.findall(r"^\x1b\[3\dm([\w-]+)\x1b\[0m: ", done.output, re.M)] == ["UAF", "waited"]


@pytest.mark.parametrize("option", [["--smp", "2"], ["--gdb"], ["--uefi", "x64"], ["--deterministic", "--direct", "-c", "x"],
                                    ["--extra", "-nic none"], ["--cpu", "max"]], ids=lambda option: option[0])
def test_what_v86_has_not(option, capsys):
    with pytest.raises(SystemExit) as end:
        load("run").parse_arguments(["--on", "v86", *option])
    assert end.value.code == USAGE and f"--on v86 does not go with {option[0]}" in capsys.readouterr().err


def test_a_bios_without_acpi_tables(tmp_path):
    """SeaBIOS 1.17, which has none of its own, is passed by, or named where there is no other."""
    tool = load("run")
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"\0RSDT\0APIC\0")
    new.write_bytes(b"\0RSDT\0ACPI tables for qemu 1.6 and older are not supported any more.\0")
    assert tool.v86_bios(str(old), str(new)) == str(old) == tool.v86_bios(str(new), "/nowhere", str(old))
    for others in ([], [str(new)]):
        with pytest.raises(tool.Stop, match="makes no ACPI tables, as SeaBIOS before 1.17 does; remedy: ") as end:
            tool.v86_bios(str(new), *others)
        assert end.value.status == LACKING
    with pytest.raises(tool.Stop, match="apt-get install seabios"):
        tool.v86_bios("/nowhere")


def test_an_old_node_is_named(tmp_path, monkeypatch):
    tool, node = load("run"), tmp_path / "node"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for version, good in (("v12.22.9", False), ("v18.20.4", True), ("v24.21.0", True), ("", False)):
        node.write_text(f"#!/bin/sh\necho {version}\n")
        node.chmod(0o755)
        if good:
            assert tool.node_program() == "node"
        else:
            with pytest.raises(tool.Stop, match="Node 18 or later is missing") as end:
                tool.node_program()
            assert end.value.status == LACKING


def test_what_lacks_is_named(tmp_path):
    env = {**os.environ, "PATH": "/nowhere"}
    done = subprocess.run(["/bin/sh", os.path.join(ROOT, "tools/npm"), "web", str(tmp_path)], cwd=ROOT, env=env,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == LACKING
    assert re.search(r"^environment: npm is missing; remedy: apt-get install nodejs npm$", done.stderr, re.M)


@pytest.mark.parametrize("folder", ["web", "tests/web"])
def test_packages_are_exact(folder):
    """Versions and hashes, and no word of where they were fetched: that is the reader's choice."""
    wanted, lock = (json.load(open(os.path.join(ROOT, folder, name))) for name in ("package.json", "package-lock.json"))
    packages = {name: what for name, what in lock["packages"].items() if name}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted["dependencies"].values())
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted["dependencies"]} == wanted["dependencies"]
    assert all(what["integrity"].startswith("sha512-") and "resolved" not in what for what in packages.values())


def test_what_the_page_says(mkweb):
    """Of every hazard its drawing and its verdicts; all read in the docs and the sources."""
    texts, hazards = mkweb.read_texts(), mkweb.read_hazards()
    assert "running kernel?" in texts["question"] and "schedule()" in texts["answer"] and len(texts["tour"]) > 40
    assert texts["hazards"].endswith(".") and "What can go wrong" in texts["hazards"]
    for hazard in hazards:
        assert hazard["id"][0] in texts["groups"] and hazard["what"] and hazard["name"]
        assert hazard["four"].keys() == set(mkweb.COLUMNS) and set(hazard["four"].values()) <= texts["verdicts"].keys()
        assert "*/" not in hazard["drawing"] and not hazard["drawing"].startswith("*")
    a3 = next(hazard for hazard in hazards if hazard["id"] == "A3")
    assert a3["four"] == {"naive": "UAF", "trap": "waited"} and "CPU 1 (caller)" in a3["drawing"]
    assert any("Trapping every CPU in schedule()" in finding["title"] for finding in a3["findings"])


def test_hazards_without_a_stage(mkweb, monkeypatch):
    """What the kernel said of each decides; what came too late is tried again, with longer deadlines."""
    def cell(hazard, strategy, verdict, evidence=""):
        return {"hazard": hazard, "strategy": strategy, "verdict": verdict, "evidence": evidence}

    first = [cell("A1", s, "n/a", "takes 2 CPUs") for s in mkweb.COLUMNS]
    second = [cell("A2", "naive", "unstaged"), cell("A2", "trap", "waited")]
    asked = []

    def answers(_, command):
        asked.append(command)
        return {"--from A1": first, "--from A2": second, "-x 4 A2": [cell("A2", "naive", "UAF")]}[
            next(words for words in ("--from A1", "--from A2", "-x 4 A2") if words in command)]

    monkeypatch.setattr(mkweb, "answers", answers)
    hazards = [{"id": "A1"}, {"id": "A2"}]
    mkweb.add_verdicts(hazards, mkweb.survey("nowhere", hazards))
    assert hazards == [{"id": "A1", "seen": {}, "why": "takes 2 CPUs"}, {"id": "A2", "seen": {"naive": "UAF", "trap": "waited"}}]
    assert len(asked) == 3


def test_a_page_too_large_is_refused(mkweb, monkeypatch, tmp_path, capsys):
    def make(_, folder):
        os.makedirs(folder)
        with open(os.path.join(folder, "noise"), "wb") as f:
            f.write(os.urandom(1000))
        return []

    monkeypatch.setattr(mkweb, "make_folder", make)
    monkeypatch.setattr(mkweb, "LIMIT", 999)
    monkeypatch.setattr("sys.argv", ["mkweb", "--build", str(tmp_path)])
    assert mkweb.main() == 1 and "compressed; at most 999" in capsys.readouterr().err
    assert not (tmp_path / "web").exists()
