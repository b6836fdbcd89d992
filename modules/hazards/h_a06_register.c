/* A6: core code holds the module's function pointer in a register, and nowhere else.
 *
 *   CPU 1 (worker, in the core)       CPU 0 (rmmod)
 *   fn = work->fn, in ESI
 *   (preempted: ESI is saved)
 *                                     no EIP and no return address in the module
 *                                     free
 *   call *ESI
 *
 * Derived. The inspection must read saved registers, too.
 */
#include "modules/hazards/hazard.h"

static struct work *work;

static void on_work(void *arg)
{
	(void)arg;
}

static int register_ioctl(struct file *f, u32 cmd, u32 arg)
{
	if (cmd == 1)
		return work_queue(work);
	return answer_probe(f, cmd, arg);
}

static const struct chrdev_ops ops = { COUNTED, .ioctl = register_ioctl };

static int __init register_init(void)
{
	work = work_create("h_a06", on_work, NULL);
	return IS_ERR(work) ? PTR_ERR(work) : offer("h_a06_register", &ops);
}
module_init(register_init);

static void __exit register_exit(void)
{
	withdraw();
	work_destroy(work);
}
module_exit(register_exit);

HAZARD("A6", "pointer-in-register", "derived",
       "insmod; hold work:taken; ask 1; held work:taken; unload; try; free work:taken; out");
MODULE_DESCRIPTION("Hazard A6: a function pointer in a register");
MODULE_LICENSE("MIT");
