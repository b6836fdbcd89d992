/* The loader in the kernel: what it makes, what it refuses, and that nothing is
 * left of a load that failed, wherever it did. tests/unit/test_elf.c has the
 * broken files. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "shell/balance_sheet.h"
#include "shell/hazard.h"
#include "shell/ktest.h"
#include "tests/kernel/tests.h"
#include "unload/failed_load.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/paging.h"
#include "x86/symbols.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct load_error why;
static struct unload request;		/* one test at a time */

static int load(const char *name, const char *params, struct module **m)
{
	why.text[0] = '\0';
	return module_load_by_name(name, params, m, &why);
}

static int unload(const char *name)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = UNLOAD_WAIT | UNLOAD_REVOKE;
	request.patience_ns = PATIENCE;
	return module_unload(&request);
}

static bool is_loaded(const char *name)
{
	mutex_lock(&modules_mutex);
	bool there = module_find(name) != NULL;
	mutex_unlock(&modules_mutex);
	return there;
}

static bool says(const char *text)
{
	if (strstr(why.text, text))
		return true;
	printk("\"%s\" instead of \"%s\"\n", why.text, text);
	return false;
}

/* Runs `body`, takes what it loaded out, and checks that nothing is missing. */
static int balanced(const char *who, int (*body)(void))
{
	static const char *const names[] = { "labrat", "primes", "mathlib" };
	struct balance_sheet before = balance_take(), after;
	u32 uses = graveyard_uses();
	int err = body();

	sync_reset();
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (is_loaded(names[i]) && unload(names[i])) {
			printk("%s: %s\n", who, request.report.error);
			err = err ? err : -EBUSY;
		}
	after = balance_after(&before, PATIENCE);
	CHECK(graveyard_uses() == uses);
	CHECK(balance_compare(who, &before, &after));
	return err;
}

/* -- no memory ------------------------------------------------------------- */

/* Loads `name` again and again, each time with the next allocation failing, until
 * one load needs fewer. */
static int fail_everywhere(const char *name, const char *params)
{
	struct balance_sheet before = balance_take(), after;
	u32 n = 0;
	bool failed;

	do {
		alloc_fail_nth(++n);
		int err = load(name, params, NULL);
		failed = alloc_fail_delivered();
		alloc_fail_nth(0);
		CHECK(!failed || err == -ENOMEM || err == 0);
		CHECK(err == 0 || why.text[0]);
		CHECK(failed || err == 0);
		if (err == 0)
			CHECK(unload(name) == 0);
		after = balance_after(&before, PATIENCE);
		CHECK(balance_compare(name, &before, &after));
		CHECK(n < 200);
	} while (failed);
	CHECK(n > 8);
	return 0;
}

static int unwinds_labrat(void)
{
	return fail_everywhere("labrat", "thread=y fail_at=0");
}

int test_load_unwinds(void)
{
	return balanced("unwinds", unwinds_labrat);
}

/* With a dependency: that one stays when only the dependent has failed. */
static int unwinds_primes(void)
{
	CHECK(load("mathlib", "", NULL) == 0);
	return fail_everywhere("primes", "");
}

int test_load_unwinds_dependent(void)
{
	return balanced("unwinds", unwinds_primes);
}

/* -- what is refused -------------------------------------------------------- */

static int refuses_params(void)
{
	CHECK(load("labrat", "depth=3", NULL) == -EINVAL && says("labrat: no parameter is called depth"));
	CHECK(load("labrat", "deaf=perhaps", NULL) == -EINVAL && says("\"perhaps\" is not y or n"));
	CHECK(load("labrat", "fail_at=99999999999", NULL) == -ERANGE && says("does not fit"));
	CHECK(load("labrat", "fail_at", NULL) == -EINVAL && says("needs a value"));
	return 0;
}

int test_load_params(void)
{
	return balanced("parameters", refuses_params);
}

static int refuses_names(void)
{
	CHECK(load("nobody", "", NULL) == -ENOENT && says("nobody: no such module in the boot archive"));
	CHECK(load("labrat", "", NULL) == 0);
	CHECK(load("labrat", "", NULL) == -EEXIST && says("labrat: is loaded already"));
	CHECK(load("labrat.ko", "", NULL) == -EEXIST);
	return 0;
}

int test_load_names(void)
{
	return balanced("names", refuses_names);
}

/* A copy of labrat's file that the tests may change. */
static u8 *copy_of_labrat(u32 *size)
{
	const void *file;
	u8 *copy;

	if (archive_find("labrat", &file, size))
		return NULL;
	copy = kmalloc(*size);
	if (copy)
		memcpy(copy, file, *size);
	return copy;
}

/* Replaces the first `old` in the file by as many bytes of `new`, with its NUL. */
static bool patch(u8 *file, u32 size, const char *old, const char *new)
{
	u32 len = (u32)strlen(old);

	for (u32 i = 0; i + len < size; i++)
		if (memcmp(file + i, old, len) == 0) {
			memcpy(file + i, new, strlen(new) + 1);
			return true;
		}
	return false;
}

static int refuses_needs(u8 *file, u32 size)
{
	CHECK(patch(file, size, "kthread_run", "kthread_ran"));
	CHECK(module_load("x.ko", file, size, "", NULL, &why) == -ENOENT);
	CHECK(says("x.ko: undefined symbol kthread_ran"));
	CHECK(patch(file, size, "description=", "depends=mathlib,loop"));
	CHECK(module_load("loop.ko", file, size, "", NULL, &why) == -ELOOP);
	CHECK(says("loop.ko: needs loop, which needs it in turn"));
	CHECK(is_loaded("mathlib"));
	CHECK(patch(file, size, "depends=", "depends=nobody"));
	CHECK(module_load("x.ko", file, size, "", NULL, &why) == -ENOENT);
	CHECK(says("x.ko: needs: nobody: no such module in the boot archive"));
	return 0;
}

static int refuses_files(u8 *file, u32 size)
{
	CHECK(module_load("Lab Rat.ko", file, size, "", NULL, &why) == -EINVAL && says("a-z"));
	CHECK(module_load("a/lab-rat.ko", file, size, "", NULL, &why) == 0);
	CHECK(is_loaded("lab_rat"));
	CHECK(unload("lab_rat") == 0);
	for (u32 cut = 0; cut < size; cut += 61)
		CHECK(module_load("cut.ko", file, cut, "", NULL, &why) == -ENOEXEC && says("cut.ko: "));
	CHECK(patch(file, size, "quiesce-2", "quiesce-0"));
	CHECK(module_load("old.ko", file, size, "", NULL, &why) == -ENOEXEC);
	CHECK(says("old.ko: built for ABI quiesce-0, this kernel has quiesce-2"));
	CHECK(patch(file, size, "quiesce-0", "quiesce-2"));
	/* As restored it has no headers but those before. */
	CHECK(module_load("old.ko", file, size, "", NULL, &why) == -ENOEXEC);
	CHECK(says("old.ko: built with other headers than this kernel's (in: entry lib mm module sched smp x86)"));
	return 0;
}

/* A file as it was, but for its stamp. */
static int refuses_stamps(u8 *file, u32 size)
{
	CHECK(patch(file, size, "abi_local", "abi_lokal"));
	CHECK(module_load("old.ko", file, size, "", NULL, &why) == -ENOEXEC && says("the function abi_local, which shows"));
	CHECK(patch(file, size, "abi_lokal", "abi_local"));
	CHECK(patch(file, size, " sched:", " sched:0"));	/* which ends there */
	CHECK(module_load("old.ko", file, size, "", NULL, &why) == -ENOEXEC);
	CHECK(says("old.ko: built with other headers than this kernel's (in: sched); build it anew"));
	return 0;
}

static int refuses_machine(u8 *file, u32 size)
{
	file[18] = 62;				/* e_machine */
	CHECK(module_load("old.ko", file, size, "", NULL, &why) == -ENOEXEC && says("machine 62"));
	return 0;
}

static int with_copy(int (*body)(u8 *file, u32 size))
{
	u32 size;
	u8 *file = copy_of_labrat(&size);
	int err;

	CHECK(file);
	err = body(file, size);
	kfree(file);
	return err;
}

static int refuses_copies(void)
{
	int (*const refuses[])(u8 *file, u32 size) = { refuses_files, refuses_needs, refuses_stamps, refuses_machine };
	int err = 0;

	for (u32 i = 0; !err && i < ARRAY_SIZE(refuses); i++)
		err = with_copy(refuses[i]);
	return err;
}

int test_load_files(void)
{
	return balanced("files", refuses_copies);
}

/* -- what is made ------------------------------------------------------------ */

static bool mapped_as(const struct module *m, enum part part, bool writable, bool executable)
{
	for (u32 i = 0; i < m->part_pages[part]; i++) {
		pte_t *pte = kernel_pte(m->owner.base + (m->part_start[part] + i) * PAGE_SIZE);

		if (!pte || !(*pte & PTE_P) || !(*pte & PTE_W) == writable)
			return false;
		if (paging_has_nx() && !(*pte & PTE_NX) != executable)
			return false;
	}
	return true;
}

static int makes_parts(void)
{
	struct module *m;
	pte_t *pte;

	CHECK(load("labrat", "", &m) == 0);
	CHECK(m->part_pages[PART_TEXT] && mapped_as(m, PART_TEXT, false, true));
	CHECK(m->part_pages[PART_RODATA] && mapped_as(m, PART_RODATA, false, false));
	CHECK(m->part_pages[PART_DATA] && mapped_as(m, PART_DATA, true, false));
	/* test_init_section.c decides which it is; here a busy host may have kept a CPU from
	 * answering in time, which counts as somebody inside. */
	CHECK(!m->init && !m->part_pages[PART_INIT_TEXT] == !m->init_in_use);
	pte = kernel_pte(m->owner.base + m->part_start[PART_INIT_TEXT] * PAGE_SIZE);
	CHECK(!(*pte & PTE_P) == !m->init_in_use);
	CHECK(m->nr_allocs == 2 && m->alloc_bytes >= 5100);
	CHECK(streq(module_state_name(m), "Live"));
	return 0;
}

int test_load_parts(void)
{
	return balanced("parts", makes_parts);
}

/* A checked build has the line of the source behind it. */
static bool names(const char *text, const char *place)
{
	size_t len = strlen(place);

	return starts_with(text, place) && (!text[len] || starts_with(text + len, " ("));
}

static int makes_names(void)
{
	struct module *m;
	char text[64];

	CHECK(load("labrat", "", &m) == 0);
	symbolise((u32)m->veto, text, sizeof(text));
	CHECK(names(text, "labrat_veto+0x0 [labrat]"));
	symbolise((u32)m->veto + 5, text, sizeof(text));
	CHECK(names(text, "labrat_veto+0x5 [labrat]"));
	symbolise(m->owner.base + m->image_pages * PAGE_SIZE + 16, text, sizeof(text));
	CHECK(names(text, "heap+0x10 [labrat]"));
	for (u32 i = 0; i < m->nr_symbols && !m->init_in_use; i++)
		CHECK(m->symbol[i].addr < m->owner.base + m->part_start[PART_INIT_TEXT] * PAGE_SIZE);
	CHECK(unload("labrat") == 0);
	return 0;
}

int test_load_symbols(void)
{
	return balanced("symbols", makes_names);
}

static int loads_dependency(void)
{
	struct module *m, *lib;

	CHECK(load("primes", "", &m) == 0);
	CHECK(is_loaded("mathlib"));
	lib = m->dep[0];
	CHECK(m->nr_deps == 1 && streq(lib->owner.name, "mathlib") && lib->nr_users == 1);
	CHECK(unload("mathlib") == -EBUSY);
	CHECK(unload("primes") == 0);
	CHECK(lib->nr_users == 0);
	CHECK(unload("mathlib") == 0);
	return 0;
}

int test_load_dependency(void)
{
	return balanced("dependency", loads_dependency);
}

/* An unload that has claimed the module, and has not got as far as GOING: nothing is bound to it any more. */
static int claim(const char *name, bool on)
{
	mutex_lock(&modules_mutex);
	struct module *m = module_find(name);
	if (m)
		m->unloading = on;
	mutex_unlock(&modules_mutex);
	return m ? 0 : -ENOENT;
}

static int refuses_claimed(void)
{
	CHECK(load("mathlib", "", NULL) == 0 && claim("mathlib", true) == 0);
	int err = load("primes", "", NULL);
	CHECK(claim("mathlib", false) == 0);
	CHECK(err == -EBUSY && says("primes: needs mathlib, which is being unloaded"));
	CHECK(load("primes", "", NULL) == 0);
	return 0;
}

int test_load_binds_to_none_that_goes(void)
{
	return balanced("claimed", refuses_claimed);
}

/* -- two at once ------------------------------------------------------------- */

struct loader { const char *name, *params; struct load_error why; int result; struct task *task; };

static void loader_task(void *arg)
{
	struct loader *l = arg;

	l->result = module_load_by_name(l->name, l->params, NULL, &l->why);
}

static int start_loader(struct loader *l, const char *name, const char *params)
{
	*l = (struct loader){ .name = name, .params = params, .result = 1 };
	l->task = task_create("loader", PRIO_NORMAL, loader_task, l);
	return IS_ERR(l->task) ? PTR_ERR(l->task) : 0;
}

static int join(struct task *t)
{
	int err = task_join(t, from_now(PATIENCE));

	task_put(t);
	return err;
}

static int loads_twice_at_once(void)
{
	static struct loader other;

	CHECK(sync_hold("load:coming", 1) == 0);
	CHECK(start_loader(&other, "labrat", "") == 0);
	CHECK(sync_wait_held("load:coming", from_now(PATIENCE)) == 0);
	CHECK(load("labrat", "", NULL) == -EEXIST && says("labrat: is being loaded already"));
	CHECK(unload("labrat") == -EBUSY);
	sync_release("load:coming");
	CHECK(join(other.task) == 0 && other.result == 0);
	return 0;
}

int test_load_coming(void)
{
	return balanced("coming", loads_twice_at_once);
}

/* A module whose library is just being loaded waits for it. */
static int waits_for_library(void)
{
	static struct loader library, user;

	CHECK(sync_hold("load:coming", 1) == 0);
	CHECK(start_loader(&library, "mathlib", "") == 0);
	CHECK(sync_wait_held("load:coming", from_now(PATIENCE)) == 0);
	CHECK(start_loader(&user, "primes", "") == 0);
	sleep_ms(20);
	CHECK(READ_ONCE(user.result) == 1);
	sync_release("load:coming");
	CHECK(join(library.task) == 0 && library.result == 0);
	CHECK(join(user.task) == 0 && user.result == 0);
	return 0;
}

int test_load_waits(void)
{
	return balanced("waits", waits_for_library);
}

/* -- init fails when somebody is inside already -------------------------------- */

struct reader { u32 len; int result; struct task *task; bool open; };

static void reader_task(void *arg)
{
	struct reader *r = arg;
	char buf[2];
	struct file *f = file_open("labrat", 0);

	if (IS_ERR(f)) {
		r->result = PTR_ERR(f);
		return;
	}
	WRITE_ONCE(r->open, true);
	r->result = file_read(f, buf, r->len);	/* 2: until it is told to leave; 1: the test says */
	file_close(f);
}

static int fails_with_reader_inside(void)
{
	static struct loader other;
	static struct reader reader;

	CHECK(sync_hold("load:init-done", 1) == 0);
	CHECK(start_loader(&other, "labrat", "fail_at=7") == 0);
	CHECK(sync_wait_held("load:init-done", from_now(PATIENCE)) == 0);
	reader = (struct reader){ .len = 2, .result = 1 };
	reader.task = task_create("reader", PRIO_NORMAL, reader_task, &reader);
	CHECK(!IS_ERR(reader.task));
	for (u64 end = clock_ns() + PATIENCE; !READ_ONCE(reader.open) && reader.result > 0; sleep_ms(1))
		CHECK(!clock_passed(end));
	sync_release("load:init-done");
	CHECK(join(other.task) == 0 && other.result == -EIO);
	CHECK(join(reader.task) == 0 && reader.result == -ENODEV);
	CHECK(!is_loaded("labrat"));
	return 0;
}

/* The task stays for longer than one look: the module goes by itself when it has left. */
static int fails_with_one_who_stays(void)
{
	static struct loader other;
	static struct reader reader;

	CHECK(sync_hold("load:init-done", 1) == 0 && sync_hold("labrat:read", 1) == 0);
	CHECK(start_loader(&other, "labrat", "fail_at=7") == 0);
	CHECK(sync_wait_held("load:init-done", from_now(PATIENCE)) == 0);
	reader = (struct reader){ .len = 1, .result = 1 };
	reader.task = task_create("reader", PRIO_NORMAL, reader_task, &reader);
	CHECK(!IS_ERR(reader.task));
	CHECK(sync_wait_held("labrat:read", from_now(PATIENCE)) == 0);
	u64 usual = failed_load_wait_ns;
	WRITE_ONCE(failed_load_wait_ns, NSEC_PER_SEC);
	sync_release("load:init-done");
	int err = join(other.task);
	WRITE_ONCE(failed_load_wait_ns, usual);
	CHECK(err == 0 && other.result == -EIO);
	CHECK(is_loaded("labrat"));			/* it was waited for long enough */
	sync_release("labrat:read");
	CHECK(join(reader.task) == 0);
	for (u64 end = clock_ns() + PATIENCE; is_loaded("labrat") && !clock_passed(end); )
		sleep_ms(1);
	CHECK(!is_loaded("labrat"));
	return 0;
}

int test_load_init_fails_and_one_stays(void)
{
	return balanced("one stays", fails_with_one_who_stays);
}

int test_load_init_fails_in_use(void)
{
	return balanced("in use", fails_with_reader_inside);
}
