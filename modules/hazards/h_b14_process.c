/* B14: a process waits in a system call that ends in the module.
 *
 *   CPU 1 (a thread of a process)     CPU 0 (rmmod)
 *   ring 3: SYS_READ
 *   ring 0: core, module, and
 *   sleeps in the core
 *                                     looks at stacks: this one has two halves, and
 *                                     of ring 3's nothing counts
 *                                     free
 *   wakes, returns into nothing
 *
 * B14o: the same in SYS_OPEN, before the driver has counted itself. Derived. B10p: whoever
 * asks for the unload reads the device in another thread. C14p: the other thread computes;
 * who freezes processes freezes the asker with it: "you must not freeze the process doing
 * rmmod, that way lies deadlock": Keith Owens, linux-kernel 2002.
 */
#include "modules/hazards/hazard.h"

static int process_open(struct file *f)
{
	sync_point("h_b14:opens");
	return count_in(f);
}

/* One byte there is at any time; whoever wants more waits. */
static int process_read(struct file *f, void *buf, u32 len)
{
	int err;

	(void)f;
	memset(buf, 'x', len);
	if (len == 1)
		return 1;
	atomic_add(&stage.at, 1);
	err = wait_event(&stage.queue, stage.go);
	return err ? err : (int)len;
}

static const struct chrdev_ops ops = {
	.open = process_open, .release = count_out, .read = process_read, .ioctl = answer_probe,
};

static int __init process_init(void)
{
	return offer("h_b14_process", &ops);
}
module_init(process_init);

static void __exit process_exit(void)
{
	withdraw();
}
module_exit(process_exit);

/* The longer try: a process that is sent home needs its CPU for the way. */
HAZARD("B14", "user-server", "derived",
       "insmod; program h_client read h_b14_process; at 1; unload revoke; try 200; go; wake; out");
HAZARD("B14o", "user-opens", "derived",
       "hold h_b14:opens; insmod; program h_client open h_b14_process; held h_b14:opens; "
       "unload revoke; try; free h_b14:opens; out");
HAZARD("B10p", "open-by-unloader", "derived", "insmod; rmmod revoke reads; out");
HAZARD("C14p", "unloader-process", "Keith Owens, linux-kernel 2002", "insmod; rmmod computes; out");
MODULE_DESCRIPTION("Hazards B14, C14: processes in system calls");
MODULE_LICENSE("MIT");
