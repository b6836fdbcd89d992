#include "unload/inspect.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/callers.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "smp/held.h"
#include "smp/idle.h"
#include "smp/ipi.h"
#include "unload/ahead.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/panic.h"

#define SAMPLE_LIMIT_NS (20 * NSEC_PER_MSEC)

u64 last_inspection;			/* under module_remove_mutex */

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

void inspection_take_turn(struct inspection *in)
{
	u64 asked = clock_ns();

	mutex_lock(&module_remove_mutex);
	in->u->deadline += clock_ns() - asked;
	in->number = ++last_inspection;	/* in the order of turns: see pass() */
	in->epoch = owner_epoch(in->owner);
}

void inspection_end_turn(void)
{
	mutex_unlock(&module_remove_mutex);
}

/* A mark says of its task: outside, at some instant of that inspection. It never goes back: a look
 * that began in an earlier inspection, and comes late, leaves the later one's mark alone.
 *
 *	CPU 0 (census n ends, n + 1 begins)	CPU 1 (task T)
 *						in schedule(): looks at itself for n
 *	asks CPU 1				  answers: T has passed n + 1
 *						  the look for n says: outside
 *	round 2: T runs, passed n + 1		  (not: passed n, and T is seen as never
 *						  looked at)
 */
static always_inline void pass(struct task *t, u64 number) { rising_raise(&t->inspected, number); }

/* The same for the caller that has the turn: meanwhile no look marks with a later number. So while the high half
 * stays, to store the low one is enough: what comes in between is an earlier number, or this one. */
static always_inline void pass_in_turn(struct task *t, u64 number)
{
	volatile u32 *half = (volatile u32 *)&t->inspected;

	if (likely(half[1] == (u32)(number >> 32)))
		half[0] = (u32)number;
	else
		pass(t, number);
}

/* High half first: no mark is above the number of the inspection under way, so when that half is
 * its own it stays so. (To a late look, for an earlier number, any answer will do.) */
static always_inline bool has_passed(const struct task *t, u64 number)
{
	const volatile u32 *half = (const volatile u32 *)&t->inspected;

	return half[1] == (u32)(number >> 32) && half[0] == (u32)number;
}

/* The first word of [p, end) that points into the range; NULL. Others may write on a resting stack (to a
 * waiter of its task): each word is read whole, and is what it was or what it becomes. */
static unchecked noinline const u32 *scan_closely(const u32 *p, const u32 *end, u32 start, u32 size)
{
	for (; p < end; p++) {
		if (*p - start < size)
			return p;
	}
	return NULL;
}

/* The same. What points into the range begins with the highest byte of its bounds: for
 * all other words one comparison with memory is enough, two instructions. */
static unchecked_inline const u32 *scan_words(const u32 *p, const u32 *end, u32 start, u32 size)
{
	u8 high = start >> 24;

#define MAY_POINT(i) (((const u8 *)(p + (i)))[3] == high)
	if (unlikely((start + size - 1) >> 24 != high))
		return scan_closely(p, end, start, size);
	for (; p + 8 <= end; p += 8) {
		if (unlikely(MAY_POINT(0) || MAY_POINT(1) || MAY_POINT(2) || MAY_POINT(3) ||
		             MAY_POINT(4) || MAY_POINT(5) || MAY_POINT(6) || MAY_POINT(7)))
			return scan_closely(p, end, start, size);
	}
	for (; p < end; p++) {
		if (unlikely(MAY_POINT(0)))
			return scan_closely(p, end, start, size);
	}
#undef MAY_POINT
	return NULL;
}

/* Who was found: `hit` lies on the stack of `t`, which is used from sp up. `ebp`: the
 * frame pointer that goes with sp. Any context. */
static struct insider describe(const struct inspection *in, const struct task *t, const u32 *hit,
                               u32 sp, u32 ebp)
{
	/* The innermost return address into the module: then a hit is no stale word. */
	struct caller_walk w = callers_of(t, sp, ebp);
	u32 back = caller_next_in(&w, in->owner->base, in->owner->size);

	return (struct insider){
		.task = (struct task *)t,
		.cpu = t->cpu,
		.offset = (back ? back : *hit) - in->owner->base,
		.certain = back != 0,
		.ran = (u32)t->run_cycles,
	};
}

/* Counts it; keeps it, with its reference, while there is room. */
static bool note_insider(struct inspection *in, const struct insider *found)
{
	if (in->nr_insiders++ >= MAX_INSIDERS)
		return false;
	in->insider[in->nr_insiders - 1] = *found;
	return true;
}

static bool has_insider(const struct inspection *in, const struct task *t)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++)
		if (in->insider[i].task == t)
			return true;
	return false;
}

void inspection_add(struct inspection *in, struct task *t)
{
	const struct insider added = {
		.task = t, .cpu = READ_ONCE(t->cpu), .in_core = true, .ran = (u32)READ_ONCE(t->run_cycles),
	};

	if (has_insider(in, t) || !note_insider(in, &added))
		task_put(t);
}

/* How far up this CPU's own stack is read, in its answer. A handler of a module may be under way
 * on the stack of a task that is outside of all modules, if it was interrupted or serves calls
 * while it waits:
 *
 *	ring 3: a thread that sleeps, outside	(scan_top: nothing is read)
 *	  interrupt: the handler of a module	depth 1
 *	    waits for a lock, serves calls:
 *	      the look				depth 2: reads both
 */
static u32 top_of_answer(const struct task *t)
{
	return this_cpu_read(irq_depth) > 1 ? t->kernel_top : t->scan_top;
}

/* On the asked CPU, in its answer: what it holds lies on its stack from sp up;
 * below is only this code, with the range itself in its variables. */
static noinline void look_at_self(struct inspection *in, const struct regs *regs, u32 sp)
{
	struct task *t = current;
	const u32 *top = (const u32 *)top_of_answer(t);
	const u32 *hit = scan_words((const u32 *)sp, top, in->start, in->size);

	if (!hit) {
		pass(t, in->number);
		return;
	}
	task_get(t);		/* here, where it cannot go away before it is noted */
	struct insider found = describe(in, t, hit, sp, regs ? regs->ebp : 0);
	if (regs && owner_holds(in->owner, regs->eip)) {
		found.offset = regs->eip - in->owner->base;
		found.certain = true;
	}
	in->on_cpu[this_cpu()->id] = found;
}

/* What looked for the range leaves its bounds behind in dead stack. The task may be on its way
 * to rest: frames of schedule() would be built upon them, with slots that nobody writes. */
static void sample(void *arg, const struct regs *regs, u32 sp)
{
	look_at_self(arg, regs, sp);
	wipe_dead_stack();
}

/* The idle tasks of CPUs that are idle: outside at this instant, and what they load later comes after
 * the close of the records (smp/idle.c). Returns the other CPUs. */
static cpumask_t pass_idle(struct inspection *in, cpumask_t mask)
{
	cpumask_t idle = cpus_idle(mask);
	u32 cpu;

	for_each_cpu_in(cpu, idle)
		pass_in_turn(cpus[cpu]->idle, in->number);
	return mask & ~idle;
}

void inspect_cpus(struct inspection *in, cpumask_t cpus)
{
	u32 cpu;

	if (!cpus)
		return;
	preempt_disable();		/* or this CPU would be another one meanwhile */
	cpus = pass_idle(in, cpus & cpus_others());
	cpumask_t silent = smp_call(cpus, sample, in, SAMPLE_LIMIT_NS);
	preempt_enable();
	in->silent |= silent;
	for_each_cpu_in(cpu, cpus & ~silent) {
		struct task *t = in->on_cpu[cpu].task;
		if (t && !note_insider(in, &in->on_cpu[cpu]))
			task_put(t);
	}
}

/* Where the registers of a task were saved whose CPU stands in schedule(); 0: it does not.
 * Who stands there is asked last: a CPU that stands switches no more.
 *
 *   CPU 0 (inspects)         CPU 1 (was past the flag)
 *   A runs on CPU 1
 *                            switches from A to B; B parks
 *   CPU 1 stands: with its
 *   sp in B's stack, not A's
 */
static u32 parked_sp(const struct task *t)
{
	u32 cpu = READ_ONCE(t->cpu);

	if (!module_remove || load_acquire(&parking[cpu].trap) != module_remove ||
	    READ_ONCE(cpus[cpu]->task) != t)
		return 0;
	return parking[cpu].sp;
}

/* There is a hit on the stack of a task that rests. switch.asm and
 * with_registers_on_stack() push edi, esi, ebx, ebp.
 *
 * What the asker's own stack shows does not change while it waits for itself. It is
 * inside when it returns there (a module that asks for its own removal); a word that may
 * be stale would be so for ever, and who calls module_unload() keeps no address of the
 * module for later. */
static noinline void note_hit(struct inspection *in, struct task *t, const u32 *hit, u32 sp)
{
	struct insider found = describe(in, t, hit, sp, ((const u32 *)sp)[3]);

	if (t == current && !found.certain)
		pass_in_turn(t, in->number);
	else if (note_insider(in, &found))
		task_get(t);
}

static always_inline const u32 *scan_stack(struct inspection *in, u32 sp, u32 top)
{
	in->u->report.inspected++;
	if (sp < top)
		in->u->report.words += (top - sp) / sizeof(u32);
	return scan_words((const u32 *)sp, (const u32 *)top, in->start, in->size);
}

bool stack_is_clean(struct inspection *in, const struct task *t)
{
	return !load_acquire(&t->on_cpu) && !scan_stack(in, READ_ONCE(t->sp), READ_ONCE(t->scan_top));
}

/* Reads the stack of a task that rests; passes it, or notes it. Nothing of an asker that
 * is exempt as a whole. */
static void read_resting(struct inspection *in, struct task *t, u32 sp)
{
	const u32 *hit = scan_stack(in, sp, t->scan_top);

	if (likely(!hit))
		pass_in_turn(t, in->number);
	else
		note_hit(in, t, hit, sp);
}

/* The switch saves sp, then releases on_cpu; read in the other order. And read again: a CPU
 * that was past the flag when it went up makes one more switch. Whom it switches to stays
 * there until the trap is over, so one look behind the reading tells.
 *
 *   CPU 0 (inspects)         CPU 1 (was past the flag)
 *   B rests
 *                            switches from A to B, which goes on in
 *   reads B's stack: what      the module, with other words on its stack
 *   was there is gone
 *   B rests? Not any more
 */
static always_inline void inspect_task(struct inspection *in, struct task *t)
{
	bool rests;
	u32 sp;

	if (has_passed(t, in->number))
		return;
	if (task_is_dead(t))		/* off its stack for good */
		return;
	rests = !load_acquire(&t->on_cpu);
	sp = t == current ? in->u->asker_sp : rests ? t->sp : parked_sp(t);
	if (sp)
		read_resting(in, t, sp);
	sync_point_about("trap:read", t->id);
	barrier();			/* loads stay in order on x86 */
	/* It runs, and its CPU's answer was no, or did not come. */
	if (rests ? load_acquire(&t->on_cpu) : !sp && !in->on_cpu[t->cpu].task)
		in->nr_unseen++;
}

/* Whose CPU still stands in the trap has got the CPU, but no further. */
static bool has_run(const struct insider *i)
{
	const struct task *t = i->task;

	if (load_acquire(&t->on_cpu))
		return !load_acquire(&parking[READ_ONCE(t->cpu)].trap);
	return (u32)READ_ONCE(t->run_cycles) != i->ran;
}

bool insiders_have_run(const struct inspection *in)
{
	for (u32 i = 0; i < MIN(in->nr_insiders, MAX_INSIDERS); i++) {
		if (!has_run(&in->insider[i]))
			return false;
	}
	return true;
}

/* Caller holds tasklist_lock. */
static void inspect_all_tasks(struct inspection *in)
{
	u32 generation = in->owner->generation, skipped = 0;
	struct task *t;

	list_for_each(t, &tasklist, all_node) {
		if (task_has_not_run_since(t, generation))
			skipped++;
		else
			inspect_task(in, t);
	}
	in->u->report.skipped += skipped;
}

bool inspect_tasks_and_commit(struct inspection *in)
{
	bool quiet;

	ASSERT(this_cpu_read(preempt_count));
	u32 flags = spin_lock_irqsave(&tasklist_lock);
	if (in->ahead)
		ahead_each_again(in, inspect_task);
	else
		inspect_all_tasks(in);
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
	in->epoch_changed = !owner_commit_gone(in->owner, in->epoch);
	return !in->epoch_changed;
}

/* -- while all run on (census) --------------------------------------------------------- */

/* What look_at_passer() looks for. The range is written before its number, and read
 * after it, so a look that comes late, into the next inspection, marks with a number
 * that nobody asks for any more. */
static struct {
	u32 start, size;
	u64 number aligned(8);		/* rises */
	u64 found aligned(8);		/* rises: the last inspection in which somebody was inside */
} passing;				/* under module_remove_mutex, but read by all */

static void look_at_passer(u32 sp)
{
	u64 number = rising_read(&passing.number);
	const u32 *top = (const u32 *)current->scan_top;
	u64 since = rdtsc();

	if (has_passed(current, number))
		return;
	sync_point("census:look");
	barrier();
	if (scan_words((const u32 *)sp, top, passing.start, passing.size))
		rising_raise(&passing.found, number);	/* it gets its name where it rests */
	else
		pass(current, number);
	held_since(since);
}

void inspection_watch(struct inspection *in)
{
	inspection_take_turn(in);
	read_resting(in, current, in->u->asker_sp);
	in->newest = newest_task();
	passing.start = in->start;
	passing.size = in->size;
	rising_raise(&passing.number, in->number);
	look_in_passing = look_at_passer;
	module_remove = next_trap();
}

void inspection_unwatch(struct inspection *in)
{
	module_remove = 0;
	look_in_passing = NULL;
	if (rising_read(&passing.found) == in->number && !in->nr_insiders)
		in->nr_unseen++;
	inspection_end_turn();
}

/* Its run queue is locked. */
static void look_at_resting(struct task *t, u32 sp, void *arg)
{
	struct inspection *in = arg;
	u64 since = rdtsc();

	if (t->state == TASK_ZOMBIE)		/* and off its stack: it never runs again */
		pass_in_turn(t, in->number);
	else
		read_resting(in, t, sp);
	held_since(since);		/* who comes to this run queue waits */
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

struct resting { struct inspection *in; u32 round; cpumask_t running; };

/* It neither passed nor has a stack that may be passed by. */
static noinline bool look_at_task(struct task *t, struct resting *r)
{
	struct inspection *in = r->in;

	if (has_passed(t, in->number) || is_noted(in, t))
		return false;
	if (task_look_at_rest(t, look_at_resting, in))
		return true;
	/* The second claim of census.c: after two rounds only the newly born are left. */
	ASSERT(r->round < 2 || t->born > in->newest || has_passed(t, in->number) ||
	       in->silent || in->nr_insiders || rising_read(&passing.found) == in->number);
	r->running |= CPU_BIT(READ_ONCE(t->cpu));
	return false;
}

/* One stack is read, at the most, before the list is let go. */
static bool visit(struct task *t, void *arg)
{
	struct resting *r = arg;

	if (!task_has_not_run_since(t, r->in->owner->generation))
		return look_at_task(t, r);
	if (!has_passed(t, r->in->number)) {
		pass_in_turn(t, r->in->number);
		r->in->u->report.skipped++;
	}
	return false;
}

cpumask_t inspect_resting_tasks(struct inspection *in, u32 round)
{
	struct resting r = { in, round, 0 };

	tasks_each(visit, &r);
	return r.running;
}

bool inspection_is_void(const struct inspection *in)
{
	return in->nr_insiders || in->nr_unseen || in->silent || rising_read(&passing.found) == in->number;
}

bool inspection_commit(struct inspection *in)
{
	if (inspection_is_void(in))
		return false;
	in->epoch_changed = !owner_commit_gone(in->owner, in->epoch);
	return !in->epoch_changed;
}
