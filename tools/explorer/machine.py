"""A machine that stands still unless one of its CPUs is told to go on.

It is the deterministic machine of tools/run (QEMU, icount, one thread). Time passes with the
instructions that are executed and, since QEMU takes a stopped CPU for an idle one, by a jump to the
next timer at each stop: a short period of the PIT, which the kernel does not use, bounds the jump.
"""

import json
import os
import socket
import time

from .gdbserver import GdbServer, Gone

PIT_PERIOD = 12                 # of 1.19 MHz: 10 us


class Monitor:
    """QMP (docs/interop/qmp-spec of QEMU)."""

    def __init__(self, connection):
        self.lines = connection.makefile("rw")
        self.lines.readline()           # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        try:
            self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.lines.flush()
            for line in self.lines:
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise Gone(f"QEMU refuses {command}: {answer['error']['desc']}")
        except OSError as e:
            raise Gone(f"QEMU does not answer {command}: {e}") from None
        raise Gone(f"QEMU ended at {command}")

    def human(self, line):
        said = self.ask("human-monitor-command", **{"command-line": line}).strip()
        if said.startswith("Error"):
            raise Gone(f"QEMU refuses {line}: {said}")
        return said

    def job(self, command, **arguments):
        """Starts a job and waits for its end."""
        self.ask(command, **{"job-id": "job", **arguments})
        while True:
            job = self.ask("query-jobs")[0]
            if job["status"] == "concluded":
                break
            time.sleep(0.001)
        self.ask("job-dismiss", id="job")
        if job.get("error"):
            raise Gone(f"QEMU refuses {command}: {job['error']}")


def connected(path, process, timeout):
    """A socket to the one that the emulator is about to open."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(3 * timeout)
            s.connect(path)
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            s.close()
        if process.poll() is not None or time.monotonic() > deadline:
            raise Gone(f"QEMU did not start (its status: {process.poll()})")
        time.sleep(0.005)


class Machine:
    """runner: the module tools/run; opt: its options, which name commands, CPUs and build."""

    def __init__(self, runner, opt, work, words, extra=()):
        self.runner, self.smp, self.work = runner, opt.smp, work
        scale = float(os.environ.get("TIMEOUT_SCALE", "1"))
        gdb, qmp = f"{work}/gdb", f"{work}/qmp"
        self.argv = runner.qemu_command(opt, work, words) + [
            "-S", "-monitor", "none", "-serial", f"file:{work}/console",
            "-chardev", f"socket,id=gdb,path={runner.value(gdb)},server=on,wait=off", "-gdb", "chardev:gdb",
            "-qmp", f"unix:{runner.value(qmp)},server=on,wait=off", *extra]
        with open(f"{work}/stderr", "wb") as stderr:
            self.process = runner.start(opt, self.argv, stdin=-3, stdout=stderr, stderr=stderr)
        try:
            self.monitor = Monitor(connected(qmp, self.process, 20 * scale))
            self.gdb = GdbServer(connected(gdb, self.process, 20 * scale))
        except (Gone, OSError) as e:
            self.end()
            raise Gone(f"{e} {self.stderr()}") from None

    def stderr(self):
        with open(f"{self.work}/stderr", errors="replace") as f:
            return f.read().strip()[-500:]

    def console(self):
        with open(f"{self.work}/console", errors="replace") as f:
            return f.read().replace("\r", "")

    def bound_jumps(self, period):
        """Programs PIT channel 0 as a rate generator (8254 data sheet): see above."""
        for port, value in ((0x43, 0x34), (0x40, period & 255), (0x40, period >> 8)):
            self.monitor.human(f"o /1 {port:#x} {value:#x}")

    def use_all_host_cpus(self):
        """tools/run ties the emulator to one, for runs in which CPUs take turns by themselves."""
        try:
            for thread in os.listdir(f"/proc/{self.process.pid}/task"):
                os.sched_setaffinity(int(thread), range(os.cpu_count()))
        except OSError:
            pass                        # only slower

    # -- memory

    def u32(self, address):
        data = self.gdb.memory(address, 4)
        if data is None:
            raise Gone(f"no memory at {address:#x}")
        return int.from_bytes(data, "little")

    def string(self, address, most=64):
        return self.gdb.memory(address, most).split(b"\0")[0].decode("latin1")

    # -- snapshots

    def open_store(self):
        """A file for snapshots, made by QEMU itself."""
        path = f"{self.work}/snapshots.qcow2"
        job = self.monitor.job
        job("blockdev-create", options={"driver": "file", "filename": path, "size": 0})
        self.monitor.ask("blockdev-add", **{"node-name": "file", "driver": "file", "filename": path})
        job("blockdev-create", options={"driver": "qcow2", "file": "file", "size": 1 << 20})
        self.monitor.ask("blockdev-add", **{"node-name": "store", "driver": "qcow2", "file": "file"})

    def save(self, name):
        self.monitor.human(f"savevm {name}")

    def load(self, name):
        self.monitor.human(f"loadvm {name}")
        self.gdb.cpu = None

    def forget(self, name):
        self.monitor.human(f"delvm {name}")

    def end(self):
        self.runner.end(self.process)
