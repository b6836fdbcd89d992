/* E16: a task that is alone on its CPU is inside for 3 ms, not counted.
 *
 *   CPU 1 (opener)                    CPU 0 (rmmod)
 *   in open(), not counted
 *                                     use count 0: naive frees at once
 *                                     johnson: flag up, waits as many ticks as
 *   fails, leaves                     there are CPUs, of 10 ms each
 *                                     free
 *
 * What Johnson's wait gains over a look at the count: whoever is inside for less than the wait
 * gets out. (A task that is preempted or sleeps inside does not: A2, A3.) E17: a CPU outside
 * keeps preemption off, so it does not reach schedule(): it has to be asked by IPI.
 */
#include "modules/hazards/hazard.h"

static int briefly_open(struct file *f)
{
	u64 end = clock_ns() + 3 * stage.ms;

	atomic_add(&stage.at, 1);
	while (!clock_passed(end))
		cpu_relax();
	(void)f;
	return -EAGAIN;			/* it never counts itself: only time helps */
}

static const struct chrdev_ops ops = { .open = briefly_open };
static const struct chrdev_ops probe_ops = { COUNTED, .ioctl = answer_probe };
static struct chrdev *door;

static int __init briefly_init(void)
{
	door = chrdev_register("h_e16_door", &ops, NULL);
	return IS_ERR(door) ? PTR_ERR(door) : offer("h_e16_briefly", &probe_ops);
}
module_init(briefly_init);

static void __exit briefly_exit(void)
{
	withdraw();
	chrdev_unregister(door);
}
module_exit(briefly_exit);

HAZARD("E16", "inside-briefly", "derived",
       "cpus 2; insmod; call open 1 1 h_e16_door; at 1; unload revoke; out; left");
HAZARD("E17", "not-preemptible", "derived", "cpus 2; insmod; busy 1; at 1; unload; out");
MODULE_DESCRIPTION("Hazards E16, E17: inside for a moment; a CPU that cannot be preempted");
MODULE_LICENSE("MIT");
