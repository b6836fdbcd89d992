/* A17: a task waits for a mutex that lies in the module's data.
 *
 *   thread 1 (unload)                 thread 2 (open)
 *   takes the mutex
 *                                     "attempts to grab the mutex, and waits"
 *   nobody has it open: unmaps the
 *   module "including the mutex!"
 *                                     wakes in a mutex that is not there
 *
 * Paul Goyette, tech-kern, 7 Jun 2016.
 */
#include "modules/hazards/hazard.h"

static struct mutex mutex = MUTEX(mutex, "h_a17");

static int mutex_open(struct file *f)
{
	mutex_lock(&mutex);
	sync_point("h_a17:owner");
	(void)count_in(f);
	mutex_unlock(&mutex);
	return 0;
}

static const struct chrdev_ops ops = { .open = mutex_open, .release = count_out, .ioctl = answer_probe };

static int __init mutex_init_module(void)
{
	return offer("h_a17_mutex", &ops);
}
module_init(mutex_init_module);

static void __exit mutex_exit(void)
{
	withdraw();
}
module_exit(mutex_exit);

HAZARD("A17", "mutex-inside", "Paul Goyette, tech-kern 2016",
       "insmod; hold h_a17:owner; call open; held h_a17:owner; call open; sleep 5; unload revoke; "
       "try; free h_a17:owner; out");
MODULE_DESCRIPTION("Hazard A17: waiting for the module's own mutex");
MODULE_LICENSE("MIT");
