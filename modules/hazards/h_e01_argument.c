/* E1: a library makes a record for an object of its user, and the user goes without a word.
 *
 *   CPU 0 (rmmod user)                CPU 1 (in the library)
 *   the record's function is not
 *   the user's: it is none of the
 *   user's ways in
 *   nobody is inside: free
 *                                     its timer fires: the function is the
 *                                     library's, the argument is gone
 *
 * Derived. A record leads into every module that it has an address of. E1: a timer; E1w: a work
 * item; E1n: a notifier; E1c: a callback; E1i: an interrupt handler. E9: a thread of the library
 * works on the object.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/e_library.h"

static struct e_object object;

static int argument_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd >= E_TIMER && cmd <= E_THREAD)
		return e_watch(cmd, &object);
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = argument_ioctl };

static int __init argument_init(void)
{
	return offer("h_e01_argument", &ops);
}
module_init(argument_init);

static void __exit argument_exit(void)
{
	withdraw();
}
module_exit(argument_exit);

HAZARD("E1", "library-argument", "derived", "insmod; ask 1; sleep 2; unload; out; sleep 180");
HAZARD("E1w", "library-work", "derived",
       "insmod; ask 2; unload; out; call ioctl 2 - h_e_library; left; sleep 10");
HAZARD("E1n", "library-notifier", "derived", "insmod; ask 3; unload; out; notify; sleep 10");
HAZARD("E1c", "library-callback", "derived",
       "insmod; ask 4; unload; out; call ioctl 4 - h_e_library; left; sleep 10");
HAZARD("E1i", "library-irq", "derived", "insmod; ask 5; sleep 2; unload; out; sleep 20");
HAZARD("E9", "thread-in-library", "derived", "insmod; ask 6; sleep 2; unload; out; sleep 20");
MODULE_DESCRIPTION("Hazards E1, E9: a library works on its user's object");
MODULE_LICENSE("MIT");
