/* A1: the module's interrupt handler runs on another CPU.
 *
 *   CPU 1 (interrupt 8)               CPU 0 (rmmod)
 *   handler: in mid-flight
 *                                     use count 0: interrupts do not count
 *                                     free
 *   goes on in freed memory
 *
 * "The module may be running an IRQ handler on a different CPU, for example, and
 * in such a case the module reference count had better not be zero": Peter, LWN,
 * 1 Aug 2003. The device is the clock (MC146818A), which ticks 1,024 times a second.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/clock.h"

static struct irq_action *action;
static bool stood;		/* the handler's */

static enum irq_result on_tick(u32 irq, void *arg)
{
	(void)irq, (void)arg;
	if (!clock_has_ticked())
		return IRQ_NONE;
	if (!stood) {
		stood = true;
		stand();
	}
	return IRQ_HANDLED;
}

static int irq_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		clock_start();
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = irq_ioctl };

static int __init irq_init_module(void)
{
	action = request_irq(CLOCK_IRQ, on_tick, 0, "h_a01", NULL);
	return IS_ERR(action) ? PTR_ERR(action) : offer("h_a01_irq", &ops);
}
module_init(irq_init_module);

static void __exit irq_exit_module(void)
{
	withdraw();
	clock_stop();
	free_irq(action);
}
module_exit(irq_exit_module);

HAZARD("A1", "irq-running", "Peter, LWN 2003", "cpus 2; insmod; call ioctl 1 1; at 1; left; unload; try; go; out");
MODULE_DESCRIPTION("Hazard A1: an interrupt handler in mid-flight");
MODULE_LICENSE("MIT");
