/* The search for bare pointers, over nets of modules that would take it for ever, or overflow its
 * stack, if it looked at one of them for each way that leads there. */
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "tests/kernel/tests.h"
#include "unload/bare_pointers.h"
#include "x86/clock.h"
#include "x86/layout.h"

#define NR 200

struct net { struct module m[NR]; struct unload u; };

/* Each module uses the `deps` before it. None has pages to be read. */
static void weave(struct net *n, u32 deps)
{
	for (u32 i = 0; i < NR; i++) {
		struct module *m = &n->m[i];

		snprintf(m->owner.name, sizeof(m->owner.name), "net%u", i);
		m->owner.base = MODULE_BASE + MODULE_SIZE - (NR - i) * PAGE_SIZE;
		m->owner.size = PAGE_SIZE;
		for (m->nr_deps = 0; m->nr_deps < MIN(i, deps); m->nr_deps++)
			m->dep[m->nr_deps] = &n->m[i - 1 - m->nr_deps];
	}
	n->u.mod = &n->m[NR - 1];
	n->u.deadline = clock_ns() + 60 * NSEC_PER_SEC;
}

static bool nobody_is_noted(const struct net *n)
{
	for (u32 i = 0; i < NR; i++) {
		if (n->m[i].noted)
			return false;
	}
	return true;
}

static int with_net(u32 deps, int (*body)(struct net *n))
{
	struct net *n = kzalloc(sizeof(*n));
	int err = -ENOMEM;

	if (n) {
		weave(n, deps);
		err = body(n);
	}
	kfree(n);
	return err;
}

static int nothing_found(struct net *n)
{
	CHECK(bare_pointer_found(&n->u) == 0 && nobody_is_noted(n));
	return 0;
}

int test_bare_chain(void) { return with_net(1, nothing_found); }
int test_bare_diamonds(void) { return with_net(MAX_DEPS, nothing_found); }

/* What is read is there, and what is not is passed over; and the time that there is counts. */
static u32 keeps[2 * PAGE_SIZE / sizeof(u32)] aligned(PAGE_SIZE);

static int found(struct net *n)
{
	struct module *first = &n->m[0], *second = &n->m[1];

	second->part_pages[PART_DATA] = 4;		/* as if it had been taken out meanwhile */
	first->owner.base = (u32)keeps;
	first->part_pages[PART_DATA] = 2;
	keeps[PAGE_SIZE / sizeof(u32) + 5] = n->u.mod->owner.base + 8;
	CHECK(bare_pointer_found(&n->u) == 1 && nobody_is_noted(n));
	CHECK(strstr(n->u.report.error, "net0 keeps the bare address"));
	keeps[PAGE_SIZE / sizeof(u32) + 5] = 0;
	CHECK(bare_pointer_found(&n->u) == 0);
	n->u.deadline = clock_ns();
	CHECK(bare_pointer_found(&n->u) == -EBUSY && strstr(n->u.report.error, "its time was over while net"));
	n->u.flags = UNLOAD_WAIT;
	CHECK(bare_pointer_found(&n->u) == -ETIMEDOUT && nobody_is_noted(n));
	return 0;
}

int test_bare_found_in_time(void) { return with_net(MAX_DEPS, found); }

/* A pointer in the heap of a module that it uses, not in its data. */
static int found_in_heap(struct net *n)
{
	struct module *m = &n->m[0], *library;
	struct load_error why;

	CHECK(module_load_by_name("labrat", "", &library, &why) == 0);	/* it allocates */
	m->dep[m->nr_deps++] = library;
	n->u.mod = m;
	u32 *word = (u32 *)(library->owner.base + library->image_pages * PAGE_SIZE + PAGE_SIZE) - 1;
	CHECK(!*word && bare_pointer_found(&n->u) == 0);
	*word = m->owner.base;
	int found = bare_pointer_found(&n->u);
	*word = 0;
	CHECK(found == 1 && strstr(n->u.report.error, "labrat keeps the bare address"));
	memset(&n->u, 0, sizeof(n->u));
	strlcpy(n->u.name, "labrat", sizeof(n->u.name));
	return module_unload(&n->u);
}

int test_bare_in_a_heap(void) { return with_net(0, found_in_heap); }
