/* Page faults of the kernel are offered in one order (x86/trap.h): a test for each edge. What is
 * left after the last one is a panic: tests/system/test_boot.py. */
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "shell/balance_sheet.h"
#include "shell/commands.h"
#include "tests/kernel/tests.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "user/entry.h"
#include "user/uaccess.h"
#include "x86/clock.h"
#include "x86/layout.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static struct unload request;

static int unload(const char *name)
{
	memset(&request, 0, sizeof(request));
	strlcpy(request.name, name, sizeof(request.name));
	request.flags = UNLOAD_WAIT;
	request.patience_ns = PATIENCE;
	return module_unload(&request);
}

static int load(const char *name, struct module **m)
{
	struct load_error why;

	return module_load_by_name(name, "", m, &why);
}

/* Where a module has been; with its pages kept, if `lab`. 0: no such. */
static u32 dead_page(bool lab)
{
	struct module *m;
	u32 at;

	if (load("null", &m))
		return 0;
	at = m->owner.base + m->part_start[PART_DATA] * PAGE_SIZE;
	graveyard_laboratory = lab;
	int err = unload("null");
	graveyard_laboratory = false;
	return err ? 0 : at;
}

static int nothing_missing(int (*body)(void))
{
	struct balance_sheet before = balance_take(), after;
	int err = body();

	graveyard_laboratory = false;
	after = balance_after(&before, PATIENCE);
	CHECK(balance_compare("faults", &before, &after));
	return err;
}

/* A bad address of ring 3 is nobody's fault but its own. */
static int user_copy(void)
{
	u32 word, uses = graveyard_uses();

	CHECK(copy_user(&word, (const void *)USER_START, 4));
	CHECK(copy_user((void *)(USER_END - 4), &word, 4));
	CHECK(graveyard_uses() == uses);
	return 0;
}

int test_fault_user_copy_comes_first(void) { return nothing_missing(user_copy); }

/* ... but what faults on the kernel's side of the copy is a late use, as anywhere. */
static int late_copy(void)
{
	u32 at = dead_page(true), uses = graveyard_uses(), word = 1;

	CHECK(at);
	graveyard_laboratory = true;
	CHECK(copy_user((void *)at, &word, sizeof(word)) == 0);		/* walks out */
	CHECK(graveyard_uses() == uses + 1);
	return 0;
}

int test_fault_user_copy_takes_no_other(void) { return nothing_missing(late_copy); }

/* Ring 3 calls labrat, which reads `at`. */
static int peek(u32 at, u32 *uses, u32 *faults)
{
	struct module *m;
	char args[24];

	*uses = graveyard_uses();
	CHECK(load("labrat", &m) == 0);
	snprintf(args, sizeof(args), "peek %u", at);
	int code = run_program("peek", args);
	*uses = graveyard_uses() - *uses;
	*faults = m->faults;
	CHECK(unload("labrat") == 0);
	return code;
}

/* What a live module does to a dead one's memory is a late use first, also in a call that could
 * be contained. */
static int late_peek(void)
{
	u32 uses, faults, at = dead_page(false);

	CHECK(at);
	CHECK(peek(at, &uses, &faults) == -EFAULT);
	CHECK(uses == 1 && faults == 0);
	at = dead_page(true);
	CHECK(at);
	graveyard_laboratory = true;
	CHECK(peek(at, &uses, &faults) >= 0);
	CHECK(uses == 1 && faults == 0);
	return 0;
}

int test_fault_graveyard_before_containment(void) { return nothing_missing(late_peek); }

static int contained(void)
{
	u32 uses, faults;

	CHECK(peek(16, &uses, &faults) == -EFAULT);
	CHECK(uses == 0 && faults == 1);
	CHECK(peek(MODULE_BASE, &uses, &faults) == -EFAULT);	/* where no module ever was */
	CHECK(uses == 0 && faults == 1);
	return 0;
}

int test_fault_containment_before_panic(void) { return nothing_missing(contained); }
