#include "entry/call_check.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/task.h"
#include "smp/spinlock.h"
#include "x86/console.h"
#include "x86/symbols.h"

/* Where a CPU holds a lock, preemption is off: so with preemption on there is none, and the task may move. */
struct call_check call_check_begin(void)
{
	u32 preempt = this_cpu_read(preempt_count);

	return (struct call_check){ .preempt = preempt, .nr_held = preempt ? this_cpu()->nr_held : 0,
	                            .irqs = irqs_enabled() };
}

static void add(char *text, u32 size, const char *what)
{
	u32 used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used ? ", " : "", what);
}

/* Releases the locks above the first `nr`, and lists them. Interrupts off; preemption stays off. */
static void release_locks(u32 nr, char *text, u32 size)
{
	struct cpu *c = this_cpu();

	while (c->nr_held > nr) {
		struct spinlock *l = (struct spinlock *)c->held[c->nr_held - 1];
		char where[160], what[240];

		symbolise(l->where - 1, where, sizeof(where));
		snprintf(what, sizeof(what), "with spin lock '%s' held, taken at %s", l->name, where);
		add(text, size, what);
		spin_unlock_pinned(l);
	}
}

static void end_process(char *text, u32 size)
{
	char what[48];

	if (in_interrupt() || !current->user)
		return;
	snprintf(what, sizeof(what), "task %u (%s) ends for it", current->id, current->name);
	add(text, size, what);
	(void)task_kill(current);
}

static void report(const char *what, const void *fn, const char *left)
{
	char name[160], more[64] = "";

	symbolise((u32)fn, name, sizeof(name));
	end_process(more, sizeof(more));
	printk("%s of a module, %s, returned %s; that is taken back%s%s\n", what, name, left, *more ? "; " : "", more);
}

bool call_check_end(struct call_check c, const char *what, const void *fn)
{
	u32 preempt = this_cpu_read(preempt_count);
	bool irqs = irqs_enabled();
	char left[400] = "";

	if (likely(preempt == c.preempt && irqs == c.irqs))
		return true;
	irq_disable();			/* until the count is right again, this CPU switches to no other task */
	release_locks(c.nr_held, left, sizeof(left));
	if (!*left && preempt > c.preempt)
		add(left, sizeof(left), "with preemption off");
	if (preempt < c.preempt)
		add(left, sizeof(left), "with preemption enabled more often than disabled");
	if (irqs != c.irqs)
		add(left, sizeof(left), irqs ? "with interrupts on" : "with interrupts off");
	this_cpu_write(preempt_count, c.preempt);
	report(what, fn, left);
	if (c.irqs)
		irq_enable();
	return false;
}

int call_check_size(struct call_check c, const char *what, const void *fn, int n, u32 len)
{
	char left[64];

	if (!call_check_end(c, what, fn))
		return n;
	if (n <= 0 || (u32)n <= len)
		return n;
	snprintf(left, sizeof(left), "%d, but its buffer has %u bytes", n, len);
	report(what, fn, left);
	return -EIO;
}
