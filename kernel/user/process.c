/* The life of a process. Its threads are tasks, which end themselves: whoever wants it
 * to end marks it and kills them. The last one to leave takes everything apart.
 *
 *	CPU 0 (ends it)			CPU 1 (one of its threads)
 *	ipc_lock: state = ENDING,
 *	  kills each thread on the list,
 *	  takes it off its endpoint
 *					creates a thread: wants ipc_lock,
 *					  finds ENDING: -ESRCH
 *					on the way to ring 3, or in a sleep:
 *					  killed; thread_exit()
 *					ipc_lock: off the list; the last one?
 *					closes handles, frees memory: ENDED
 *
 * A thread leaves the address space before it leaves the list, so that the last one
 * frees page tables that no CPU has loaded. */
#include "user/process.h"
#include "ipc/wait.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "user/entry.h"
#include "user/uaccess.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/panic.h"

#define STACK_PAGES 8u
#define STACK_TOP   (USER_END - PAGE_SIZE)

static struct list processes = LIST_INIT(processes);	/* under ipc_lock */
static u32 nr_alive;

static int no_program(const char *name, const void **file, u32 *size)
{
	(void)name, (void)file, (void)size;
	return -ENOENT;
}
int (*program_find)(const char *name, const void **file, u32 *size) = no_program;

/* -- authority ----------------------------------------------------------------------- */

const struct object_kind kernel_kind = { .name = "kernel", .rights = RIGHT_GIVE | ~0xffffu };
struct object kernel_object = { &kernel_kind, 1 };	/* for ever */

/* -- birth ----------------------------------------------------------------------------- */

static void process_destroy(struct object *o);
const struct object_kind process_kind = {
	.name = "process",
	.rights = RIGHT_GIVE | RIGHT_CONTROL | RIGHT_WATCH,
	.destroy = process_destroy,
};

/* The stack, with the arguments at its top. */
static int make_stack(struct process *p, const char *args)
{
	struct memory *m = memory_new(STACK_PAGES);
	u32 size = strlen(args) + 1, at;
	int err;

	if (IS_ERR(m))
		return PTR_ERR(m);
	if (size > PAGE_SIZE / 2) {
		object_put(&m->object);
		return -E2BIG;
	}
	memcpy((u8 *)memory_page(m, STACK_PAGES - 1) + PAGE_SIZE - size, args, size);
	err = space_map(&p->space, m, STACK_TOP - STACK_PAGES * PAGE_SIZE, 0, STACK_PAGES,
	                RIGHT_READ | RIGHT_WRITE, &at);
	p->args = STACK_TOP - size;
	p->stack = ALIGN_DOWN(p->args, 16u);
	object_put(&m->object);
	return err;
}

static int fill(struct process *p, const struct process_plan *plan, const char **why)
{
	const void *file = plan->image;
	u32 size = plan->image_len;
	int err = file ? 0 : program_find(plan->name, &file, &size);

	*why = err ? "the boot archive has no such program" : "no memory";
	if (!err)
		err = handles_init(&p->handles);
	if (!err)
		err = exec_load(&p->space, file, size, &p->entry, why);
	if (!err)
		err = make_stack(p, plan->args);
	if (err == -E2BIG)
		*why = "its arguments are too long";
	/* From the beginning: nothing else gets into its slot. */
	if (!err)
		err = MIN(handle_add(&p->handles, HANDLE_SELF, &p->object, RIGHTS_ALL & ~RIGHT_GIVE, 0), 0);
	return err;
}

/* After the first word of its arguments: what its user called it. */
static void name_process(struct process *p, const struct process_plan *plan)
{
	const char *name = *plan->args ? plan->args : plan->name, *end = strchr(name, ' ');
	u32 len = end ? (u32)(end - name) : strlen(name);

	strlcpy(p->name, name, MIN(len + 1, (u32)sizeof(p->name)));
	for (char *c = p->name; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';		/* it is printed */
	}
}

struct process *process_new(const struct process_plan *plan, const char **why)
{
	struct process *p = kzalloc(sizeof(*p));
	u32 flags;
	int err;

	*why = "no memory";
	if (!p)
		return ERR_PTR(-ENOMEM);
	object_init(&p->object, &process_kind);
	space_init(&p->space);
	name_process(p, plan);
	p->badge = plan->badge;
	p->ended_bits = plan->ended_bits;
	p->priority = plan->priority;
	p->creator = plan->creator;
	list_init(&p->threads);
	wait_queue_init(&p->ended, "end of a process");
	err = fill(p, plan, why);
	if (err) {
		if (p->handles.slot)
			handles_close_all(&p->handles);
		space_destroy(&p->space);
		kfree(p);
		return ERR_PTR(err);
	}
	p->supervisor = plan->supervisor;
	if (p->supervisor)
		object_get(&p->supervisor->object);
	flags = spin_lock_irqsave(&ipc_lock);
	list_add_tail(&processes, &p->node);
	p->object.refs++;		/* of the living process: bury() drops it */
	nr_alive++;
	spin_unlock_irqrestore(&ipc_lock, flags);
	return p;
}

/* -- threads --------------------------------------------------------------------------- */

struct start { u32 eip, esp, arg; };

/* A new thread's way to ring 3. What it starts with is copied: enter_user() builds on
 * the top of this very stack. */
static void thread_main(void *arg)
{
	struct start *start = arg, s = *start;

	kfree(start);
	if (!current->user)
		return;			/* its process ended before it began */
	if (task_killed())
		thread_exit();
	enter_user(s.eip, s.esp, s.arg, task_stack_top(current));
}

static void init_thread(struct user_thread *t, struct process *p, struct task *task)
{
	*t = (struct user_thread){
		.task = task, .process = &p->object, .handles = &p->handles,
		.regs = (struct regs *)task_stack_top(task) - 1,
	};
	t->words = words_of(t->regs);
	list_init(&t->waiting);
}

/* Caller holds ipc_lock. */
static int join_process(struct user_thread *t, struct process *p, enum process_state state)
{
	if (p->state != state)
		return state == PROCESS_NEW ? -EBUSY : -ESRCH;	/* started already; ended */
	if (p->nr_threads >= PROCESS_MAX_THREADS)
		return -EMFILE;
	p->state = PROCESS_RUNNING;
	list_add_tail(&p->threads, &t->node);
	p->nr_threads++;
	p->object.refs++;
	if (!p->id)
		p->id = t->task->id;
	t->task->cr3 = space_cr3(&p->space);
	t->task->kernel_top = (u32)t->regs;
	t->task->scan_top = t->task->stack;	/* outside (inside.h) */
	t->task->user = t;
	return 0;
}

static int create_thread(struct process *p, struct start start, u32 prio, enum process_state state)
{
	struct user_thread *t = kzalloc(sizeof(*t));
	struct start *s = kmalloc(sizeof(*s));
	struct task *task = t && s ? task_create_stopped(p->name, prio, thread_main, s) : ERR_PTR(-ENOMEM);
	u32 flags;
	int err;

	if (IS_ERR(task)) {
		kfree(t);
		kfree(s);
		return PTR_ERR(task);
	}
	*s = start;
	init_thread(t, p, task);
	flags = spin_lock_irqsave(&ipc_lock);
	err = join_process(t, p, state);
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (!err)
		err = (int)task->id;
	else
		kfree(t);
	task_start(task);		/* without a process it ends at once */
	if (err < 0)
		task_put(task);
	return err;
}

int thread_create(struct process *p, u32 eip, u32 esp, u32 arg)
{
	return create_thread(p, (struct start){ eip, esp, arg }, current->base_prio, PROCESS_RUNNING);
}

int process_start(struct process *p)
{
	int err = create_thread(p, (struct start){ p->entry, p->stack, p->args }, p->priority, PROCESS_NEW);

	return MIN(err, 0);
}

/* -- the end ----------------------------------------------------------------------------- */

/* One that it has made and that lives, no longer its child, with a reference; NULL: none. */
static struct process *take_child(const struct process *creator)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	struct process *p, *found = NULL;

	list_for_each(p, &processes, node) {
		if (p->creator != creator)
			continue;
		p->creator = NULL;
		found = p;
		found->object.refs++;
		break;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	return found;
}

/* No process is left that could end them, or start those that have not begun. Each ends its own children
 * in the same way, in a thread of its own: there is no recursion. */
static void end_children(const struct process *p)
{
	struct process *child;

	while ((child = take_child(p))) {
		process_end(child, -ECANCELED);
		object_put(&child->object);
	}
}

/* Nobody runs in it. May sleep. */
static void bury(struct process *p)
{
	u32 flags;

	end_children(p);
	handles_close_all(&p->handles);
	space_destroy(&p->space);
	flags = spin_lock_irqsave(&ipc_lock);
	p->state = PROCESS_ENDED;
	list_del(&p->node);
	nr_alive--;
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (p->supervisor && p->ended_bits)
		(void)ipc_notify(p->supervisor, p->ended_bits, p->badge);	/* it may have ended itself */
	wake_all(&p->ended);
	object_put(&p->object);
}

bool process_end(struct process *p, s32 code)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	bool is_new = p->state == PROCESS_NEW, begins = is_new || p->state == PROCESS_RUNNING;
	struct user_thread *t;

	if (begins) {
		p->state = PROCESS_ENDING;
		p->code = code;
		list_for_each(t, &p->threads, node) {
			task_kill(t->task);
			/* Nobody is to call one who will not answer: he waits for who comes after. */
			if (t->wait == WAITS_RECEIVING)
				end_wait(t, -EINTR);
		}
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (is_new)
		bury(p);
	return begins;
}

bool process_end_of_thread(const struct task *task, s32 code)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	/* It takes itself off task->user without a lock, and goes behind this one. */
	const struct user_thread *t = READ_ONCE(task->user);
	struct process *p = t ? to_process(t->process) : NULL;

	if (p)
		p->object.refs++;
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (!p)
		return false;
	process_end(p, code);
	object_put(&p->object);
	return true;
}

/* From here on the task is one of the kernel's own. */
static void leave_space(void)
{
	preempt_disable();
	current->user = this_cpu()->user = NULL;
	current->cr3 = kernel_cr3();
	this_cpu_write(cr3, current->cr3);
	write_cr3(current->cr3);
	preempt_enable();
}

void thread_exit(void)
{
	struct user_thread *t = current->user;
	struct process *p = to_process(t->process);
	u32 flags;
	bool last;

	task_is_outside();		/* a driver that faulted is not returned to */
	task_begin_exit();		/* before bury() tells its supervisor */
	if (task_killed())
		process_end(p, -EINTR);
	leave_space();
	flags = spin_lock_irqsave(&ipc_lock);
	ipc_thread_ends(t);
	list_del(&t->node);
	last = --p->nr_threads == 0;
	if (last)
		p->state = PROCESS_ENDING;	/* with code 0, if nobody ended it */
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (last)
		bury(p);
	object_put(&p->object);
	task_put(t->task);
	kfree(t);
	task_exit();
}

void thread_killed(void) { thread_exit(); }

static void process_destroy(struct object *o)
{
	struct process *p = to_process(o);

	if (p->supervisor)
		object_put(&p->supervisor->object);
	kfree(p);
}

void process_wait(struct process *p)
{
	if (!wait_event(&p->ended, READ_ONCE(p->state) == PROCESS_ENDED))
		return;
	process_end(p, -EINTR);
	(void)wait_event_core(&p->ended, READ_ONCE(p->state) == PROCESS_ENDED, WAIT_FOREVER);
}

void process_status(struct process *p, struct process_status *out)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);

	*out = (struct process_status){
		.ended = p->state == PROCESS_ENDED, .code = p->code, .id = p->id,
		.pages = p->space.pages, .handles = p->handles.nr_used, .threads = p->nr_threads,
	};
	spin_unlock_irqrestore(&ipc_lock, flags);
}

u32 nr_processes(void) { return READ_ONCE(nr_alive); }
