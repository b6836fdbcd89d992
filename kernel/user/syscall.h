/* The table of system calls (lib/abi.h says what each does). */
#pragma once
#include "user/process.h"

/* In the calling thread, interrupts on. What it returns goes to EAX; words go to and
 * come from the registers. */
typedef int (*syscall_fn)(struct regs *r);

/* Each CPU, before it runs tasks: learns the way in from ring 3. */
void user_init_cpu(void);
/* Boot CPU, once: the table fills with what the floors up to this one offer. */
void user_init(void);
/* A higher floor adds its own. */
void syscall_set(enum syscall number, syscall_fn fn);

/* The process behind handle `nr` (0: the caller's own), with a reference, if the caller
 * has these rights to it; or an error. */
struct process *process_at(u32 nr, u32 rights) must_use;
/* May the caller do what needs `right` (AUTH_*), shown by handle `nr`? 0, -EBADF,
 * -EINVAL, -EPERM. */
int  authority(u32 nr, u32 right) must_use;
/* The endpoint behind handle `nr`, with a reference and a copy of the handle in *h, if that may raise
 * these bits; or an error. */
struct endpoint *endpoint_to_notify(u32 nr, u32 bits, struct handle *h) must_use;
/* A handle for a new object, whose one reference goes over to it. NULL or an error
 * pointer: that error. */
int  handle_for(struct object *o, u32 rights) must_use;
