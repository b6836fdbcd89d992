"""Records that lead into more than one module, and lines that more than one driver shares."""

import re

from accounts import ask, assert_back, lines, used, wait_until


def test_records_go_with_each_of_their_modules(boot):
    """A library's records on objects of its user; the user forgets all of them."""
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod borrower")
    listed = lines(m, "lsmod -v")
    assert "    timer wake, armed" in listed
    # Under both, and each time with the other one's name.
    assert sum("timer lender" in line for line in listed) == 2
    assert sum(line.endswith("also of borrower") for line in listed) == 8
    assert lines(m, "rmmod -v borrower")[0] == (
        "borrower has no exit: timer wake, timer lender, work lender, thread lender, "
        "callback lender (taken back)")
    lines(m, "sleep 300ms")
    # Handles that lead nowhere: to the library they are errors, and no more.
    assert ask(m, "dev ioctl lender 0").status == "ENODEV"
    assert lines(m, "dev ioctl lender 3") == ["0"]
    lines(m, "insmod borrower; dev ioctl lender 0; dev ioctl lender 3")
    lines(m, "rmmod borrower lender")
    assert lines(m, "graveyard")[-1] == "0 uses after unload"
    assert_back(m, before)


def test_library_is_inside_for_its_user(boot):
    """A work item of a library that has forgotten the object, and does not return: the user
    stays, is told who it is, and the unload ends."""
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod borrower; dev ioctl lender 1; sleep 20ms")
    refused = ask(m, "rmmod -t 200ms borrower")
    assert refused.status in ("EBUSY", "ETIMEDOUT")
    assert re.match(r"rmmod: borrower: task \d+ \(worker/\d\) is possibly inside, at loan\+0x0 "
                    r"\[borrower\]; still live", refused.output)
    lines(m, "dev ioctl lender 2; rmmod -w -t 10s borrower; rmmod lender")
    assert_back(m, before)


def listing(m):
    return "\n".join(lines(m, "lsmod"))


def test_shared_line_of_a_going_module(boot):
    """Two drivers on one level-triggered line. One is going for as long as its work item stays, and
    its device interrupts all the time: the other one hears its own all the same."""
    m = boot("--direct", "--extra", "-device ne2k_pci,addr=4 -device ne2k_pci,addr=8", cpus=4)
    lines(m, "insmod pull_a; insmod pull_b")
    assert lines(m, "dev read pull_a 4; dev read pull_b 4") == ["00 00 00 00"] * 2
    lines(m, "dev ioctl pull_b 1 6000; run rmmod -t 60s pull_b")
    wait_until(m, lambda: re.search(r"^pull_b .*Unloading", listing(m), re.M))
    for _ in range(5):
        assert lines(m, "dev read pull_a 4") == ["00 00 00 00"]
    wait_until(m, lambda: "pull_b" not in listing(m))
    assert lines(m, "dev read pull_a 4") == ["00 00 00 00"]
    lines(m, "rmmod pull_a")


def irqs(m):
    return "\n".join(lines(m, "irqs"))


def dmesg(m):
    return "\n".join(lines(m, "dmesg"))


def test_neighbour_of_a_failed_load_hears(boot):
    """pull_b's init fails with its line up. Nobody can silence its device, so the line is polled for
    pull_a, until pull_b is loaded again."""
    m = boot("--direct", "--extra", "-device ne2k_pci,addr=4 -device ne2k_pci,addr=8", cpus=4)
    lines(m, "insmod pull_a")
    assert ask(m, "insmod pull_b dies=1").status == "EIO"
    wait_until(m, lambda: re.search(r"pull_a level( masked)? polled", irqs(m)))
    for _ in range(5):
        assert lines(m, "dev read pull_a 4") == ["00 00 00 00"]
    # A driver that comes anew finds it as stuck, and is not taken for the one to blame.
    lines(m, "rmmod pull_a; insmod pull_a")
    wait_until(m, lambda: re.search(r"pull_a level( masked)? polled", irqs(m)))
    assert lines(m, "dev read pull_a 4") == ["00 00 00 00"]
    told = re.findall(r"irq \d+: no driver served .* for pull_a until it is silent; load (\w+) to", dmesg(m))
    assert told == ["pull_b", "pull_b"]
    lines(m, "insmod pull_b")
    wait_until(m, lambda: re.search(r"pull_a, pull_b level$", irqs(m), re.M))
    assert dmesg(m).count("is silent again and no longer polled") == 1
    assert lines(m, "dev read pull_a 4; dev read pull_b 4") == ["00 00 00 00"] * 2


def test_notifier_that_does_not_return(boot):
    """A notifier on module_chain that does not return delays no load or unload: it is named,
    and hears of the rest later."""
    m = boot("--direct", cpus=4)
    before = used(m)
    lines(m, "insmod listener; insmod null; rmmod null")
    assert lines(m, "dev ioctl listener 3") == ["3"]
    lines(m, "dev ioctl listener 1")
    for command, done in (("insmod null", "come"), ("rmmod null", "gone")):
        assert lines(m, command) == [f"null: notifiers are told later that it has {done}: "
                                     "notifier listener has not returned"]
    assert lines(m, "dev ioctl listener 3") == ["4"]
    refused = ask(m, "rmmod -t 200ms listener")
    assert re.match(r"rmmod: listener: task \d+ \(herald\) is inside, at on_news\+\S+ \[listener\]", refused.output)
    lines(m, "dev ioctl listener 2")
    wait_until(m, lambda: lines(m, "dev ioctl listener 3") == ["5"])
    lines(m, "rmmod -w listener")
    assert_back(m, before)
