/* E16: a task that is alone on its CPU is inside for some milliseconds, not counted.
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
 *
 * E19: the same, but asleep. It wakes up during the wait:
 *
 *   CPU 1 (opener, asleep inside)     CPU 0 (rmmod)
 *                                     flag up
 *   its time is over: runnable        waits
 *   trapped in schedule()
 *                                     free
 *                                     flag down
 *   goes on in freed text
 *
 * Where ticks are only waited for, without the flag, it runs meanwhile, and leaves.
 */
#include "modules/hazards/hazard.h"

/* Half of what Johnson waits, whose ticks are of 10 ms however many CPUs there are. */
#define BRIEFLY (nr_cpus * 5 * NSEC_PER_MSEC)

static int briefly_open(struct file *f)
{
	u64 end = clock_ns() + BRIEFLY;

	atomic_add(&stage.at, 1);
	while (!clock_passed(end)) {	/* it executes in the module, seldom in the core */
		for (u32 i = 0; i < 1000; i++)
			cpu_relax();
	}
	(void)f;
	return -EAGAIN;			/* it never counts itself: only time helps */
}

static int asleep_open(struct file *f)
{
	(void)f;
	atomic_add(&stage.at, 1);
	sleep_ns(BRIEFLY);
	return -EAGAIN;
}

static const struct chrdev_ops ops = { .open = briefly_open };
static const struct chrdev_ops bed_ops = { .open = asleep_open };
static const struct chrdev_ops probe_ops = { COUNTED, .ioctl = answer_probe };
static struct chrdev *door, *bed;

static int __init briefly_init(void)
{
	door = chrdev_register("h_e16_door", &ops, NULL);
	if (IS_ERR(door))
		return PTR_ERR(door);
	bed = chrdev_register("h_e16_bed", &bed_ops, NULL);
	return IS_ERR(bed) ? PTR_ERR(bed) : offer("h_e16_briefly", &probe_ops);
}
module_init(briefly_init);

static void __exit briefly_exit(void)
{
	withdraw();
	chrdev_unregister(door);
	chrdev_unregister(bed);
}
module_exit(briefly_exit);

HAZARD("E16", "inside-briefly", "derived",
       "cpus 2; insmod; call open 1 1 h_e16_door; at 1; unload revoke; out; left");
HAZARD("E19", "wakes-inside", "derived",
       "cpus 2; insmod; call open 1 1 h_e16_bed; at 1; sleep 1; unload revoke; out; left; sleep 5");
HAZARD("E17", "not-preemptible", "derived", "cpus 2; insmod; busy 1; at 1; unload; out");
MODULE_DESCRIPTION("Hazards E16, E17, E19: inside for a moment; a CPU that cannot be preempted");
MODULE_LICENSE("MIT");
