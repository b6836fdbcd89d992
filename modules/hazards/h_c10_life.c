/* Hazards of a module's own will: C10 says no, C16's exit does not return; C16w's waits,
 * again and again, for something that never comes.
 *
 *   C16:  CPU 0 (rmmod)                 others
 *         nobody inside: GONE
 *         exit(): for ever
 *                                       the module is mapped still, and named
 *
 * Derived. An ioctl chooses what it will be.
 */
#include "modules/hazards/hazard.h"

static bool says_no, exit_hangs, exit_waits;

static int life_ioctl(struct file *f, u32 cmd, u32 arg)
{
	says_no = cmd == 1;
	exit_hangs = cmd == 2;
	exit_waits = cmd == 3;
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = life_ioctl };

static int __init life_init(void)
{
	return offer("h_c10_life", &ops);
}
module_init(life_init);

static int life_veto(void)
{
	return says_no ? -EAGAIN : 0;
}
module_veto(life_veto);

static void __exit life_exit(void)
{
	withdraw();
	if (exit_hangs)
		stand();
	while (exit_waits && !stage.go)
		(void)wait_event(&stage.queue, stage.go);
}
module_exit(life_exit);

HAZARD("C16", "exit-hangs", "derived", "insmod; ask 2; sleep 5; unload brief; out");
HAZARD("C16w", "exit-waits", "derived", "insmod; ask 3; sleep 5; unload brief; out");
HAZARD("C10", "veto", "derived", "insmod; ask 1; sleep 5; unload; out");
MODULE_DESCRIPTION("Hazards C10, C16: a module with a will");
MODULE_LICENSE("MIT");
