#include "sched/way_out.h"
#include "sched/rq.h"
#include "x86/clock.h"
#include "x86/panic.h"
#include "x86/trap.h"

#define EFLAGS_DF (1u << 10)

_Static_assert(offsetof(struct way_out, sp) == 0, "way_out.asm knows where sp is");

/* way_out.asm: u32, since a bool is one byte of it. */
u32 call_and_keep_sp(void (*fn)(void *arg), struct way_out *w, void *arg);
void way_out_taken(void) noreturn;
void take_way_out(u32 sp) noreturn;

/* Timer interrupt. The caller of fn() takes the alarm back before the task may end. */
static void time_is_over(struct ktimer *alarm)
{
	struct way_out *w = container_of(alarm, struct way_out, alarm);

	/* Before wake_interruptible() looks whether it sleeps: it locks. */
	WRITE_ONCE(w->overdue, true);
	wake_interruptible(w->task);
}

bool call_with_way_out(void (*fn)(void *arg), void *arg, u32 base, u32 size, u64 patience_ns, struct way_out *w)
{
	ASSERT(may_sleep());
	*w = (struct way_out){ .base = base, .size = size, .nr_mutexes = task_mutexes(current),
	                       .must_return = current->must_return, .outer = current->way_out,
	                       .entry_calls = current->entry_calls,
	                       .task = current };
	ktimer_init(&w->alarm, time_is_over);
	ktimer_arm(&w->alarm, clock_ns() + patience_ns);
	current->way_out = w;
	bool returned = call_and_keep_sp(fn, w, arg);
	current->way_out = w->outer;
	current->entry_calls = w->entry_calls;	/* those on the stack that was left are over */
	if (!returned)
		current->nr_mutexes -= w->own_mutexes;
	ktimer_cancel_sync(&w->alarm);
	return returned;
}

/* Only where nobody but the task itself can miss it: executing the code (not something
 * that it called), with no more mutexes than it came with but those of that code, and on no wait queue, whose
 * list would lead into the stack that is left. */
static bool may_be_left(const struct way_out *w, u32 eip)
{
	return eip - w->base < w->size && task_mutexes(current) - w->own_mutexes == w->nr_mutexes &&
	       current->must_return == w->must_return;
}

void way_out_count_mutex(u32 addr, u32 by)
{
	struct way_out *w = current->way_out;

	if (addr - w->base < w->size)
		w->own_mutexes += by;
}

/* The interrupt returns to way_out_taken() in place of the code. Within ring 0 IRET takes
 * no stack pointer from the frame (Intel SDM vol. 2, IRET), so it goes in a register. */
void way_out_take(struct regs *regs)
{
	struct way_out *w = current->way_out;
	bool preemptible = (regs->eflags & EFLAGS_IF) && !this_cpu_read(preempt_count) &&
	                   this_cpu_read(irq_depth) == 1;

	if (!READ_ONCE(w->overdue) || w->left_at || !preemptible || !may_be_left(w, regs->eip))
		return;
	w->left_at = regs->eip;
	regs->eip = (u32)way_out_taken;
	regs->eax = w->sp;
	regs->eflags &= ~EFLAGS_DF;
}

void way_out_take_at(u32 caller)
{
	struct way_out *w = current->way_out;

	if (likely(!way_out_overdue()) || w->left_at || !may_sleep() || !may_be_left(w, caller))
		return;
	if (!w->told) {
		w->told = true;
		return;
	}
	w->left_at = caller;
	take_way_out(w->sp);
}
