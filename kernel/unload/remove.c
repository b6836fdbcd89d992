#include "unload/remove.h"
#include "entry/call_check.h"
#include "entry/news.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "module/loading.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "unload/graveyard.h"
#include "unload/holders.h"
#include "unload/steps.h"
#include "x86/console.h"

static struct list all_remains = LIST_INIT(all_remains);	/* modules; under modules_mutex */

int look_at_use_count(struct unload *u)
{
	u32 count = u->mod->use_count ? READ_ONCE(*u->mod->use_count) : 0;

	if (u->mod->nr_users)
		return name_dependents(u);
	return count ? say_in_use(u, count, -EBUSY) : 0;
}

int say_in_use(struct unload *u, u32 n, int err)
{
	snprintf(u->report.error, sizeof(u->report.error), "%s is in use: its use count is %u",
	         u->name, n);
	return err;
}

int look_for_exit(struct unload *u)
{
	if (u->mod->exit || (u->flags & UNLOAD_FORCE))
		return 0;
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s has no exit function, so it stays unless it is forced", u->name);
	return -EBUSY;
}

int look_at_dependents(struct unload *u)
{
	mutex_lock(&modules_mutex);
	int err = u->mod->nr_users ? name_dependents(u) : 0;
	mutex_unlock(&modules_mutex);
	return err;
}

void cleanup_module(struct unload *u)
{
	struct module *m = u->mod;

	struct call_check c = call_check_begin();
	if (m->exit)
		m->exit();
	(void)call_check_end(c, "exit", m->exit);
	sync_point("unload:cleaned-up");
	entries_each(&m->owner, note_forgotten, &u->report);
	u->report.left_behind = u->report.forgotten != 0;
	u->report.forgotten_allocs = m->nr_allocs;
	u->report.forgotten_bytes = m->alloc_bytes;
}

void removal_begin(struct unload *u, struct removal *r)
{
	*r = (struct removal){ 0 };
	r->grave = graveyard_dig(u->mod, current->name, u->strategy->name);
	module_news(OWNER_GONE, u->mod->owner.name);
	module_forget(u->mod);
}

/* The frames are laid in before the pages go, each as it is unmapped: a timer that
 * was forgotten may fire on this very CPU between the first and the last. */
static void lend_frames(struct module *m, u64 grave)
{
	struct freed_image image = {
		.frame = m->frames, .pages = m->owner.size / PAGE_SIZE, .va = m->owner.base,
	};

	if (graveyard_laboratory)
		graveyard_lend(grave, &image);
}

void removal_unmap(struct unload *u, struct removal *r)
{
	sync_point("unload:unmap");
	lend_frames(u->mod, r->grave);
	module_unmap_image(u->mod, graveyard_laboratory ? &r->kept : NULL, &r->silent);
	graveyard_fill(r->grave, &r->kept);
	r->unmapped = true;
}

void leave_behind(struct module *m, bool mapped)
{
	mutex_lock(&modules_mutex);
	m->left_mapped = mapped;
	list_add_tail(&all_remains, &m->node);
	mutex_unlock(&modules_mutex);
}

void removal_end(struct unload *u, struct removal *r)
{
	struct module *m = u->mod;

	u->mod = NULL;
	if (r->silent)
		printk("unload: CPUs %llx did not drop %s from their TLBs; its memory stays set aside\n",
		       r->silent, m->owner.name);
	if (r->unmapped && !entries_count(&m->owner))
		module_free(m);
	else
		leave_behind(m, !r->unmapped);
}

void remove_module(struct unload *u)
{
	struct removal r;

	removal_begin(u, &r);
	removal_unmap(u, &r);
	removal_end(u, &r);
}

u32 remains_count(void)
{
	struct module *rest;
	u32 n = 0;

	mutex_lock(&modules_mutex);
	list_for_each(rest, &all_remains, node)
		n++;
	mutex_unlock(&modules_mutex);
	return n;
}

/* Not of those that stay: a task is in a function that did not return in time. */
static struct module *next_remains(void)
{
	struct module *rest, *found = NULL;

	mutex_lock(&modules_mutex);
	list_for_each(rest, &all_remains, node)
		if (!found && !rest->owner.stays)
			found = rest;
	if (found)
		list_del(&found->node);
	mutex_unlock(&modules_mutex);
	return found;
}

/* entries_free() asks for a round of IPIs, which a shootdown is. */
u32 remains_sweep(void)
{
	struct module *rest;
	cpumask_t silent = 0;
	u32 n = 0;

	while ((rest = next_remains())) {
		struct owner *o = &rest->owner;

		entries_unlink(o, NULL, NULL);
		if (rest->left_mapped)
			module_unmap_image(rest, NULL, &silent);
		else
			silent = tlb_shootdown(o->base, o->base + PAGE_SIZE);
		if (!silent) {
			entries_free(o);
			module_free(rest);
		}
		n++;
	}
	return n;
}
