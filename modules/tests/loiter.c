/* loiter: open() of its device stays inside for a while. For tools/explore.
 *
 * It waits for `ms` at a PAUSE, where the explorer lets other CPUs run: long enough for an unload to begin.
 * Then it gives up the CPU inside, `times` times, and waits a little in between.
 * With wipe=1 it gives it up once, in a frame that is gone afterwards, overwrites what that left on the stack, and
 * waits: then nothing but EIP says that it is inside. That is what the second look at on_cpu is for
 * (unload/inspect.c, inspect_task()). */
#include "module/api.h"

static u32 times = 4;
module_param(times, uint);
static bool wipe;
module_param(wipe, bool);

static u32 ms = 24;
module_param(ms, uint);

/* By the TSC, which counts nanoseconds on the explorer's machine: clock_ns() would be a way out of the module. */
static void stay_until(u64 end)
{
	while (rdtsc() < end)
		cpu_relax();
}

static void stay(u32 rounds)
{
	while (rounds--)
		cpu_relax();
}

static void give_way(void)
{
	for (u32 i = 0; i < times; i++) {
		yield();
		stay(2);
	}
}

static noinline void give_way_below(void)
{
	u32 room[16];

	__asm__ volatile("" : "=m"(room));
	yield();
	__asm__ volatile("" :: "m"(room));
}

/* In the frame of open() itself, and without calls behind the first: no return address into the module is left. */
static always_inline void give_way_and_forget(void)
{
	u32 words = 128, rounds = times, *below;

	give_way_below();
	below = __builtin_alloca(words * sizeof(u32));
	__asm__ volatile("rep stosl" : "+D"(below), "+c"(words) : "a"(0) : "memory");
	stay(rounds);
}

static int loiter_open(struct file *f)
{
	(void)f;
	stay_until(rdtsc() + ms * NSEC_PER_MSEC);
	if (wipe)
		give_way_and_forget();
	else
		give_way();
	return -EAGAIN;
}

static const struct chrdev_ops ops = { .open = loiter_open };

static int __init loiter_init(void)
{
	struct chrdev *dev = chrdev_register("loiter", &ops, NULL);

	return IS_ERR(dev) ? PTR_ERR(dev) : 0;
}
module_init(loiter_init);

MODULE_DESCRIPTION("Tests: stays inside for a while");
MODULE_NEEDS("patience");
MODULE_LICENSE("MIT");
