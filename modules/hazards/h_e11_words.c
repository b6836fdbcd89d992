/* E11: a process waits in system calls with an address of the module in every register.
 *
 *   CPU 1 (process)                   CPU 0 (rmmod)
 *   sleep: so many microseconds, and
 *   call, receive: such words
 *   (saved at the top of its kernel
 *   stack)
 *                                     reads that stack: may be inside?
 *
 * Derived. Nobody is inside, and a process must not be able to keep a module from going
 * (tests/kernel, user_calls_hold_nothing, does this in every call). E12: a look that a task began
 * for one inspection ends in a later one.
 *
 *   CPU 0 (inspects)                  CPU 1 (in schedule())
 *   census n                          begins to look at itself
 *   census n + 1, by IPI:             (answers: outside)
 *                                     its look for n says: outside
 *   has it been seen in n + 1?
 */
#include "modules/hazards/hazard.h"

/* ioctl 1: an address of the module, without its last 4 bits (it would be negative). */
static int words_ioctl(struct file *f, u32 cmd, u32 arg)
{
	return cmd == 1 ? (int)((u32)words_ioctl >> 4) : answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = words_ioctl };

static int __init words_init(void)
{
	return offer("h_e11_words", &ops);
}
module_init(words_init);

static void __exit words_exit(void)
{
	withdraw();
}
module_exit(words_exit);

HAZARD("E11", "process-words", "derived",
       "insmod; program h_client words h_e11_words; sleep 20; unload; out");
HAZARD("E12", "late-look", "derived",
       "cpus 2; yields 1; spin census:look 1 0; linger census:watch 1; stir census:look; insmod; unload; try; "
       "free census:look aside; out; sleep 5");
MODULE_DESCRIPTION("Hazards E11, E12: words of a process; a late look");
MODULE_LICENSE("MIT");
