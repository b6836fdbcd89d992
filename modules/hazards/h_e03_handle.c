/* E3: a library keeps the handle of a timer whose function is its user's, and uses it later.
 *
 *   CPU 0 (rmmod user)                CPU 1 (in the library)
 *   the timer is taken back, its
 *   record freed
 *   free
 *                                     timer_arm(handle): the memory is
 *                                     another's by now
 *
 * Derived. A handle that outlives its record has to be an error to use, for ever.
 *
 * E20: the library uses it every half millisecond, and a look takes two, as it does where there are
 * many tasks. So a function of the core is handed an address of the module in the midst of each
 * look, unless all are held meanwhile.
 */
#include "modules/hazards/hazard.h"
#include "modules/hazards/e_library.h"

static volatile u32 beats;

static void beat(void *arg)
{
	(void)arg;
	beats++;
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };

static int __init handle_init(void)
{
	int err = e_keep(beat);

	return err ? err : offer("h_e03_handle", &ops);
}
module_init(handle_init);

static void __exit handle_exit(void)
{
	withdraw();
}
module_exit(handle_exit);

HAZARD("E3", "library-handle", "derived",
       "insmod; unload; out; call ioctl 7 - h_e_library; left; sleep 20");
HAZARD("E20", "handle-all-the-time", "derived",
       "cpus 2; insmod; call ioctl 10 1 h_e_library; at 1; "
       "linger unload:look 2; unload; out; go; left; sleep 10");
MODULE_DESCRIPTION("Hazard E3: a handle outlives its record");
MODULE_LICENSE("MIT");
