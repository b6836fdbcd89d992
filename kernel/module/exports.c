/* All that a module may call, in one place. What is not here is the core's own
 * business: above all what would take a code pointer without a record of the core
 * (tasks, IPIs, ktimers) or unmake a module's surroundings. */
#include "check/calls.h"
#include "entry/callback.h"
#include "entry/chrdev.h"
#include "entry/console_claim.h"
#include "entry/dma.h"
#include "entry/irq.h"
#include "entry/module_file.h"
#include "entry/notifier.h"
#include "entry/stage.h"
#include "entry/thread.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "module/alloc.h"
#include "module/say.h"
#include "module/symbol.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "smp/races.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/keymap.h"
#include "x86/panic.h"

const struct kernel_export kernel_exports[] = {
	/* Memory and strings. The compiler calls the first four of its own accord. */
	EXPORT_CORE(memcpy), EXPORT_CORE(memmove), EXPORT_CORE(memset), EXPORT_CORE(memcmp),
	EXPORT_CORE(strlen), EXPORT_CORE(strnlen), EXPORT_CORE(strcmp), EXPORT_CORE(strncmp),
	EXPORT_CORE(strchr), EXPORT_CORE(strrchr), EXPORT_CORE(strstr), EXPORT_CORE(strlcpy),
	EXPORT_CORE(format), EXPORT_CORE(snprintf), EXPORT_CORE(vsnprintf),
	EXPORT_CORE(parse_u32), EXPORT_CORE(parse_s32), EXPORT_CORE(parse_bool),
	EXPORT_CORE(parse_duration), EXPORT_CORE(split_words),
	EXPORT_CORE(errno_name), EXPORT_CORE(errno_text),

	/* The heap: a module's allocations are its own (alloc.c), and zeroed. */
	EXPORT_CORE_AS("kmalloc", module_kmalloc), EXPORT_CORE_AS("kzalloc", module_kmalloc),
	EXPORT_CORE_AS("kfree", module_kfree),

	/* Saying things. */
	EXPORT_CORE_AS("printk", module_printk), EXPORT_CORE_AS("vprintk", module_vprintk), EXPORT_CORE(panic),

	/* The console's sources. */
	EXPORT_CORE(console_input), EXPORT_CORE(console_input_room), EXPORT_CORE(console_input_lost),
	EXPORT_CORE(console_scancode),
	EXPORT_CORE(console_claim), EXPORT_CORE(console_release),
	EXPORT_CORE(serial_lock), EXPORT_CORE(serial_unlock), EXPORT_CORE(serial_overran), EXPORT_CORE(keymap_feed),

	/* Time. */
	EXPORT_CORE(clock_ns), EXPORT_CORE(tsc_khz), EXPORT_CORE(tsc_to_ns), EXPORT_CORE(delay_us),
	EXPORT_CORE(sleep_ns), EXPORT_CORE(sleep_interruptible_ns), EXPORT_CORE(schedule),

	/* CPUs; preempt_enable() calls the hook. */
	EXPORT_CORE(cpus), EXPORT_CORE(nr_cpus), EXPORT_CORE(cpus_online), EXPORT_CORE(preempt_hook),

	/* Locks and waiting. */
	EXPORT_CORE(spin_init), EXPORT_CORE(spin_lock), EXPORT_CORE(spin_trylock),
	EXPORT_CORE(spin_unlock), EXPORT_CORE(spin_lock_irqsave), EXPORT_CORE(spin_unlock_irqrestore),
	EXPORT_CORE(mutex_init), EXPORT_CORE(mutex_lock), EXPORT_CORE(mutex_lock_interruptible),
	EXPORT_CORE(mutex_trylock), EXPORT_CORE(mutex_unlock),
	EXPORT_CORE(wait_queue_init), EXPORT_CORE(wait_prepare), EXPORT_CORE(wait_sleep),
	EXPORT_CORE(wait_finish), EXPORT_CORE(wake_all), EXPORT_CORE(wake_one),

	/* Ways into a module: records of the core. */
	EXPORT_CORE(chrdev_register), EXPORT_CORE(chrdev_unregister), EXPORT_CORE(chrdev_private),
	EXPORT_CORE(request_irq), EXPORT_CORE(free_irq),
	EXPORT_CORE(timer_create), EXPORT_CORE(timer_arm), EXPORT_CORE(timer_cancel),
	EXPORT_CORE(timer_destroy),
	EXPORT_CORE(work_create), EXPORT_CORE(work_queue), EXPORT_CORE(work_queue_after_grace),
	EXPORT_CORE(work_cancel), EXPORT_CORE(work_flush), EXPORT_CORE(work_destroy),
	EXPORT_CORE(notifier_register), EXPORT_CORE(notifier_unregister),
	EXPORT_CORE(reboot_chain), EXPORT_CORE(module_chain),
	EXPORT_CORE(callback_register), EXPORT_CORE(callback_call), EXPORT_CORE(callback_unregister),
	EXPORT_CORE(dma_map), EXPORT_CORE(dma_address), EXPORT_CORE(dma_unmap),
	EXPORT_CORE(kthread_run), EXPORT_CORE(kthread_stop), EXPORT_CORE(kthread_should_stop),

	/* Other modules' devices. */
	EXPORT_CORE_AS("file_open", module_file_open), EXPORT_CORE_AS("file_close", module_file_close),
	EXPORT_CORE_AS("file_read", module_file_read), EXPORT_CORE_AS("file_write", module_file_write),
	EXPORT_CORE_AS("file_ioctl", module_file_ioctl),

	/* Sync points, and the stage of the hazards. */
	EXPORT_CORE(sync_armed), EXPORT_CORE(sync_point_hit), EXPORT_CORE(stage),
	EXPORT_CORE(stage_accuse),
#ifdef RACES
	EXPORT_CORE(race_at),
#endif

	/* What the compiler calls in a checked build. */
#define EXPORT_CALL(name) { #name, (u32)call_##name },
	COMPILER_CALLS(EXPORT_CALL)
};
const u32 nr_kernel_exports = ARRAY_SIZE(kernel_exports);
