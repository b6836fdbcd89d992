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

static int mutex_read(struct file *f, void *buf, u32 len)
{
	(void)f, (void)buf;
	mutex_lock(&mutex);
	sync_point("h_a17:owner");
	mutex_unlock(&mutex);
	return (int)len;
}

static const struct chrdev_ops ops = { .read = mutex_read, .ioctl = answer_probe };

static int __init mutex_init_module(void)
{
	return offer("h_a17_mutex", &ops);
}
module_init(mutex_init_module);

HAZARD("A17", "mutex-inside", "Paul Goyette, tech-kern 2016",
       "insmod; hold h_a17:owner; call read; held h_a17:owner; call read; sleep 5; unload revoke; "
       "out 40; free h_a17:owner; out");
MODULE_DESCRIPTION("Hazard A17: waiting for the module's own mutex");
MODULE_LICENSE("MIT");
