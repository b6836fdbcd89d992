/* Ring 3: the program user/tests/ring3.c tries what it must not be able to do. */
#include "entry/chrdev.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/commands.h"
#include "shell/ktest.h"
#include "tests/kernel/on_cpu.h"
#include "smp/ipi.h"
#include "tests.h"
#include "unload/unload.h"
#include "user/process.h"
#include "user/uaccess.h"
#include "x86/atomic.h"
#include "x86/bootinfo.h"
#include "x86/clock.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#define PATIENCE_NS (5 * NSEC_PER_SEC)

int run_test_program(const char *program, const char *args)
{
	struct balance_sheet before = balance_take(), after;
	int code = run_program(program, args);

	if (code)
		printk("%s: ended with %d (a line of user/tests/%s.c)\n", args, code, program);
	after = balance_after(&before, PATIENCE_NS);
	return balance_compare(args, &before, &after) && !code ? 0 : -EIO;
}

static int run_in_ring3(const char *args) { return run_test_program("ring3", args); }

int test_user_forbidden(void) { return run_in_ring3("ring3 forbidden"); }
int test_user_entry(void) { return run_in_ring3("ring3 entry"); }
int test_user_pointers(void) { return run_in_ring3("ring3 pointers"); }
int test_user_authority(void) { return run_in_ring3("ring3 authority"); }
int test_user_memory(void) { return run_in_ring3("ring3 memory"); }
int test_user_threads(void) { return run_in_ring3("ring3 threads"); }
int test_user_ends(void) { return run_in_ring3("ring3 ends"); }
int test_user_ports(void) { return run_in_ring3("ring3 ports"); }
int test_user_info(void) { return run_in_ring3("ring3 info"); }
int test_user_irq(void) { return run_in_ring3("ring3 irq"); }
int test_ipc_messages(void) { return run_in_ring3("ring3 messages"); }
int test_user_affinity(void) { return run_test_program("meddle", "meddle affinity"); }
int test_ipc_priority_is_lent(void) { return run_test_program("meddle", "meddle priority"); }
int test_ipc_priority_is_kept(void) { return run_test_program("meddle", "meddle notified"); }
int test_ipc_gift_without_room(void) { return run_test_program("meddle", "meddle gift"); }
int test_ipc_call_waits_for_successor(void) { return run_test_program("meddle", "meddle successor"); }
int test_ipc_call_is_not_for_the_ended(void) { return run_test_program("meddle", "meddle late"); }
int test_ipc_copy_while_unmapped(void) { return run_test_program("meddle", "meddle copy"); }

/* Its threads may end while a server copies, or somebody maps: what comes later is told so. */
static int space_is_gone(struct space *s, struct memory *m)
{
	u32 at;

	CHECK(!space_map(s, m, 0, 0, 1, RIGHT_READ | RIGHT_WRITE, &at));
	CHECK(space_copy(s, at + PAGE_SIZE, 0, 1, false) == -EFAULT);
	space_destroy(s);
	CHECK(space_copy(s, at, 0, 1, false) == -ESRCH && space_copy(s, at, 0, 1, true) == -ESRCH);
	CHECK(space_unmap(s, at, 1) == -ESRCH);
	CHECK(space_map(s, m, 0, 0, 1, RIGHT_READ, &at) == -ESRCH);
	return 0;
}

static int with_space(int (*body)(struct space *s, struct memory *m))
{
	struct space *s = kzalloc(sizeof(*s));
	struct memory *m = memory_new(1);
	int err = -ENOMEM;

	if (s && !IS_ERR(m)) {
		space_init(s);
		err = body(s, m);
	}
	if (!IS_ERR(m))
		object_put(&m->object);
	kfree(s);
	return err;
}

int test_user_space_gone(void) { return with_space(space_is_gone); }

/* A CPU that has used a page forgets it with the unmap, and not before its next load of CR3:
 *
 *	CPU 0				CPU 1 (in the same address space)
 *					reads the page
 *	unmaps it
 *					reads it again: a fault
 */
static struct { u32 cr3, at; volatile u32 turn; int before, after; } visit;

static void visit_space(void *unused)
{
	u32 word;

	(void)unused;
	preempt_disable();		/* a switch would load CR3 */
	this_cpu_write(cr3, visit.cr3);
	write_cr3(visit.cr3);
	visit.before = copy_from_user(&word, visit.at, sizeof(word));
	visit.turn = 1;
	while (visit.turn != 2)
		cpu_relax();
	visit.after = copy_from_user(&word, visit.at, sizeof(word));
	this_cpu_write(cr3, kernel_cr3());
	write_cr3(kernel_cr3());
	preempt_enable();
}

static int unmap_is_shot_down(struct space *s, struct memory *m)
{
	u64 limit = clock_ns() + PATIENCE_NS;
	int err;

	CHECK(!space_map(s, m, 0, 0, 1, RIGHT_READ | RIGHT_WRITE, &visit.at));
	visit.cr3 = space_cr3(s);
	visit.turn = 0;
	struct task *t = task_create_on(nr_cpus - 1, "visitor", PRIO_NORMAL, visit_space, NULL);
	CHECK(!IS_ERR(t));
	while (visit.turn != 1 && !clock_passed(limit))
		sleep_ms(1);
	err = space_unmap(s, visit.at, 1);
	visit.turn = 2;
	CHECK(!task_join(t, clock_ns() + PATIENCE_NS));
	task_put(t);
	space_destroy(s);
	CHECK(!err && visit.before == 0 && visit.after == -EFAULT);
	return 0;
}

int test_user_unmap_is_shot_down(void)
{
	return ON_CPU(0, 2, with_space(unmap_is_shot_down));
}

/* -- what an address space grants ------------------------------------------------------------ */

/* From here on this task, which stays on its CPU, has the memory of `s` below the kernel's. */
static void use_space(u32 cr3)
{
	preempt_disable();
	current->cr3 = cr3;
	this_cpu_write(cr3, cr3);
	write_cr3(cr3);
	preempt_enable();
}

/* A server's copy into its client's memory heeds what the client itself may do there. */
static int copies_heed_rights(struct space *client, struct memory *m)
{
	struct space *own = kzalloc(sizeof(*own));
	u32 usual = current->cr3;	/* of the process that runs the test */
	u32 at, from, taken;

	CHECK(own);
	space_init(own);
	CHECK(!space_map(own, m, 0, 0, 1, RIGHT_READ | RIGHT_WRITE, &from));
	CHECK(!space_map(client, m, 0, 0, 1, RIGHT_READ, &at));
	CHECK(space_map(client, m, at, 0, 1, RIGHT_READ, &taken) == -EEXIST);
	use_space(space_cr3(own));
	int into = space_copy(client, at, from, 4, true), out_of = space_copy(client, at, from, 4, false);
	use_space(usual);
	space_destroy(client);
	space_destroy(own);
	kfree(own);
	CHECK(into == -EFAULT && out_of == 0);
	return 0;
}

int test_user_copies_heed_rights(void)
{
	return ON_CPU(0, 1, with_space(copies_heed_rights));
}

#define PAGES 4u

/* Nobody finds what another one left, nor gets the kernel's memory as a device's. */
int test_user_memory_is_clean(void)
{
	struct memory *m = memory_new(PAGES);

	CHECK(!IS_ERR(m));
	for (u32 i = 0; i < PAGES; i++)
		memset(memory_page(m, i), 0xa5, PAGE_SIZE);
	object_put(&m->object);
	m = memory_new(PAGES);
	CHECK(!IS_ERR(m));
	u32 dirty = 0;
	for (u32 i = 0; i < PAGES * PAGE_SIZE / 4; i++)
		dirty += ((u32 *)memory_page(m, i * 4 / PAGE_SIZE))[i % (PAGE_SIZE / 4)] != 0;
	object_put(&m->object);
	CHECK(!dirty);
	CHECK(PTR_ERR(memory_of_device((1u << 20) / PAGE_SIZE, 1)) == -EPERM);
	return 0;
}

/* -- what an end leaves ------------------------------------------------------------------------ */

static void look_at_cr3(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs, (void)sp;
	if (read_cr3() != this_cpu_read(cr3))
		atomic_add((u32 *)arg, 1);
}

/* No CPU keeps page tables that have gone: each has loaded what it says. */
int test_user_end_leaves_no_tables(void)
{
	static u32 wrong;

	wrong = 0;
	for (u32 i = 0; i < 3; i++)
		CHECK(run_program("hello", "hello 1") >= 0);
	CHECK(!smp_call(cpus_others(), look_at_cr3, &wrong, PATIENCE_NS));
	preempt_disable();
	look_at_cr3(&wrong, NULL, 0);
	preempt_enable();
	CHECK(!wrong);
	return 0;
}

int test_user_too_long_arguments(void)
{
	struct balance_sheet before = balance_take(), after;
	static char text[3000];
	struct process_plan plan = { .name = "hello", .args = text, .priority = PRIO_NORMAL };
	const char *why;

	memset(text, 'x', sizeof(text) - 1);
	CHECK(PTR_ERR(process_new(&plan, &why)) == -E2BIG);
	after = balance_after(&before, PATIENCE_NS);
	return balance_compare("arguments", &before, &after) ? 0 : -EIO;
}

/* Numbers in the registers of ring 3 keep no module: its frames are not read. */
static int registers_hold_nothing(void)
{
	struct unload *u = kzalloc(sizeof(*u));
	struct process_plan plan = { .name = "ring3", .priority = PRIO_NORMAL };
	struct process_status s = { .id = 0 };
	struct load_error why_not;
	struct module *m;
	struct process *p;
	const char *why;
	char args[32];
	int err;

	CHECK(u && !module_load_by_name("null", "", &m, &why_not));
	snprintf(args, sizeof(args), "ring3 hold %u", m->owner.base + 16);
	plan.args = args;
	p = process_new(&plan, &why);
	CHECK(!IS_ERR(p) && !process_start(p));
	process_status(p, &s);
	struct task *t = task_find(s.id);
	CHECK(t);
	while (task_run_cycles(t) < 1000 * 1000)	/* it has got as far as its loop */
		sleep_ms(1);
	strlcpy(u->name, "null", sizeof(u->name));
	err = module_unload(u);
	CHECK(process_end(p, 0));
	process_wait(p);
	task_put(t);
	object_put(&p->object);
	CHECK(!err && !u->report.nr_insiders);
	kfree(u);
	return 0;
}

int test_user_registers_hold_nothing(void)
{
	struct balance_sheet before = balance_take(), after;
	int err = registers_hold_nothing();

	after = balance_after(&before, PATIENCE_NS);
	return balance_compare("registers", &before, &after) ? err : -EIO;
}

/* Threads of the process (and of its child) that `pin` has brought to where they wait. */
static u32 pins_at_rest(void)
{
	struct task *t = NULL;
	u32 n = 0;

	while ((t = task_next(t)))
		n += streq(t->name, "pin") && READ_ONCE(t->user) && READ_ONCE(t->state) == TASK_SLEEPING &&
		     !READ_ONCE(t->on_rq) && !load_acquire(&t->on_cpu);
	return n;
}

/* One for each system call but seven (pin.c says which), one behind a file's lock, the first one, and one in a page fault. */
#define NR_PINS (NR_SYSCALLS - 7 + 3)

static int unload_among_pins(const struct module *m, struct unload *u)
{
	struct process_plan plan = { .name = "pin", .priority = PRIO_NORMAL };
	u64 limit = clock_ns() + 10 * PATIENCE_NS;
	const char *why;
	char args[32];

	snprintf(args, sizeof(args), "pin %u", m->owner.base + 16);
	plan.args = args;
	struct process *p = process_new(&plan, &why);
	CHECK(!IS_ERR(p));
	CHECK(handle_add(&p->handles, HANDLE_KERNEL, &kernel_object, RIGHTS_ALL, 0) > 0 && !process_start(p));
	while (pins_at_rest() < NR_PINS && !clock_passed(limit))
		sleep_ms(1);
	u32 pins = pins_at_rest();
	strlcpy(u->name, "null", sizeof(u->name));
	u->patience_ns = PATIENCE_NS;
	int err = module_unload(u);
	CHECK(process_end(p, 0));
	process_wait(p);
	object_put(&p->object);
	if (err)
		printk("%s\n", u->report.error);
	CHECK(pins == NR_PINS && !err && !u->report.nr_insiders);
	return 0;
}

/* Whatever a process says in whatever call it waits, no module stays for it. */
static int calls_hold_nothing(const char *name)
{
	struct unload *u = kzalloc(sizeof(*u));
	struct load_error why;
	struct module *m;

	CHECK(u && !strategy_choose(name));
	CHECK(!module_load_by_name("labrat", "", NULL, &why) && !module_load_by_name("null", "", &m, &why));
	int err = unload_among_pins(m, u);
	memset(u, 0, sizeof(*u));
	strlcpy(u->name, "labrat", sizeof(u->name));
	u->flags = UNLOAD_WAIT;
	u->patience_ns = PATIENCE_NS;
	int last = module_unload(u);
	kfree(u);
	return err ? err : last;
}

int test_user_calls_hold_nothing(void)
{
	struct balance_sheet before = balance_take(), after;
	const char *usual = strategy->name;
	int err = calls_hold_nothing("trap");

	if (!err)
		err = calls_hold_nothing("census");
	int back = strategy_choose(usual);
	after = balance_after(&before, PATIENCE_NS);
	return balance_compare("calls", &before, &after) ? err ? err : back : -EIO;
}

/* -- a handler on top of a thread whose stack is not read -------------------------------- */

static void arm_labrat(void *err)
{
	struct file *f = file_open("labrat", 0);

	*(int *)err = IS_ERR(f) ? PTR_ERR(f) : file_ioctl(f, 1, 5000);
	if (!IS_ERR(f))
		file_close(f);
}

/* The timer fires on the CPU where it was armed. */
static int arm_on_cpu_1(void)
{
	static int err;			/* outlives a check that fails */
	struct task *t = task_create_on(1, "arms", PRIO_HIGH, arm_labrat, &err);

	CHECK(!IS_ERR(t) && !task_join(t, clock_ns() + 4 * PATIENCE_NS));
	task_put(t);
	return err;
}

static bool was_inside(const struct unload_report *r, const char *task)
{
	for (u32 i = 0; i < MIN(r->nr_insiders, (u32)ARRAY_SIZE(r->insider)); i++) {
		if (streq(r->insider[i].task_name, task))
			return true;
	}
	return false;
}

/* CPU 1 is in ring 3 but for the handler, which waits and serves calls. */
static int unload_under_handler(struct unload *u)
{
	CHECK(!sync_hold("labrat:timer", 1));
	CHECK(!arm_on_cpu_1());
	CHECK(!sync_wait_held("labrat:timer", clock_ns() + 4 * PATIENCE_NS));
	strlcpy(u->name, "labrat", sizeof(u->name));
	u->patience_ns = 50 * NSEC_PER_MSEC;
	u64 limit = clock_ns() + 4 * PATIENCE_NS;
	do {			/* on a busy host the CPU may not answer in that time */
		CHECK(module_unload(u) == -EBUSY);
	} while (!was_inside(&u->report, "spin") && !clock_passed(limit));
	CHECK(was_inside(&u->report, "spin"));
	sync_release("labrat:timer");
	return 0;
}

/* A thread that is made while its process ends would not be killed: the list has been gone through. */
static int makes_no_late_thread(void)
{
	struct process_plan plan = { .name = "spin", .args = "spin", .priority = PRIO_NORMAL };
	const char *why;
	struct process *p = process_new(&plan, &why);

	CHECK(!IS_ERR(p));
	p->state = PROCESS_ENDING;
	int late = thread_create(p, p->entry, p->stack, 0);
	if (late == -ESRCH)
		p->state = PROCESS_NEW;
	process_end(p, 0);
	object_put(&p->object);
	CHECK(late == -ESRCH);
	return 0;
}

int test_user_late_thread(void)
{
	struct balance_sheet before = balance_take(), after;
	int err = makes_no_late_thread();

	after = balance_after(&before, PATIENCE_NS);
	return balance_compare("late thread", &before, &after) ? err : -EIO;
}

static int handler_is_found(const char *name)
{
	struct process_plan plan = { .name = "spin", .args = "spin", .priority = PRIO_NORMAL };
	struct process_status s = { .id = 0 };
	struct unload *u = kzalloc(sizeof(*u));
	struct load_error why_not;
	const char *why;

	CHECK(u && !strategy_choose(name) && !module_load_by_name("labrat", "", NULL, &why_not));
	struct process *p = process_new(&plan, &why);
	CHECK(!IS_ERR(p) && !process_start(p));
	process_status(p, &s);
	struct task *t = task_find(s.id);
	CHECK(t);
	task_set_affinity(t, CPU_BIT(1));
	u64 limit = clock_ns() + 4 * PATIENCE_NS;
	while ((task_run_cycles(t) < 1000 * 1000 || READ_ONCE(t->cpu) != 1) && !clock_passed(limit))
		sleep_ms(1);			/* it has got as far as its loop */
	int err = unload_under_handler(u);
	sync_reset();
	process_end(p, 0);
	process_wait(p);
	task_put(t);
	object_put(&p->object);
	u->patience_ns = PATIENCE_NS;
	int last = module_unload(u);
	kfree(u);
	return err ? err : last;
}

int test_user_handler_on_top_is_found(void)
{
	struct balance_sheet before = balance_take(), after;
	const char *usual = strategy->name;

	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	task_set_affinity(current, CPU_BIT(0));
	int err = handler_is_found("trap");
	if (!err)
		err = handler_is_found("census");
	task_set_affinity(current, ~0ull);
	int back = strategy_choose(usual);
	after = balance_after(&before, PATIENCE_NS);
	return balance_compare("handler", &before, &after) ? err ? err : back : -EIO;
}

/* A storm of hostile system calls by four processes. */
static int storm(const char *args)
{
	struct balance_sheet before = balance_take(), after;
	int err = run_program("fuzz", args);

	after = balance_after(&before, PATIENCE_NS);
	return balance_compare(args, &before, &after) ? err : -EIO;
}

static int storms(u32 first, u32 n)
{
	int err = 0;

	for (u32 seed = first; seed < first + n && !err && !shell_interrupted(); seed++) {
		char args[40];

		snprintf(args, sizeof(args), "fuzz %u 2000", seed);
		err = storm(args);
	}
	return err;
}

int test_user_fuzz(void) { return storms(1, 4); }

/* 1.6 million calls. The kernel's option fuzz= says where the seeds begin, so that no two runs make the same. */
int test_user_fuzz_long(void)
{
	char text[16];
	u32 first = 5;

	if (cmdline_get(boot_info.cmdline, "fuzz", text, sizeof(text)) > 0 && parse_u32(text, &first))
		return -EINVAL;
	return storms(first, 200);
}
