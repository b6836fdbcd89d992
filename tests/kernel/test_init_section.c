/* The init section of a module: freed after init unless somebody may be looking at it, and
 * no record leads there. */
#include "entry/callback.h"
#include "entry/chrdev.h"
#include "entry/irq.h"
#include "entry/notifier.h"
#include "entry/stage.h"
#include "entry/thread.h"
#include "entry/timer.h"
#include "entry/work.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/tests.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/paging.h"

#define PATIENCE (20 * NSEC_PER_SEC)

/* -- who is inside when init returns ------------------------------------------------------- */

static int result_of_load, result_of_read;
static bool stays;

static void loader_task(void *unused)
{
	struct load_error why;

	(void)unused;
	result_of_load = module_load_by_name("h_b18_init", "", NULL, &why);
}

static void reader_task(void *unused)
{
	struct file *f = file_open("h_b18_init", 0);
	u32 prime = 0;

	(void)unused;
	if (IS_ERR(f)) {
		result_of_read = PTR_ERR(f);
		return;
	}
	result_of_read = file_read(f, &prime, sizeof(prime)) < 0 ? -EIO : (int)prime;
	file_close(f);
}

static bool ends(struct task *t)
{
	bool ended = task_join(t, from_now(PATIENCE)) == 0;

	task_put(t);
	return ended;
}

static bool soon(const volatile u32 *what)
{
	u64 deadline = clock_ns() + PATIENCE;

	while (!*what && !clock_passed(deadline))
		sleep_ms(1);
	return *what;
}

/* Stays for as long as the module does: nobody unloads it meanwhile. */
static struct module *the_module(void)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find("h_b18_init");
	mutex_unlock(&modules_mutex);
	return m;
}

static bool init_is_mapped(const struct module *m)
{
	const pte_t *pte = kernel_pte(m->owner.init_base);

	return *pte & PTE_P;
}

/* Loads the module; with a reader that came in before init returned and stays. */
static int load_with(bool reader)
{
	struct task *l, *r = NULL;

	stage.at = stage.go = 0;
	CHECK(sync_hold("h_b18:offered", 1) == 0);
	l = task_create("loader", PRIO_NORMAL, loader_task, NULL);
	CHECK(!IS_ERR(l) && sync_wait_held("h_b18:offered", from_now(PATIENCE)) == 0);
	if (reader) {
		r = task_create("reader", PRIO_NORMAL, reader_task, NULL);
		CHECK(!IS_ERR(r) && soon(&stage.at));
	}
	sync_release("h_b18:offered");
	CHECK(ends(l) && result_of_load == 0);

	struct module *m = the_module();
	CHECK(m && m->owner.state == OWNER_LIVE && !m->init);
	stays = m->init_in_use;
	CHECK((stays || !reader) && init_is_mapped(m) == stays);
	CHECK((module_init_pages(m) != 0) == stays);
	stage.go = 1;
	CHECK(!reader || (ends(r) && result_of_read > 0));
	return 0;
}

static int unload(void)
{
	static struct unload u;

	memset(&u, 0, sizeof(u));
	strlcpy(u.name, "h_b18_init", sizeof(u.name));
	u.flags = UNLOAD_WAIT | UNLOAD_REVOKE;
	u.patience_ns = PATIENCE;
	return module_unload(&u);
}

static int load_and_unload(bool reader)
{
	struct balance_sheet before = balance_take(), after;
	int err = load_with(reader), end;

	stage.go = 1;
	sync_reset();
	end = unload();
	if (err || end)
		return err ? err : end;
	after = balance_after(&before, PATIENCE);
	return balance_compare("init section", &before, &after) ? 0 : -EIO;
}

/* A CPU that a busy host keeps from answering counts as somebody inside: but not always. */
int test_init_section_goes(void)
{
	for (u32 i = 0; i < 20; i++) {
		int err = load_and_unload(false);
		if (err || !stays)
			return err;
	}
	CHECK(!stays);
	return 0;
}

int test_init_section_in_use_stays(void)
{
	const struct strategy *usual = strategy;

	if (nr_cpus == 1) {
		printk("the reader does not give the one CPU away\n");
		return KTEST_SKIPPED;
	}
	int err = load_and_unload(true);
	if (!err)
		err = strategy_choose("census");
	if (!err)
		err = load_and_unload(true);
	return strategy_choose(usual->name) ? -EBUSY : err;
}

/* -- records -------------------------------------------------------------------------------- */

static void gone_soon(void *arg)
{
	(void)arg;
}

static int refused_everywhere(void)
{
	struct chrdev_ops ops = { .read = (void *)gone_soon };
	void *fn = gone_soon;

	CHECK(PTR_ERR(timer_create("t", fn, NULL)) == -EINVAL);
	CHECK(PTR_ERR(work_create("w", fn, NULL)) == -EINVAL);
	CHECK(PTR_ERR(kthread_run(fn, NULL, "k")) == -EINVAL);
	CHECK(PTR_ERR(notifier_register(&reboot_chain, "n", fn, NULL, 0)) == -EINVAL);
	CHECK(PTR_ERR(request_irq(6, fn, 0, "i", NULL)) == -EINVAL);
	CHECK(PTR_ERR(chrdev_register("init section", &ops, NULL)) == -EINVAL);
	CHECK(callback_register("c", fn, NULL) == -EINVAL);
	return 0;
}

int test_init_section_no_record_leads_there(void)
{
	static struct owner o;
	struct balance_sheet before = balance_take(), after;

	memset(&o, 0, sizeof(o));
	strlcpy(o.name, "init", sizeof(o.name));
	o.base = o.init_base = (u32)gone_soon;
	o.size = o.init_size = 1;
	CHECK(owner_register(&o) == 0);
	int err = refused_everywhere();
	owner_unregister(&o);
	after = balance_after(&before, PATIENCE);
	return err ? err : balance_compare("init section", &before, &after) ? 0 : -EIO;
}

/* Its frames are given back with it, not with the module. */
int test_init_section_frames_go(void)
{
	struct load_error why;
	struct module *m;
	u32 kept = 0;

	CHECK(module_load_by_name("null", "", &m, &why) == 0 && !module_init_pages(m));
	for (u32 i = 0; i < m->image_pages; i++)
		kept += m->frames[i] != 0;	/* noted when they were unmapped */
	struct unload *u = kzalloc(sizeof(*u));
	CHECK(u);
	strlcpy(u->name, "null", sizeof(u->name));
	int err = module_unload(u);
	kfree(u);
	CHECK(!err && !kept);
	return 0;
}
