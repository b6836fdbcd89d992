/* What ring 3 may ask of the kernel: the system calls, shared by both sides.
 *
 * Registers, the same for SYSENTER and INT 0x80:
 *
 *	in	EAX  number		out	EAX  0 or more, or a negative error
 *		EBX  handle | flags		EBX  badge, where there is one
 *		ESI  word 0			ESI, EDI, EBP  words 0 to 2 of a message
 *		EDI  word 1
 *		EBP  word 2
 *		ECX, EDX  for SYSENTER: the stack and the address to come back to; lost
 *
 * Numbers and layouts do not change once they are published: they are appended to. */
#pragma once
#include "lib/types.h"

#define SYSCALL_INT 0x80

/* -- handles ------------------------------------------------------------------ */

/* The low 16 bits of EBX name a handle of the calling process; 0 is none. */
#define HANDLE_MASK   0xffffu
#define MAX_HANDLES   4096u

/* A process is born with HANDLE_SELF, the first process with HANDLE_KERNEL as well. The
 * rest is custom: whoever starts a process gives it what it needs in these slots. */
#define HANDLE_SELF    1	/* its own process */
#define HANDLE_KERNEL  2	/* authority (AUTH_*); the first process has all of it */
#define HANDLE_INIT    3	/* endpoint of init, for looking services up */
#define HANDLE_SERVICE 4	/* a server's own endpoint, which init made for it */
#define HANDLE_CONTROL 5	/* endpoint of init, for starting and stopping servers */
#define HANDLE_PORTS   6	/* a driver's I/O ports */
#define HANDLE_IRQ     7	/* ... and its interrupt line */
#define HANDLE_FIRST_FREE 8

/* Rights. A copy never has more than what it was copied from. */
#define RIGHT_GIVE     (1u << 0)	/* may be copied and sent */
#define RIGHT_CALL     (1u << 1)	/* endpoint */
#define RIGHT_NOTIFY   (1u << 2)
#define RIGHT_RECEIVE  (1u << 3)	/* ... and choose badges. With the last handle that has it
					 * the endpoint ends: callers get -EPIPE. No message carries it: it
					 * is given to a process by its creator, before it starts */
#define RIGHT_READ     (1u << 4)	/* memory */
#define RIGHT_WRITE    (1u << 5)
#define RIGHT_EXECUTE  (1u << 6)
#define RIGHT_CONTROL  (1u << 7)	/* process: map, give, start, end */
#define RIGHT_WATCH    (1u << 8)	/* process: read its state */
#define AUTH_MODULES   (1u << 16)	/* kernel: load and unload */
#define AUTH_DEVICES   (1u << 17)	/* open devices of modules */
#define AUTH_PORTS     (1u << 18)	/* make handles of I/O ports */
#define AUTH_IRQ       (1u << 19)	/* make handles of interrupt lines */
#define AUTH_PHYS      (1u << 20)	/* make memory of physical addresses */
#define AUTH_PROCESS   (1u << 21)	/* start programs; end any task */
#define AUTH_POWER     (1u << 22)
#define AUTH_CONSOLE   (1u << 23)	/* write to the kernel's console */
#define AUTH_LAB       (1u << 24)	/* the laboratory: commands of the kernel */
#define AUTH_INFO      (1u << 25)	/* look at modules, tasks, memory */
#define AUTH_KEYBOARD  (1u << 26)	/* read what is typed there */
#define RIGHTS_ALL     0xffffffffu

/* -- messages ------------------------------------------------------------------ */

/* Flags of SYS_CALL and SYS_REPLY, in EBX above the handle. */
#define MSG_GRANT_READ  (1u << 16)	/* [word 1, + word 2) may be read by the server */
#define MSG_GRANT_WRITE (1u << 17)	/* ... written, until it answers */
#define MSG_GIVE        (1u << 18)	/* word 2 is a handle, of which the other side gets a copy */
#define MSG_NONBLOCK    (1u << 19)	/* receive: -EAGAIN instead of waiting */
/* Any other flag there, and any bit above the handle in a call that has no flags, is -EINVAL. */

/* What SYS_RECEIVE returns, and SYS_CALL when it was answered (the first, or the last). Only
 * a gift makes word 2 a handle of the receiver: without MSG_GIVE the other side has
 * chosen the number, and might name any. */
#define GOT_CALL         0	/* EBX badge of the handle it came by, words */
#define GOT_NOTIFICATION 1	/* ESI: the bits since the last one; EBX: the badges of the handles by
				 * which they came, ORed */
#define GOT_GIFT         2	/* as GOT_CALL, and word 2 is a handle that was given */
#define GOT_CLOSED       3	/* EBX: a badge (DUP_WATCH) of which no handle is left: no call comes
				 * with it any more */
/* Events on one side and calls on the other take turns, when both wait; so do, among events, notifications
 * and closed badges. */

/* w0 of the calls that the kernel makes to a process's supervisor in its name. */
#define FAULT_PAGE       0xf0000001u	/* | FAULT_WRITE, FAULT_FETCH; w1 address, w2 EIP */
#define FAULT_EXCEPTION  0xf0000002u	/* w1 vector, w2 EIP */
#define FAULT_WRITE      (1u << 8)
#define FAULT_FETCH      (1u << 9)
/* Answer in w0: */
#define FAULT_RETRY      0u
#define FAULT_END        1u

/* -- the calls ------------------------------------------------------------------ */

enum syscall {
	/* Messages. */
	SYS_NULL,		/* nothing; 0 */
	SYS_CALL,		/* endpoint|flags, words: waits for the answer's words.
				 * -EPIPE: the other side has gone */
	SYS_RECEIVE,		/* endpoint|flags: the next call or notification */
	SYS_REPLY,		/* 0 or a CALL handle|flags, words: answers who is served.
				 * The CALL handle is gone then, unless it failed */
	SYS_REPLY_RECEIVE,	/* endpoint|flags, words: both at once; nobody served: as RECEIVE */
	SYS_SAVE_CALLER,	/* 0 or endpoint, bits: a CALL handle for the client being served, to be answered later. The
				 * bits are raised there if the caller is ended first; needs RIGHT_RECEIVE */
	SYS_NOTIFY,		/* endpoint, bits: -EPERM if one of them is not in the handle's mask */
	SYS_ALARM,		/* endpoint, bits, microseconds: notifies once, then; 0 us: never mind */
	SYS_COPY,		/* 0 or CALL handle|COPY_TO_CALLER, offset, buffer, length: from or
				 * to the grant of who is served. Bytes copied: fewer at its end */
	/* Handles. */
	SYS_CLOSE,		/* handle */
	SYS_DUP,		/* handle|DUP_WATCH, rights, badge (0: the same; else RIGHT_RECEIVE is
				 * needed, or anybody could take anybody's badge), mask: a new handle. It
				 * raises no other bits than those of mask (0: the same) */
	SYS_ENDPOINT,		/* a new endpoint, all rights */
	/* Memory. */
	SYS_MEMORY,		/* pages: new memory, zeroed, all rights */
	SYS_MEMORY_PHYS,	/* kernel, page number, pages: device memory */
	SYS_MAP,		/* process (0: own), struct map_args *: the address, below
				 * -MAX_ERRNO */
	SYS_UNMAP,		/* process, address, pages: all mappings in there, none in part */
	/* Processes and threads. */
	SYS_PROCESS,		/* kernel, struct process_args *: a stopped process */
	SYS_PROCESS_GIVE,	/* process, slot (0: any), handle, rights: the slot. -EPERM: with RIGHT_RECEIVE,
				 * and it has started or is not the caller's child */
	SYS_PROCESS_START,	/* process: -EBUSY: it has been started */
	SYS_PROCESS_END,	/* process, exit code */
	SYS_PROCESS_STATUS,	/* process, struct process_status * */
	SYS_EXIT,		/* -, code: the calling process ends */
	SYS_THREAD,		/* -, EIP, ESP, argument (in EAX there): a thread of the caller */
	SYS_THREAD_EXIT,
	SYS_PRIORITY,		/* -, priority, not above what the process was given */
	SYS_AFFINITY,		/* -, CPUs 0 to 31, 32 to 63: where the calling thread may run, from now */
	SYS_YIELD,
	SYS_SLEEP,		/* -, microseconds */
	SYS_CLOCK,		/* ESI, EDI: ns since the boot, low and high; EBP: TSC kHz */
	/* Hardware. */
	SYS_PORTS,		/* kernel, first, count: a handle */
	SYS_PORTS_ENABLE,	/* ports: in and out work from now on, for the whole process */
	SYS_IRQ,		/* kernel, line: a handle */
	SYS_IRQ_BIND,		/* irq, endpoint, bits: an interrupt notifies; a level-triggered line
				 * is then masked */
	SYS_IRQ_ACK,		/* irq: until this */
	/* Devices of modules. */
	SYS_OPEN,		/* kernel, name, length, DEVICE_NONBLOCK or 0: a FILE handle */
	SYS_READ,		/* file, buffer, length */
	SYS_WRITE,
	SYS_IOCTL,		/* file, cmd, arg. -EINVAL: one of them is where modules lie
				 * (0xdffff000 to 0xea000fff) */
	/* Modules. */
	SYS_MODULE_LOAD,	/* kernel, struct module_args * */
	SYS_MODULE_UNLOAD,	/* kernel, struct module_args * */
	/* The machine. */
	SYS_CONSOLE_WRITE,	/* kernel, buffer, length */
	SYS_CONSOLE_READ,	/* keyboard, buffer, length: what was typed; 0 when nothing was, or the
				 * keyboard is another's. A byte CONSOLE_LOST stands for characters
				 * that were lost there */
	SYS_CONSOLE_BIND,	/* kernel, endpoint, bits: a key notifies. The handle that it returns is the
				 * keyboard, which goes back to its last holder when it is closed, or
				 * the endpoint has no receiver any more */
	SYS_COMMAND,		/* kernel, text, length: runs a command of the kernel's laboratory
				 * and returns its status. Its output goes to the console. A kill
				 * is its Ctrl-C: it cleans up first, then the process ends */
	SYS_INFO,		/* kernel, what, struct info_args * */
	SYS_POWER,		/* kernel, POWER_*, exit status */
	SYS_TASK_END,		/* kernel, id: ends the process whose thread that is, or asks a task of the
				 * kernel to end. -ESRCH; -ENOTSUP: the kernel needs it, it never ends */
	NR_SYSCALLS
};

#define CONSOLE_LOST 0xffu		/* no byte of UTF-8 (RFC 3629, section 1) */
#define COPY_TO_CALLER (1u << 16)	/* flag of SYS_COPY */
#define DUP_WATCH      (1u << 16)	/* of SYS_DUP, of an endpoint, with a badge: GOT_CLOSED once the new handle
					 * and all copies of it are closed, by hand or by the end of a process */
#define DEVICE_NONBLOCK 1u		/* of SYS_OPEN: -EAGAIN instead of waiting */

struct map_args {
	u32 memory;			/* handle */
	u32 address;			/* page aligned; 0: anywhere */
	u32 first, pages;		/* of the memory */
	u32 rights;			/* RIGHT_READ, _WRITE, _EXECUTE; never the last two together */
};

struct process_args {
	u32 name, name_len;		/* of the executable in the boot archive */
	u32 args, args_len;		/* one string. A copy lies at the top of its stack, terminated;
					 * its first thread finds the address in EAX (as
					 * SYS_THREAD). Its first word is the process's name
					 * (for ps); none: the executable's */
	u32 supervisor;			/* endpoint that gets its faults as calls; 0: none, a fault ends it */
	u32 badge;			/* with which they come, if its creator may receive there */
	u32 ended_bits;			/* notified there when it has ended and what it had is given
					 * back; 0: nothing */
	u32 priority;			/* at most the caller's; 0: the caller's */
	u32 image, image_len;		/* the executable in the caller's memory, of which a copy is read; 0: the
					 * archive's. Then name is only what it is called */
	u32 text, text_size;		/* out: why it failed, as a sentence, terminated; or "" */
};

/* A process ends at the latest with the one that created it (-ECANCELED). */

#define PRIORITY_LOW     8
#define PRIORITY_NORMAL 16
#define PRIORITY_HIGH   24

struct process_status {
	u32 ended;			/* 0 or 1 */
	s32 code;			/* exit code, or a negative error: how it was ended */
	u32 id;				/* of its first thread */
	u32 pages, handles, threads;
};

/* Flags as of 2.6's delete_module (seed: Rusty Russell's patch of January 2004), and more. */
#define MODULE_NONBLOCK (1u << 0)	/* O_NONBLOCK: in use is an error, at once */
#define MODULE_FORCE    (1u << 1)	/* O_TRUNC: go ahead, taint */
#define MODULE_REVOKE   (1u << 2)	/* cut open files off */
#define MODULE_DEPS     (1u << 3)	/* and what it depended on, if nobody else does */
#define MODULE_VERBOSE  (1u << 4)	/* text: also how it went, and who was inside */
#define MODULE_PROBE    (1u << 5)	/* of a load: no error if it is there; waits for one that comes or goes */
/* Without MODULE_NONBLOCK: waits, until the deadline. */
#define PATIENCE_FOREVER 0xffffffffu

#define MODULE_NAME_MAX 31u

struct module_args {
	u32 name, name_len;
	u32 params, params_len;		/* of a load */
	u32 flags;			/* MODULE_*; unknown ones are -EINVAL */
	u32 patience_us;		/* of an unload; 0: a second */
	u32 text, text_size;		/* out: what there is to say, terminated: when it failed the
					 * reason, "uart is in use by ..."; else lines, or nothing */
	u32 report, report_size;	/* out: struct unload_summary; 0: not wanted */
	u32 image, image_len;		/* of a load: the file in the caller's memory, of which a copy is checked
					 * and loaded; 0: the archive's. Not with MODULE_PROBE */
};

#define IMAGE_MAX (2u << 20)		/* bytes of an image; more is -E2BIG */

struct unload_summary {
	u64 total_ns, held_ns;
	u32 tries, broadcasts, inspected, skipped, words, insiders;
	u32 forgotten, forgotten_allocs, revoked, rolled_back;
	char strategy[16];
	u64 asker_held_ns;
	u32 ipis;
	char exit_left_at[64];
};

#define POWER_OFF    0
#define POWER_REBOOT 1

enum info {				/* -ENOENT: beyond the last */
	INFO_COMMAND,			/* index: struct info_command */
	INFO_MODULE,			/* index: name of a loaded module */
	INFO_ARCHIVE,			/* index: name of a file of the boot archive: "uart.ko", "init" */
	INFO_DEVICE,			/* index: struct info_device, of a module */
	INFO_TASK,			/* index: struct info_task */
	INFO_BOOT_OPTION,		/* buffer holds a name in, its value out */
	INFO_COMPLETION,		/* index; buffer holds a kernel command's name in, out: what may
					 * follow it */
	INFO_PROGRAM,			/* buffer holds a program's name in, struct info_command out */
	INFO_KEYBOARD,			/* index: what kind of keyboard the machine has; beyond the last: none answered */
};

/* The note of a program's ELF file in which it describes itself: usage and gist, each with its NUL
 * (user/lib/program_help.h). */
#define PROGRAM_NOTE      "Quiesce"
#define PROGRAM_NOTE_HELP 1

struct info_args { u32 index; u32 buffer, size; };
struct info_command { char name[24], usage[128], gist[128]; };
struct info_device { char name[24], module[32]; };
struct info_task { u32 id, process, state, prio, cpu; char name[24]; };
