/* Processes and threads. */
#pragma once
#include "lib/abi.h"
#include "lib/types.h"

void process_exit(int code) noreturn;

/* Runs fn(arg) in a thread of its own, on the `size` bytes at `stack`. It ends with the
 * process or when fn returns. Its id, or a negative error. */
int  thread_start(void (*fn)(void *), void *arg, void *stack, u32 size) must_use;

/* -- other processes ---------------------------------------------------------------- */

/* What a new process is given: a copy of `handle` with at most `rights`, in its `slot`
 * (HANDLE_KERNEL and so on). handle 0: nothing. */
struct gift { u32 slot, handle, rights; };

struct spawn {
	const char *program;		/* in the boot archive, unless there is an image */
	const char *args;		/* one line; its first word becomes the process's name */
	u32 supervisor;			/* endpoint that gets its faults; 0: none */
	u32 badge;			/* with which they come */
	u32 ended_bits;			/* raised there when it has ended */
	u32 priority;			/* 0: ours */
	const void *image;		/* its ELF file, in our memory; NULL: the archive's, by name */
	u32 image_len;
	char *text;			/* NULL, or why it failed, as a sentence; "" if there is none */
	u32 text_size;
	struct gift gift[6];
};

/* Starts a program, which ends with us at the latest. A handle of its process, or a negative error:
 * -ENOENT (no such program), -ENOEXEC, -ENOMEM, -EPERM (HANDLE_KERNEL has no AUTH_PROCESS). */
int  spawn(const struct spawn *s) must_use;
int  process_status(u32 process, struct process_status *out);
/* Ends it, wherever it is; it is over when its supervisor is told so. */
void process_end(u32 process, int code);
