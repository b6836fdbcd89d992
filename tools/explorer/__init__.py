"""QEMU as the scheduler: what tools/explore and `tools/run --schedule` are made of.

gdbserver.py  the gdb remote protocol, as QEMU speaks it
machine.py    a machine that is stopped, moved by single CPUs, saved and brought back
image.py      what the kernel's file says: symbols, lines, memory accesses
turns.py      whose turn it is: from a schedule to what the machine does
schedule.py   schedules as text
search.py     all schedules with so many preemptions, equal ones left out
"""
