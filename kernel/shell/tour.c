/* tour: the whole point in below a minute. Modules are loaded, used from all
 * CPUs, and taken out while they are used. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "shell/users.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

#define BOLD   "\x1b[1m"
#define GREEN  "\x1b[32m"
#define RED    "\x1b[31m"
#define YELLOW "\x1b[33m"
#define PLAIN  "\x1b[0m"

static const char *const cast[] = {
	"null", "zero", "rtc", "pci", "pcspkr", "mathlib", "primes", "average", "uart", "ps2kbd",
};

struct tour {
	struct users users;
	struct unload unload;
	u32 failed;
};

static void say(const char *text)
{
	printk("\n" BOLD "%s" PLAIN "\n", text);
}

static bool is_loaded(const char *name)
{
	mutex_lock(&modules_mutex);
	bool there = module_find(name) != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

static void load_cast(struct tour *t)
{
	struct load_error why;

	say("1. Drivers are loaded, with the library that two of them need.");
	for (u32 i = 0; i < ARRAY_SIZE(cast); i++) {
		if (is_loaded(cast[i]))
			continue;
		int err = module_load_by_name(cast[i], "", NULL, &why);
		/* A machine may lack a device: that is its driver's answer, not a failure. */
		if (err == -ENODEV)
			printk("   (%s: not on this machine)\n", cast[i]);
		else if (err) {
			printk("   " RED "%s" PLAIN "\n", why.text);
			t->failed++;
		}
	}
	printk("  ");
	for (u32 i = 0; i < ARRAY_SIZE(cast); i++)
		printk("%s%s", is_loaded(cast[i]) ? " " : "", is_loaded(cast[i]) ? cast[i] : "");
	printk("\n");
}

static void let_users_run(u32 ms)
{
	sleep_interruptible_ns(ms * NSEC_PER_MSEC);
}

static int take_out(struct tour *t, const char *name, u32 flags, u64 patience)
{
	memset(&t->unload, 0, sizeof(t->unload));
	strlcpy(t->unload.name, name, sizeof(t->unload.name));
	t->unload.flags = flags;
	t->unload.patience_ns = patience;
	return module_unload(&t->unload);
}

static void show_row(struct tour *t, const char *name, int err)
{
	const struct unload_report *r = &t->unload.report;
	char total[16], held[16];

	printk("   %-8s %s%-9s" PLAIN " %7s %9s %5u %6u", name, err ? YELLOW : GREEN,
	       err ? errno_name(err) : "out", duration_text(r->total_ns, total, sizeof(total)),
	       duration_text(tsc_to_ns(r->held.held), held, sizeof(held)), r->tries, r->nr_insiders);
	if (r->nr_insiders) {
		const char *where = r->insider[0].where, *module = strchr(where, ' ');
		printk("  %s at %.*s", r->insider[0].task_name,
		       module ? (int)(module - where) : (int)strlen(where), where);
	}
	printk("\n");
	if (err)
		printk("            %s\n", r->error);
}

/* Asks for what must be refused. */
static void ask_for(struct tour *t, const char *name)
{
	if (!is_loaded(name))
		return;
	int err = take_out(t, name, 0, 0);
	if (err) {
		printk("   rmmod: %s\n", t->unload.report.error);
		return;
	}
	printk("   " RED "%s went, though it was in use" PLAIN "\n", name);
	t->failed++;
}

static bool cat_has_come;		/* atomic; whether the device let it in or not */

static void hold_uart(void *unused)
{
	struct file *f = file_open("uart", 0);
	u8 byte;

	(void)unused;
	WRITE_ONCE(cat_has_come, true);
	if (IS_ERR(f))
		return;
	int err = file_read(f, &byte, 1);
	file_close(f);
	if (err < 0)
		printk("[task %u] cat uart: %s\n", current->id, errno_name(err));
}

static void refuse_politely(struct tour *t)
{
	say("2. A module in use is not taken from its users: who holds it is named.");
	WRITE_ONCE(cat_has_come, false);
	struct task *cat = is_loaded("uart") ? task_create("cat", PRIO_NORMAL, hold_uart, NULL) : NULL;
	if (cat && !IS_ERR(cat)) {
		printk("[task %u] cat\n", cat->id);
		while (!READ_ONCE(cat_has_come) && !task_is_dead(cat) && !shell_interrupted())
			let_users_run(5);
		task_put(cat);
	}
	let_users_run(200);
	ask_for(t, "uart");
	ask_for(t, "mathlib");
}

static void unload_under_fire(struct tour *t)
{
	static const char *const order[] = {
		"null", "zero", "rtc", "pci", "pcspkr", "primes", "average", "mathlib", "uart", "ps2kbd",
	};
	char text[100];

	snprintf(text, sizeof(text), "3. %u tasks on %u CPUs use every device; each module is taken out meanwhile.",
	         2 * nr_cpus, nr_cpus);
	say(text);
	if (users_start(&t->users, 2 * nr_cpus, NULL, 1, USERS_HARD)) {
		t->failed++;
		return;
	}
	let_users_run(300);
	printk("   module   result       took CPUs held tries inside\n");
	for (u32 i = 0; i < ARRAY_SIZE(order) && !shell_interrupted(); i++) {
		if (!is_loaded(order[i]))
			continue;
		int err = take_out(t, order[i], UNLOAD_WAIT | UNLOAD_REVOKE, 2 * NSEC_PER_SEC);
		show_row(t, order[i], err);
		t->failed += err != 0;
		let_users_run(50);
	}
	struct user_counts sum = users_stop(&t->users);
	printk("   the tasks opened %u times, called %u times, were cut off %u times\n", sum.opens,
	       sum.calls, sum.cut_off);
}

static void check_graves(struct tour *t, u32 uses_before)
{
	u32 uses = graveyard_uses() - uses_before;

	say("4. Was anything touched afterwards? The pages are unmapped: a touch would fault.");
	printk("   %s%u uses after unload" PLAIN "\n", uses ? RED : GREEN, uses);
	t->failed += uses;
}

static int tour_run(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return usage_error("tour");
	struct tour *t = kzalloc(sizeof(*t));
	if (!t)
		return shell_error(-ENOMEM, "tour: no memory");
	u32 uses = graveyard_uses();
	u64 start = clock_ns();
	printk(BOLD "How do you take code out of a running kernel?" PLAIN " Strategy: %s.\n", strategy->name);
	load_cast(t);
	refuse_politely(t);
	unload_under_fire(t);
	check_graves(t, uses);
	char took[16];
	printk("The tour took %s. Next: `help`, `lsmod -v`, `strategy`, docs/MODULES.md.\n",
	       duration_text(clock_ns() - start, took, sizeof(took)));
	int err = t->failed ? shell_error(-EIO, "tour: %u things went wrong", t->failed) : 0;
	kfree(t);
	return err;
}

const struct command tour_command = {
	"tour", "tour", "a guided run: load, use, unload under fire, look back", tour_run, NULL,
};
