/* Hazards of the machine, which need of the module only that it is loaded.
 *
 * A11, D8                              D4
 *   CPU 1            CPU 0               CPU 1            CPU 0
 *   interrupts off                       interrupts off,
 *                    asks: no answer     for good         asks: no answer
 *                    gives up, asks                       gives up, asks again
 *                    again                                the deadline: rolls back,
 *   interrupts on                                         names CPU 1
 *                    free
 *
 * "Wait number-of-CPUs timer-ticks with interrupts alive and well": R. B. Johnson,
 * linux-kernel, 8 Jul 2002. And if they are not well? In D8 the answer comes after
 * the asker gave up: it must not count. A12: all other CPUs are halted. D3: NMIs come
 * at every step. D7: every allocation on the way in and out fails once, in turn.
 */
#include "modules/hazards/hazard.h"

static int machine_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	return (int)len;
}

static const struct chrdev_ops ops = { COUNTED, .read = machine_read, .ioctl = answer_probe };

static int __init machine_init(void)
{
	return offer("h_a11_machine", &ops);
}
module_init(machine_init);

static void __exit machine_exit(void)
{
	withdraw();
}
module_exit(machine_exit);

HAZARD("D7", "out-of-memory", "derived", "starve; out");
HAZARD("D8", "late-ipi", "derived", "cpus 2; insmod; deaf 1 25; at 1; unload; out");
HAZARD("D4", "ipi-lost", "derived", "cpus 2; insmod; deaf 1 150; at 1; unload brief; out");
HAZARD("D3", "nmi", "derived", "insmod; nmis; sleep 2; unload; out");
HAZARD("A12", "idle-cpus", "derived", "insmod; sleep 20; unload; out");
HAZARD("A11", "long-irq-off", "R. B. Johnson, linux-kernel 2002",
       "cpus 2; insmod; deaf 1 60; at 1; unload; out");
MODULE_DESCRIPTION("Hazards A11, A12, D3, D4, D7, D8: what the machine does");
MODULE_LICENSE("MIT");
