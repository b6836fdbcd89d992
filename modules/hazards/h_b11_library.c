/* B11, C15: another module is, or is being, bound to this one's symbols.
 *
 *   B11:  CPU 0 (rmmod library)         CPU 1 (in the user)
 *         free
 *                                       call library_add
 *
 *   C15:  CPU 0 (rmmod library)         CPU 1 (insmod user)
 *         no dependents: going
 *                                       binds to library_add
 *         free
 *                                       init: call library_add
 *
 * The oldest kind of reference, kept by the loader since Linux 2.0 (lsmod's last
 * column). C3: the same name is loaded while it goes.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/library.h"

u32 library_add(u32 a, u32 b)
{
	return a + b;
}
EXPORT_SYMBOL(library_add);

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init library_init(void)
{
	return offer("h_b11_library", &ops);
}
module_init(library_init);

static void __exit library_exit(void)
{
	withdraw();
}
module_exit(library_exit);

HAZARD("C4", "double-unload", "derived",
       "insmod; hold unload:closed; unload; held unload:closed; unload; sleep 10; "
       "free unload:closed aside; out");
HAZARD("C3", "load-while-going", "derived",
       "insmod; hold unload:closed; unload; held unload:closed; load; sleep 10; "
       "free unload:closed aside; out");
HAZARD("C15", "bind-while-going", "derived",
       "insmod; hold unload:closed; unload; held unload:closed; load h_b11_user; sleep 10; "
       "free unload:closed aside; out; sleep 5");
HAZARD("B11", "symbol-user", "derived", "insmod h_b11_user; call loop - - h_b11_user; unload; out");
MODULE_DESCRIPTION("Hazards B11, C3, C4, C15: a library that others are bound to");
MODULE_LICENSE("MIT");
