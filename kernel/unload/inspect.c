#include "unload/inspect.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

#define SAMPLE_LIMIT_NS (20 * NSEC_PER_MSEC)

static u32 last_number;		/* atomic */

/* Field by field: most of it is written only when somebody is found. */
void inspection_init(struct inspection *in, struct unload *u)
{
	in->u = u;
	in->owner = &u->mod->owner;
	in->start = u->mod->owner.base - PAGE_SIZE;
	in->size = u->mod->owner.size + 2 * PAGE_SIZE;
	in->nr_insiders = 0;
}

static void drop_insiders(struct inspection *in)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++)
		task_put(in->insider[i].task);
	in->nr_insiders = 0;
}

void inspection_begin(struct inspection *in)
{
	drop_insiders(in);
	in->number = atomic_add(&last_number, 1);
	in->nr_unseen = 0;
	in->silent = 0;
	in->epoch_changed = false;
	memset(in->on_cpu, 0, nr_cpus * sizeof(in->on_cpu[0]));
	in->u->report.tries++;
}

void inspection_end(struct inspection *in)
{
	drop_insiders(in);
}

/* Four instructions a word. */
const u32 *scan_words(const u32 *p, const u32 *end, u32 start, u32 size)
{
	for (; p + 4 <= end; p += 4) {
		if (unlikely(p[0] - start < size)) return p;
		if (unlikely(p[1] - start < size)) return p + 1;
		if (unlikely(p[2] - start < size)) return p + 2;
		if (unlikely(p[3] - start < size)) return p + 3;
	}
	for (; p < end; p++) {
		if (*p - start < size)
			return p;
	}
	return NULL;
}

/* The innermost return address into the module on the chain of frames that
 * starts at `ebp`: then a hit is no stale word. 0: none. Reads only between sp
 * and top. */
static u32 returns_into(const struct owner *o, u32 ebp, u32 sp, u32 top)
{
	while (ebp >= sp && ebp + 8 <= top && !(ebp & 3)) {
		const u32 *frame = (const u32 *)ebp;
		if (owner_holds(o, frame[1]))
			return frame[1];
		if (frame[0] <= ebp)
			return 0;
		ebp = frame[0];
	}
	return 0;
}

/* Reads one stack. `ebp`: the frame pointer that goes with sp. Any context. */
static bool finds_module(const struct inspection *in, const struct task *t, u32 sp, u32 ebp,
                         struct insider *found)
{
	u32 top = task_stack_top(t);
	const u32 *hit = scan_words((const u32 *)sp, (const u32 *)top, in->start, in->size);

	if (!hit)
		return false;
	u32 back = returns_into(in->owner, ebp, sp, top);
	*found = (struct insider){
		.task = (struct task *)t,
		.cpu = t->cpu,
		.offset = (back ? back : *hit) - in->owner->base,
		.certain = back != 0,
	};
	return true;
}

/* Counts it; keeps it, with its reference, while there is room. */
static bool note_insider(struct inspection *in, const struct insider *found)
{
	if (in->nr_insiders++ >= MAX_INSIDERS)
		return false;
	in->insider[in->nr_insiders - 1] = *found;
	return true;
}

/* On the asked CPU, in its answer: what it holds lies on its stack from sp up;
 * below is only this code, with the range itself in its variables. */
static void sample(void *arg, const struct regs *regs, u32 sp)
{
	struct inspection *in = arg;
	struct insider *found = &in->on_cpu[this_cpu()->id];
	struct task *t = current;
	u32 ebp = regs ? regs->ebp : 0;

	if (finds_module(in, t, sp, ebp, found)) {
		task_get(t);	/* here, where it cannot go away before it is noted */
		if (regs && owner_holds(in->owner, regs->eip)) {
			found->offset = regs->eip - in->owner->base;
			found->certain = true;
		}
		return;
	}
	t->inspected = in->number;
}

void inspect_cpus(struct inspection *in, cpumask_t cpus)
{
	u32 cpu;

	if (!cpus)
		return;
	preempt_disable();		/* or this CPU would be another one meanwhile */
	cpus &= cpus_others();
	cpumask_t silent = smp_call(cpus, sample, in, SAMPLE_LIMIT_NS);
	preempt_enable();
	in->silent |= silent;
	for_each_cpu_in(cpu, cpus & ~silent) {
		struct task *t = in->on_cpu[cpu].task;
		if (t && !note_insider(in, &in->on_cpu[cpu]))
			task_put(t);
	}
}

/* Where the registers of a task that does not run were saved: 0 when it runs. */
static u32 resting_sp(const struct inspection *in, const struct task *t)
{
	if (t == current)
		return in->u->asker_sp;
	/* The switch saves sp, then releases on_cpu; read in the other order. */
	if (!load_acquire(&t->on_cpu))
		return t->sp;
	if (module_remove && load_acquire(&parking[t->cpu].trap) == module_remove)
		return parking[t->cpu].sp;
	return 0;
}

/* A task that left its CPU before the module came holds nothing of it. */
static bool has_not_run_since_load(const struct inspection *in, const struct task *t)
{
	return (s32)(t->ran_generation - in->owner->generation) < 0 && !load_acquire(&t->on_cpu);
}

/* Reads the stack of a task that rests; passes it, or notes it. */
static void read_resting(struct inspection *in, struct task *t, u32 sp)
{
	struct insider found;

	in->u->report.inspected++;
	in->u->report.words += (task_stack_top(t) - sp) / sizeof(u32);
	/* switch.asm and with_registers_on_stack() push edi, esi, ebx, ebp. The top:
	 * an asker that is exempt as a whole. */
	bool hit = sp != task_stack_top(t) &&
	           finds_module(in, t, sp, ((const u32 *)sp)[3], &found);
	/* What the asker's own stack shows does not change while it waits for itself.
	 * It is inside when it returns there (a module that asks for its own removal);
	 * a word that may be stale would be so for ever, and who calls module_unload()
	 * keeps no address of the module for later. */
	if (hit && (t != current || found.certain)) {
		if (note_insider(in, &found))
			task_get(t);
	} else {
		t->inspected = in->number;
	}
}

static void inspect_task(struct inspection *in, struct task *t)
{
	u32 sp;

	if (t->inspected == in->number)
		return;
	if (task_is_dead(t))		/* off its stack for good */
		return;
	sp = resting_sp(in, t);
	if (sp)
		read_resting(in, t, sp);
	else if (!in->on_cpu[t->cpu].task)
		in->nr_unseen++;	/* it runs, and its CPU's answer was no, or did not come */
}

bool inspect_tasks_and_commit(struct inspection *in, u32 epoch)
{
	struct task *t;
	bool quiet;

	ASSERT(this_cpu_read(preempt_count));
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	list_for_each(t, &tasklist, all_node) {
		if (has_not_run_since_load(in, t))
			in->u->report.skipped++;
		else
			inspect_task(in, t);
	}
	/* The task list is closed while this is decided: a child that was born behind
	 * our back would be of a task that has passed, and so not inside either.
	 * But somebody who was inside may have handed a pointer to one who
	 * had been passed already; every core function that would carry it raised the
	 * epoch, under the lock that owner_commit_gone() takes:
	 *
	 *   CPU 0 (inspects)         CPU 1 (inside, not parked)
	 *   passes task B
	 *                            queues work for B's worker: held back, epoch + 1
	 *                            leaves the module
	 *   passes task A
	 *   epoch changed: void
	 */
	quiet = !in->nr_insiders && !in->nr_unseen && !in->silent;
	spin_unlock_irqrestore(&tasklist_lock, flags);
	if (!quiet)
		return false;
	in->epoch_changed = !owner_commit_gone(in->owner, epoch);
	return !in->epoch_changed;
}

/* -- while all run on (census) --------------------------------------------------------- */

/* What look_at_passer() looks for. The range is written before its number, and read
 * after it, so a look that comes late, into the next inspection, marks with a number
 * that nobody asks for any more. */
static struct {
	u32 start, size;
	u32 number;
	u32 found;			/* number of the inspection in which somebody was inside */
} passing;				/* under module_remove_mutex, but read by all */

static void look_at_passer(u32 sp)
{
	u32 number = load_acquire(&passing.number);
	const u32 *top = (const u32 *)task_stack_top(current);

	if (current->inspected == number)
		return;
	if (scan_words((const u32 *)sp, top, passing.start, passing.size))
		WRITE_ONCE(passing.found, number);	/* whoever finds it at rest gives it a name */
	else
		current->inspected = number;
}

void inspection_watch(struct inspection *in)
{
	mutex_lock(&module_remove_mutex);
	read_resting(in, current, in->u->asker_sp);
	in->newest = newest_task_id();
	passing.start = in->start;
	passing.size = in->size;
	store_release(&passing.number, in->number);
	look_in_passing = look_at_passer;
	module_remove = next_trap();
}

void inspection_unwatch(struct inspection *in)
{
	module_remove = 0;
	look_in_passing = NULL;
	if (READ_ONCE(passing.found) == in->number && !in->nr_insiders)
		in->nr_unseen++;
	mutex_unlock(&module_remove_mutex);
}

/* Its run queue is locked. */
static void look_at_resting(struct task *t, u32 sp, void *arg)
{
	struct inspection *in = arg;

	if (t->state == TASK_ZOMBIE) {		/* and off its stack: it never runs again */
		t->inspected = in->number;
	} else if (has_not_run_since_load(in, t)) {
		in->u->report.skipped++;
		t->inspected = in->number;
	} else {
		read_resting(in, t, sp);
	}
}

/* Is it one of the insiders that are known already? */
static bool is_noted(const struct inspection *in, const struct task *t)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++) {
		if (in->insider[i].task == t)
			return true;
	}
	return false;
}

cpumask_t inspect_resting_tasks(struct inspection *in, u32 round)
{
	cpumask_t running = 0;

	for (struct task *t = task_next(NULL); t; t = task_next(t)) {
		if (t->inspected == in->number || is_noted(in, t))
			continue;
		if (task_look_at_rest(t, look_at_resting, in))
			continue;
		/* The second claim of census.c: after two rounds only the newly born are left. */
		ASSERT(round < 2 || t->id > in->newest || t->inspected == in->number ||
		       in->silent || in->nr_insiders || READ_ONCE(passing.found) == in->number);
		running |= CPU_BIT(READ_ONCE(t->cpu));
	}
	return running;
}

bool inspection_is_void(const struct inspection *in)
{
	return in->nr_insiders || in->nr_unseen || in->silent || READ_ONCE(passing.found) == in->number;
}

bool inspection_commit(struct inspection *in, u32 epoch)
{
	if (inspection_is_void(in))
		return false;
	in->epoch_changed = !owner_commit_gone(in->owner, epoch);
	return !in->epoch_changed;
}
