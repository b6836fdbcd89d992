/* Processes: an address space, a table of handles, threads. */
#pragma once
#include "ipc/endpoint.h"
#include "sched/wait_queue.h"
#include "user/space.h"
#include "x86/descriptors.h"

#define PROCESS_MAX_THREADS 64u

enum process_state {
	PROCESS_NEW,			/* stopped: has memory and handles, but no thread yet */
	PROCESS_RUNNING,
	PROCESS_ENDING,			/* its threads are on their way out */
	PROCESS_ENDED,			/* nothing is left but this record */
};

struct process {
	struct object object;
	struct space space;
	struct handle_table handles;

	/* Fixed. */
	char name[TASK_NAME_LEN];
	struct endpoint *supervisor;	/* NULL: none. A reference */
	u32 badge, ended_bits;		/* what it is told there */
	u32 priority;			/* the most that its threads may have */
	u32 entry, stack, args;		/* of its first thread */

	/* Under ipc_lock. */
	const struct process *creator;	/* whose end is its end; not followed: NULL once that one ends, or
					 * for one that the kernel started */
	struct list node;		/* of all that have not ended */
	enum process_state state;
	s32 code;
	u32 id;				/* of its first thread; 0: none yet */
	struct list threads;		/* user_thread.node */
	u32 nr_threads;

	struct port_range ports[8];	/* that it may use */
	u32 nr_ports;
	u32 ports_version;		/* another one for each change of anybody's */

	struct wait_queue ended;	/* process_wait() */
};

extern const struct object_kind process_kind, kernel_kind;
/* What authority over the machine is a handle of. */
extern struct object kernel_object;

static inline struct process *to_process(struct object *o) { return container_of(o, struct process, object); }
/* The calling thread's. */
static inline struct process *current_process(void) { return to_process(current->user->process); }

/* Finds a program: 0 or -ENOENT. Set once by module/, which knows the boot archive. */
extern int (*program_find)(const char *name, const void **file, u32 *size);

struct process_plan {			/* a checked struct process_args */
	const char *name, *args;
	const void *image;		/* the executable, which must not change meanwhile; NULL: the archive's */
	u32 image_len;
	struct endpoint *supervisor;
	u32 badge, ended_bits, priority;
	const struct process *creator;
};

/* A stopped process with its program in memory, and one reference. On failure a
 * sentence in *why. May sleep. */
struct process *process_new(const struct process_plan *plan, const char **why) must_use;
/* Lets its first thread run. 0, -EBUSY (not new), -ENOMEM. */
int  process_start(struct process *p) must_use;
/* Begins its end, once (true); who runs in it leaves at its next step in ring 3 or out of its
 * next sleep. Task context, may sleep. */
bool process_end(struct process *p, s32 code);
/* The same for the process whose thread `task` is. False: it is the kernel's own. The caller
 * has a reference to it. Task context, may sleep. */
bool process_end_of_thread(const struct task *task, s32 code);
/* Waits until it has ended; the caller's own end, or Ctrl-C, ends it first. May sleep. */
void process_wait(struct process *p);
void process_status(struct process *p, struct process_status *out);
u32  nr_processes(void);

/* exec.c: reads an executable into a new address space. 0, -ENOEXEC, -ENOMEM. */
int  exec_load(struct space *s, const void *file, u32 size, u32 *entry, const char **why) must_use;
/* exec.c: usage and gist of a program of the archive (user/lib/program_help.h), "" and "" when it
 * tells none. 0, -ENOENT: no such program. Task context. */
int  exec_help(const char *name, struct info_command *out) must_use;

/* Another thread of process `p`: its task's id, or an error. */
int  thread_create(struct process *p, u32 eip, u32 esp, u32 arg) must_use;
/* Ends the calling thread, and the process with its last one. */
void thread_exit(void) noreturn;
