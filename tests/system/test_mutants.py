"""tests/mutants/run: the driver, and a few mutants of it that are quick. `make mutants` runs all."""

import os
import re
import subprocess

import pytest

from machine import BUILD, ROOT, SCALE, skip_if_lacking

TOOL = os.path.join(ROOT, "tests/mutants/run")
# Each of another floor, and half of them without a machine.
QUICK = ("parse-range", "acpi-sum", "heap-double", "arena-double", "shell-authority",
         "tlb-users", "task-born-unrun", "timer-epoch", "look-eighth-word", "space-copy-gone")

# It builds, and changes nothing; and one whose text is not there.
HARMLESS = """
mutant harmless
breaks nothing
in kernel/unload/counts.c ref_put
-	return atomic_sub(&o->refs, 1) == 0;
+	return !atomic_sub(&o->refs, 1);
"""
MOVED = """
mutant moved
breaks what is not there
in kernel/unload/counts.c ref_put
-	return true;
+	return false;
see test strategy_idle
"""


def mutants(*options):
    done = subprocess.run([TOOL, "--build", BUILD, *map(str, options)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600 * SCALE)
    print(done.stdout + done.stderr)
    skip_if_lacking(done.returncode, done.stderr)
    return done


def list_of(tmp_path, text):
    path = tmp_path / "a.list"
    path.write_text(text)
    return "--lists", path


def test_quick_ones_are_caught():
    done = mutants("--only", ",".join(QUICK))
    assert done.returncode == 0 and re.search(rf"^{len(QUICK)} caught in \d+ s$", done.stdout, re.M), done.stdout + done.stderr
    assert done.stdout.endswith(f"survived: 0 of {len(QUICK)}, 0.0 %\n")


def test_one_that_nothing_notices_is_told(tmp_path):
    done = mutants(*list_of(tmp_path, HARMLESS + "see test spinlock_state\n"))
    assert done.returncode == 1 and re.search(r"^harmless +survived .*nothing$", done.stdout, re.M)
    assert done.stdout.endswith("survived: 1 of 1, 100.0 %\n")


def test_an_equivalent_one_wants_a_reason(tmp_path):
    done = mutants(*list_of(tmp_path, HARMLESS + "equivalent 0 is what == 0 is\n"))
    assert done.returncode == 0 and re.search(r"^harmless +equivalent .*0 is what == 0 is$", done.stdout, re.M)
    done = mutants(*list_of(tmp_path, HARMLESS + "open nobody looks\n"))
    assert done.returncode == 0 and re.search(r"^harmless +open .*nobody looks$", done.stdout, re.M)
    done = mutants(*list_of(tmp_path, HARMLESS))
    assert done.returncode == 1 and "harmless wants either a check or a reason" in done.stderr


def test_code_that_moved_makes_it_stale(tmp_path):
    done = mutants(*list_of(tmp_path, MOVED))
    assert done.returncode == 1
    assert re.search(r"^moved +stale .*mend the list: kernel/unload/counts.c ref_put: 0 times: return true;$", done.stdout, re.M)


def test_a_check_that_fails_by_itself_is_told(tmp_path):
    done = mutants(*list_of(tmp_path, HARMLESS + "see cell A3 naive=safe\n"))
    assert done.returncode == 1 and "cell A3 naive=safe: fails without any mutant: UAF: " in done.stdout


@pytest.mark.quick
@pytest.mark.parametrize("line,complaint", [("look at it", "look: not a word of a list"),
                                            ("see nothing of it", "nothing of it: not a check")])
def test_a_list_that_is_wrong_names_the_line(tmp_path, line, complaint):
    done = mutants(*list_of(tmp_path, HARMLESS + line + "\n"))
    assert done.returncode == 1 and f"a.list:{len(HARMLESS.splitlines()) + 1}: {complaint}" in done.stderr


def test_a_run_goes_on_where_it_was(tmp_path):
    listed = list_of(tmp_path, HARMLESS + "see test spinlock_state\n")
    first, second = mutants(*listed), mutants(*listed)
    took = [re.findall(r"^harmless +survived +([0-9.]+) s", done.stdout, re.M) for done in (first, second)]
    assert len(took[0]) == 1 and took[0] == took[1], first.stdout + first.stderr + second.stdout + second.stderr


def test_two_runs_take_turns(tmp_path):
    """In one build folder each would take away the other's trees."""
    import fcntl
    os.makedirs(tmp_path / "mutants")
    with open(tmp_path / "mutants/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen([TOOL, "--build", tmp_path, "--only", QUICK[0]], text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert "another run is at work" in second.stderr.readline()
    second.kill()
    second.communicate()


def test_a_sample_can_be_drawn_again():
    def drawn(*options):
        return mutants("--list", "--sample", 5, *options).stdout
    seed = re.search(r"--seed (\d+)$", drawn(), re.M).group(1)
    assert drawn("--seed", seed) == drawn("--seed", seed) and drawn("--seed", seed).endswith("5 mutants\n")


@pytest.mark.quick
def test_every_text_of_the_lists_still_stands():
    """Without a run: what has moved is told at once."""
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader
    loader = SourceFileLoader("mutants", TOOL)
    tool = module_from_spec(spec_from_loader("mutants", loader))
    loader.exec_module(tool)
    stale = []
    for m in tool.read_lists(tool.all_lists()):
        try:
            m.apply(lambda file: open(os.path.join(ROOT, file)).read())
        except tool.Stale as e:
            stale.append(f"{m.name}: {e}")
    assert not stale, "\n".join(stale)
