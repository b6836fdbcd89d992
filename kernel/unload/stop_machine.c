/* After seed 003 (Rusty Russell, Jan 2004), whose states these are. */
#include "unload/stop_machine.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "smp/held.h"
#include "smp/ipi.h"
#include "x86/atomic.h"

enum stop_state { STOP_WAIT, STOP_PREPARE, STOP_DISABLE_IRQ, STOP_EXIT };

struct stop {
	volatile enum stop_state state;
	u32 acks;			/* atomic */
	u32 nr;				/* stoppers */
};

/* Two at once would each hold CPUs that the other needs. */
static struct mutex stop_mutex = MUTEX(stop_mutex, "stop machine");

/* What the new state asks of a stopper, once. */
static void follow(enum stop_state state)
{
	if (state == STOP_PREPARE) {
		preempt_disable();
	} else if (state == STOP_DISABLE_IRQ) {
		irq_disable();
	} else {
		irq_enable();
		preempt_enable();
	}
}

static void stopper(void *arg)
{
	struct stop *s = arg;
	enum stop_state seen = STOP_WAIT, state;
	bool prepared = false;
	u64 since = rdtsc();

	atomic_add(&s->acks, 1);		/* we are alive */
	do {
		state = s->state;
		if (state != seen && (state != STOP_EXIT || prepared)) {
			follow(state);
			prepared = true;
		}
		if (state == STOP_EXIT)
			held_since(since);
		if (state != seen)
			atomic_add(&s->acks, 1);	/* the last touch of *s, if it is the exit */
		seen = state;
		if (!prepared)
			yield();		/* let the others get started */
		cpu_relax();
		if (!irqs_enabled())
			ipi_serve();
	} while (state != STOP_EXIT);
}

static void wait_acks(struct stop *s)
{
	while (READ_ONCE(s->acks) != s->nr) {
		if (may_sleep())
			yield();
		cpu_relax();
	}
}

static void set_state(struct stop *s, enum stop_state state)
{
	s->acks = 0;
	store_release(&s->state, state);
	wait_acks(s);
}

static int start_stoppers(struct stop *s)
{
	char name[TASK_NAME_LEN];
	u32 cpu;

	for_each_cpu_in(cpu, cpus_others()) {
		snprintf(name, sizeof(name), "stopper/%u", cpu);
		struct task *t = task_create_on(cpu, name, PRIO_TOP, stopper, s);
		if (IS_ERR(t))
			return PTR_ERR(t);
		task_put(t);
		s->nr++;
	}
	return 0;
}

int stop_machine(int (*fn)(void *arg), void *arg)
{
	struct stop s = { .state = STOP_WAIT };
	u64 since;
	int ret;

	mutex_lock(&stop_mutex);
	since = rdtsc();
	preempt_disable();
	task_set_affinity(current, CPU_BIT(this_cpu()->id));
	preempt_enable();
	ret = start_stoppers(&s);
	wait_acks(&s);
	if (ret) {
		set_state(&s, STOP_EXIT);
		goto out;
	}
	preempt_disable();
	set_state(&s, STOP_PREPARE);		/* they hold their CPUs, ready */
	set_state(&s, STOP_DISABLE_IRQ);
	u32 flags = irq_save();
	ret = fn(arg);
	irq_restore(flags);
	set_state(&s, STOP_EXIT);
	preempt_enable();
out:
	held_since(since);		/* as a task of the highest priority that never sleeps */
	mutex_unlock(&stop_mutex);
	return ret;
}
