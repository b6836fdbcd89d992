/* B12: a deferred callback has its function in module text.
 *
 *   CPU 1                             CPU 0 (rmmod)
 *   readers may still look at the
 *   old value: frees it after a grace
 *   period
 *   the period is over: fetches the
 *   function
 *                                     (exit does not wait for it)
 *                                     a grace period, too: that is over
 *                                     free
 *   calls it
 *
 * Derived. In Linux an exit has to call rcu_barrier(); one that does not know it forgets
 * it, as this one does.
 */
#include "modules/hazards/hazard.h"

struct value { u32 n; };

static struct value *value;		/* read without a lock, preemption off */
static struct value *old;		/* until reclaim() has run; ioctl 1 is asked once */
static struct work *reclaim_work;

static void reclaim(void *arg)
{
	(void)arg;
	kfree(old);
}

static int deferred_read(struct file *f, void *buf, u32 len)
{
	(void)f;
	if (len < sizeof(u32))
		return -EINVAL;
	preempt_disable();
	*(u32 *)buf = READ_ONCE(value)->n;
	preempt_enable();
	return sizeof(u32);
}

static int replace(void)
{
	struct value *new = kzalloc(sizeof(*new));

	if (!new)
		return -ENOMEM;
	new->n = value->n + 1;
	old = atomic_xchg(&value, new);
	return work_queue_after_grace(reclaim_work);
}

static int deferred_ioctl(struct file *f, u32 cmd, u32 arg)
{
	return cmd == 1 ? replace() : answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .read = deferred_read, .ioctl = deferred_ioctl };

static int __init deferred_init(void)
{
	value = kzalloc(sizeof(*value));
	reclaim_work = work_create("h_b12", reclaim, NULL);
	if (!value || IS_ERR(reclaim_work))
		return -ENOMEM;
	return offer("h_b12_deferred", &ops);
}
module_init(deferred_init);

static void __exit deferred_exit(void)
{
	withdraw();
	kfree(value);
}
module_exit(deferred_exit);

HAZARD("B12", "deferred-free", "derived",
       "insmod; hold work:taken; ask 1; held work:taken; unload; try; free work:taken; out; "
       "sleep 10");
MODULE_DESCRIPTION("Hazard B12: a deferred free");
MODULE_LICENSE("MIT");
