/* What drivers in ring 3 need: I/O ports, interrupts, devices of modules. */
#pragma once
#include "lib/types.h"

struct regs;

/* A general protection fault of ring 3: true when it was an access to a port that the
 * process may use, and that works now. Interrupts off. */
bool ports_fault(const struct regs *regs);

/* The kernel has faulted in a driver. If a thread of ring 3 has called it there (SYS_READ,
 * SYS_WRITE, SYS_IOCTL) and holds no lock but its file's, it does not go back there: true,
 * and the frame leads to where the call's file and memory are given back and the process
 * ends with -EFAULT. Any context, interrupts off. */
bool device_call_ends(struct regs *regs);

/* Open files of modules that processes have handles of. */
u32  user_files(void);

/* Each adds its system calls to the table, once. */
void hardware_init_syscalls(void);
void device_init_syscalls(void);
