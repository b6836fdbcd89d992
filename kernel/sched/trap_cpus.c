/* Where CPUs stand while a module is taken out: Johnson's trap. */
#include "sched/rq.h"
#include "sched/sync.h"
#include "smp/races.h"
#include "x86/atomic.h"
#include "x86/panic.h"
#include "x86/trap.h"

volatile u32 module_remove;
u32 module_remove_asker;
struct parking parking[NR_CPUS];
void (*volatile look_in_passing)(u32 sp);

/* Interrupts are on: this CPU serves IPIs while it stands here. The order in which
 * it says so is what the asker relies on:
 *
 *	CPU 0 (asker)			CPU 1 (parks)
 *	module_remove = n
 *	IPI				registers to the stack
 *					parking.sp = where
 *	trap == n? (acquire)		parking.trap = n (release)
 *	reads parking.sp, the stack	...
 *	module_remove = 0
 *					parking.trap = 0, goes on */
static u32 stand(void *arg, u32 sp)
{
	struct parking *p = arg;
	u32 trap = module_remove;

	/* It may have ended since park_cpu() looked. To wait for the end of no trap
	 * would be to wait for the next one; and the next may be a census, which
	 * wants nobody to stand. */
	if (!trap || look_in_passing)
		return 0;
	p->sp = sp;
	sync_point("trap:parks");
	store_release(&p->trap, trap);
	race_waits(true);
	while (module_remove == trap)
		cpu_relax();
	store_release(&p->trap, 0);
	race_waits(false);
	return 0;
}

static u32 pass_by(void *arg, u32 sp)
{
	void (*look)(u32 sp) = arg;

	look(sp);
	return 0;
}

/* Context: the head of schedule(): preempt_count 1, no spin lock held,
 * interrupts on (asserted). What is `current` here stands still, except for
 * interrupts. */
void park_cpu(void)
{
	u32 cpu = this_cpu()->id;

	ASSERT(this_cpu_read(preempt_count) == 1 && irqs_enabled() && !in_interrupt());
	DEBUG_ASSERT(this_cpu()->nr_held == 0);
	/* The next trap, or a census, may begin before this CPU has seen the end of the last. Who
	 * sets both sets look_in_passing first, and they are read in the other order. */
	while (module_remove) {
		void *look = look_in_passing;
		if (look) {
			with_registers_on_stack(pass_by, look);
			wipe_dead_stack();	/* it looked for a range, and so had its bounds */
			return;
		}
		if (READ_ONCE(module_remove_asker) == cpu)
			return;
		with_registers_on_stack(stand, &parking[cpu]);
	}
}
