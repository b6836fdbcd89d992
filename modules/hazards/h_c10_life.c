/* Hazards of a module's own will: C8 has no exit, C10 says no, C16's exit does not
 * return.
 *
 *   C16:  CPU 0 (rmmod)                 others
 *         nobody inside: GONE
 *         exit(): for ever
 *                                       the module is mapped still, and named
 *
 * Derived. Parameters choose; C8 is what is left when none is set.
 */
#include "modules/hazards/hazard.h"

static bool says_no, exit_hangs;

static int life_ioctl(struct file *f, u32 cmd, u32 arg)
{
	says_no = cmd == 1;
	exit_hangs = cmd == 2;
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
}
module_exit(life_exit);

HAZARD("C16", "exit-hangs", "derived", "insmod; ask 2; sleep 5; unload; out");
HAZARD("C10", "veto", "derived", "insmod; ask 1; sleep 5; unload; out");
MODULE_DESCRIPTION("Hazards C10, C16: a module with a will");
MODULE_LICENSE("MIT");
