/* Johnson's trap: while module_remove is set, a CPU that comes to schedule()
 * stays at its head, interrupts on, with everything that its task holds in
 * memory. linux-kernel, 8 Jul 2002, step 3. */
#include "sched/rq.h"
#include "x86/atomic.h"
#include "x86/panic.h"
#include "x86/trap.h"

volatile u32 module_remove;
u32 module_remove_asker;
struct parking parking[NR_CPUS];
void (*volatile look_in_passing)(u32 sp);

/*
 *   CPU 1 (comes to schedule())        CPU 0 (asker)
 *   registers pushed
 *   parking[1].sp = sp
 *   parking[1].trap = 7 (release)
 *                                      parking[1].trap == 7 (acquire)
 *                                      reads the stack from sp upwards
 *                                      module_remove = 0
 *   goes on; nothing below sp was touched by anybody but interrupts
 */
static u32 stand_still(void *arg, u32 sp)
{
	struct parking *mine = arg;
	u32 trap;

	while ((trap = module_remove)) {
		mine->sp = sp;
		store_release(&mine->trap, trap);
		while (module_remove == trap)
			cpu_relax();
	}
	mine->trap = 0;
	return 0;
}

static u32 pass_by(void *arg, u32 sp)
{
	void (*look)(u32 sp) = arg;

	look(sp);
	return 0;
}

void park(void)
{
	/* No lock and interrupts on, so whoever waits for this CPU is served. */
	ASSERT(!this_cpu_read(preempt_count) && !in_interrupt() && irqs_enabled());
	preempt_disable();
	struct cpu *c = this_cpu();
	void *look = look_in_passing;
	if (look)
		with_registers_on_stack(pass_by, look);
	else if (c->id != module_remove_asker)
		with_registers_on_stack(stand_still, &parking[c->id]);
	preempt_enable_no_resched();
}
