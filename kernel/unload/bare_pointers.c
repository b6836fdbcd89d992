/* Module A called a function of library B and gave it a pointer, which B keeps. No stack
 * shows it, and no record of the core. This look is no part of the argument why an unload
 * is safe (assumption A4 is): B may move the pointer while it is looked for. But who breaks
 * the assumption by keeping one, and leaves it where it is, is told so. */
#include "unload/bare_pointers.h"
#include "lib/format.h"
#include "module/alloc.h"
#include "x86/symbols.h"

static const u32 *first_pointer(u32 start, u32 pages, const struct owner *into)
{
	for (const u32 *p = (const u32 *)start; p < (const u32 *)(start + pages * PAGE_SIZE); p++) {
		if (owner_holds(into, *p))
			return p;
	}
	return NULL;
}

/* In b's data, else in its heap; NULL: nowhere. Both stay mapped while b is loaded. */
static const u32 *find_pointer(const struct module *b, const struct owner *into)
{
	u32 data = b->owner.base + b->part_start[PART_DATA] * PAGE_SIZE;
	u32 heap = b->owner.base + b->image_pages * PAGE_SIZE;
	const u32 *p = first_pointer(data, b->part_pages[PART_DATA], into);

	return p ? p : first_pointer(heap, module_heap_pages(b), into);
}

static bool say_where(struct unload *u, const struct module *b, const u32 *word)
{
	struct unload_report *r = &u->report;
	char kept[64], what[64];

	symbolise((u32)word, kept, sizeof(kept));
	symbolise(*word, what, sizeof(what));
	snprintf(r->error, sizeof(r->error),
	         "%s: %s keeps the bare address %s, at %s; it needs callback_register(), or -f",
	         u->name, b->owner.name, what, kept);
	return true;
}

/* Depth is bounded by the loader (MAX_LOAD_DEPTH). Caller holds modules_mutex. */
static bool search_those_used_by(const struct module *user, struct unload *u)
{
	for (u32 i = 0; i < user->nr_deps; i++) {
		const u32 *word = find_pointer(user->dep[i], &u->mod->owner);

		if (word)
			return say_where(u, user->dep[i], word);
		if (search_those_used_by(user->dep[i], u))
			return true;
	}
	return false;
}

bool bare_pointer_found(struct unload *u)
{
	mutex_lock(&modules_mutex);
	bool found = search_those_used_by(u->mod, u);
	mutex_unlock(&modules_mutex);
	return found;
}
