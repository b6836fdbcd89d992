/* The machine waking up. */
#include "check/kcsan.h"
#include "entry/irq.h"
#include "entry/owner.h"
#include "entry/work.h"
#include "lib/boot_option.h"
#include "lib/errno.h"
#include "lib/parse.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "module/module.h"
#include "sched/grace.h"
#include "sched/sched.h"
#include "shell/shell.h"
#include "smp/bringup.h"
#include "smp/ipi.h"
#include "smp/races.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "user/syscall.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/last_log.h"
#include "x86/machine.h"
#include "x86/paging.h"
#include "x86/panic.h"
#include "x86/trap.h"

void kmain(u32 magic, u32 info_phys);

/* -- the kernel's command line: what lower floors do not read themselves ---------- */

BOOT_OPTION(unload, BOOT_TEXT, .min = 1, .max = 15);
BOOT_OPTION(init, BOOT_TEXT, .min = 1, .max = 23);
BOOT_OPTION(seed, BOOT_NUMBER, .max = ~0u);
BOOT_OPTION(lab, BOOT_FLAG);

static void read_options(void)
{
	boot_options_init();
	sched_seed = seed.number;
	graveyard_laboratory = lab.given;
}

static void choose_strategy(void)
{
	char name[16] = "";

	if (unload.given)
		(void)cmdline_get(boot_info.cmdline, "unload", name, sizeof(name));
	unload_init(name);
}

static void start_first_program(void)
{
	char name[24] = "init";

	if (init.given)
		(void)cmdline_get(boot_info.cmdline, "init", name, sizeof(name));
	start_init(name);
}

/* -- steps of the story ----------------------------------------------------------- */

static u64 ram_end(void)
{
	u64 end = 0;

	for (u32 i = 0; i < boot_info.nr_regions; i++) {
		const struct boot_region *r = &boot_info.region[i];
		if (r->usable)
			end = MAX(end, r->start + r->len);
	}
	return end;
}

/* Without ACPI or APICs there is nobody to ask for other CPUs, and no way to
 * interrupt them: that is the machine this kernel is about. */
static void find_interrupt_hardware(void)
{
	if (acpi_init())
		panic("no usable ACPI tables; Quiesce finds CPUs and interrupt lines by them: "
		      "switch ACPI on in the firmware's set-up");
	pic_disable();
	if (lapic_init())
		panic("no local APIC; Quiesce needs one on every CPU: switch it on in the firmware's set-up");
	lapic_enable();
	ioapic_init();
}

static struct cpu *new_cpu(void)
{
	return kzalloc(sizeof(struct cpu));
}

/* With the stack comes the idle task that will run on it. */
static u32 new_idle_stack(struct cpu *c)
{
	u32 base = stack_alloc();

	return base && !sched_prepare_cpu(c, base) ? base + STACK_SIZE : 0;
}

static void enter_other_cpu(void)
{
	user_init_cpu();
	sched_enter_idle();
}

static void start_other_cpus(void)
{
	u32 running = smp_start_cpus(new_cpu, new_idle_stack, enter_other_cpu);

	if (acpi.nr_cpus_seen > NR_CPUS)
		printk("%u CPUs in this machine, %u is the most that Quiesce uses\n",
		       acpi.nr_cpus_seen, NR_CPUS);
	printk("%u/%u CPUs\n", running, acpi.nr_cpus);
}

static void boot_task(void *unused)
{
	(void)unused;
	current->endless = true;
	module_init_syscalls();
	shell_init_syscalls();
	start_first_program();
}

static void start_boot_task(void)
{
	struct task *t = task_create("first", PRIO_HIGH, boot_task, NULL);

	if (IS_ERR(t))
		panic("no memory for the first task: %u KiB are free; give the machine more memory, "
		      "4 MiB and 32 KiB for each CPU", frame_available() * 4);
	task_put(t);
}

/* -- the story ------------------------------------------------------------------------ */

/* Called by boot.asm on the boot CPU: paging on, interrupts off. */
void kmain(u32 magic, u32 info_phys)
{
	boot_tsc_start = rdtsc();
	console_early_init();			/* a voice, before anything can go wrong */
	percpu_init_boot();			/* GS: this_cpu() */
	trap_init();				/* exceptions are reported from here on */
	trap_load();
	boot_info_init(magic, info_phys);	/* what the loader knows */
	paging_set_memory_types();
	console_screen_init(&boot_info.fb);	/* a face, before anything can fail */
	last_log_init();			/* what the last run said at its end */
	read_options();
	monitor_init();				/* where a panic ends */
	boot_info_check();
	cpu_identify();

	paging_init(ram_end());			/* W^X, direct map, no null page */
	paging_enable_protections();
	frame_init();				/* physical memory */
	heap_init();				/* kmalloc() */
	kmap_init();				/* mappings, stacks with guards */
	console_keyboard_init();

	find_interrupt_hardware();
	clock_init();				/* the TSC, against a known clock */
	lapic_timer_calibrate();
	c1e_disable();				/* or that timer stops in HLT */
	ipi_init();				/* CPUs can be asked things */

	sched_init();				/* this context is a task now */
	irq_init();				/* lines for drivers */
	start_other_cpus();
	owners_init();				/* the registry of ways into modules */
	work_init();				/* deferred work */
	grace_init();				/* what waits until every CPU has switched */
	user_init_cpu();
	user_init();				/* ring 3 */

	modules_init();				/* the loader */
	archive_init();				/* .ko files that came with the kernel */
	graveyard_init();			/* late uses are seen */
	choose_strategy();
	start_boot_task();
	kcsan_start();				/* the race detector of KCSAN=1 */
	races_start(sched_seed);		/* the delays of RACES=1 */
	sched_enter_idle();			/* the boot stack becomes CPU 0's idle task */
}
