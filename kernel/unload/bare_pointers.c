/* Module A called a function of library B and gave it a pointer, which B keeps. No stack
 * shows it, and no record of the core. This look is no part of the argument why an unload
 * is safe (assumption A4 is): B may move the pointer while it is looked for. But who breaks
 * the assumption by keeping one, and leaves it where it is, is told so.
 *
 * Which modules are read is noted under modules_mutex; they are read without it, each once, a
 * page at a time, for as long as the unload has time. A keeps the modules that it uses. If one
 * is taken out by force all the same, a page of it may be gone: then it is passed over. */
#include "unload/bare_pointers.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/alloc.h"
#include "sched/sched.h"
#include "unload/graveyard.h"
#include "x86/clock.h"
#include "x86/symbols.h"

/* A module that A uses, by itself or through others. */
struct library {
	char name[MODULE_NAME_LEN];
	struct module *m;		/* valid under modules_mutex only, while they are noted */
	u32 data, data_pages, heap, heap_pages;
};

struct search {
	struct unload *u;
	u32 page[PAGE_SIZE / sizeof(u32)];	/* a copy of the one that is searched */
	u32 nr;
	struct library library[];	/* [0] is A itself, which is not read */
};

/* -- which -------------------------------------------------------------------------- */

static struct library note(struct module *m)
{
	struct library l = {
		.m = m,
		.data = m->owner.base + m->part_start[PART_DATA] * PAGE_SIZE,
		.data_pages = m->part_pages[PART_DATA],
		.heap = m->owner.base + m->image_pages * PAGE_SIZE,
		.heap_pages = module_heap_pages(m),
	};

	strlcpy(l.name, m->owner.name, sizeof(l.name));
	m->noted = true;
	return l;
}

/* Breadth first: each is noted once, however many ways lead to it. Caller holds
 * modules_mutex. */
static void note_all(struct search *s)
{
	s->library[s->nr++] = note(s->u->mod);
	for (u32 i = 0; i < s->nr; i++) {
		const struct module *m = s->library[i].m;

		for (u32 k = 0; k < m->nr_deps; k++) {
			if (!m->dep[k]->noted)
				s->library[s->nr++] = note(m->dep[k]);
		}
	}
	for (u32 i = 0; i < s->nr; i++)
		s->library[i].m->noted = false;
}

/* NULL: no memory. */
static struct search *begin(struct unload *u)
{
	struct search *s = kzalloc(sizeof(*s) + MAX_OWNERS * sizeof(s->library[0]));

	if (!s)
		return NULL;
	s->u = u;
	mutex_lock(&modules_mutex);
	note_all(s);
	mutex_unlock(&modules_mutex);
	return s;
}

/* -- where -------------------------------------------------------------------------- */

/* The place of the first word in a page that points into the module, and the word; NULL: none. */
static const u32 *first_pointer(struct search *s, u32 page, u32 *word)
{
	if (!graveyard_probe_words((const u32 *)page, s->page, ARRAY_SIZE(s->page)))
		return NULL;
	for (u32 i = 0; i < ARRAY_SIZE(s->page); i++) {
		if (owner_holds(&s->u->mod->owner, s->page[i])) {
			*word = s->page[i];
			return (const u32 *)page + i;
		}
	}
	return NULL;
}

static int say_where(struct unload *u, const struct library *l, const u32 *place, u32 word)
{
	struct unload_report *r = &u->report;
	char kept[64], what[64];

	symbolise((u32)place, kept, sizeof(kept));
	symbolise(word, what, sizeof(what));
	snprintf(r->error, sizeof(r->error),
	         "%s: %s keeps the bare address %s, at %s; it needs callback_register(), or -f",
	         u->name, l->name, what, kept);
	return 1;
}

static int out_of_time(const struct search *s, const struct library *l)
{
	struct unload *u = s->u;

	if (task_killed()) {
		snprintf(u->report.error, sizeof(u->report.error), "%s: interrupted; still live", u->name);
		return -EINTR;
	}
	if (!clock_passed(u->deadline))
		return 0;
	snprintf(u->report.error, sizeof(u->report.error),
	         "%s: its time was over while %s, which it uses, was searched for pointers to it; more with "
	         "-t, or -f", u->name, l->name);
	return u->flags & UNLOAD_WAIT ? -ETIMEDOUT : -EBUSY;
}

static int search_pages(struct search *s, const struct library *l, u32 start, u32 pages)
{
	for (u32 page = start; page < start + pages * PAGE_SIZE; page += PAGE_SIZE) {
		u32 word = 0;
		const u32 *place = first_pointer(s, page, &word);
		int err = place ? say_where(s->u, l, place, word) : out_of_time(s, l);

		if (err)
			return err;
	}
	return 0;
}

/* In its data, else in its heap. */
static int search_library(struct search *s, const struct library *l)
{
	int found = search_pages(s, l, l->data, l->data_pages);

	return found ? found : search_pages(s, l, l->heap, l->heap_pages);
}

int bare_pointer_found(struct unload *u)
{
	struct search *s = u->mod->nr_deps ? begin(u) : NULL;
	int found = 0;

	for (u32 i = 1; s && !found && i < s->nr; i++)
		found = search_library(s, &s->library[i]);
	if (!s && u->mod->nr_deps) {
		snprintf(u->report.error, sizeof(u->report.error),
		         "%s: no memory to search the modules that it uses for pointers to it", u->name);
		found = -ENOMEM;
	}
	kfree(s);
	return found;
}
