/* The record of a module, from its making to its end. */
#include "lib/errno.h"
#include "lib/string.h"
#include "entry/news.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/modspace.h"
#include "module/alloc.h"
#include "module/alloc_checked.h"
#include "module/arena.h"
#include "module/loading.h"
#include "module/param.h"
#include "module/symbol.h"
#include "smp/ipi.h"
#include "x86/atomic.h"
#include "x86/panic.h"
#include "x86/symbols.h"

struct mutex modules_mutex = MUTEX(modules_mutex, "modules");
struct list modules = LIST_INIT(modules);
struct list modules_binding = LIST_INIT(modules_binding);
u32 kernel_taint;
void (*module_take_back)(struct module *m);
void (*module_init_done)(struct module *m);

void modules_init(void)
{
	symbols_init();
	symbol_hook = module_symbolise;
	contain_init();
}

struct module *module_find(const char *name)
{
	struct module *m;

	ASSERT(mutex_held(&modules_mutex));
	list_for_each(m, &modules, node)
		if (streq(m->owner.name, name))
			return m;
	return NULL;
}

u32 module_dependencies(const char *name, char dep[MAX_DEPS][MODULE_NAME_LEN])
{
	struct module *m;
	u32 nr = 0;

	mutex_lock(&modules_mutex);
	m = module_find(name);
	for (; m && nr < m->nr_deps; nr++)
		strlcpy(dep[nr], m->dep[nr]->owner.name, MODULE_NAME_LEN);
	mutex_unlock(&modules_mutex);
	return nr;
}

bool module_is_unused(const char *name)
{
	struct module *m;
	bool unused;

	mutex_lock(&modules_mutex);
	m = module_find(name);
	unused = m && !m->nr_users;
	mutex_unlock(&modules_mutex);
	return unused;
}

const char *module_state_name(const struct module *m)
{
	if (m->failed)
		return "Failed";
	switch (m->owner.state) {
	case OWNER_COMING:
		return "Loading";
	case OWNER_LIVE:
		return READ_ONCE(m->faults) ? "Faulty" : "Live";
	default:
		return "Unloading";
	}
}

int module_name_of(const char *file_name, char name[MODULE_NAME_LEN])
{
	const char *slash = strrchr(file_name, '/');
	const char *start = slash ? slash + 1 : file_name;
	size_t len = strlen(start);

	if (len > 3 && streq(start + len - 3, ".ko"))
		len -= 3;
	if (len >= MODULE_NAME_LEN)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < len; i++) {
		char c = start[i] == '-' ? '_' : start[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return -EINVAL;
		name[i] = c;
	}
	name[len] = '\0';
	return len ? 0 : -EINVAL;
}

/* -- beginning ------------------------------------------------------------- */

static u32 range_pages(const struct module *m)
{
	return m->owner.size / PAGE_SIZE;
}

static void note_parts(struct module *m, const struct elf_view *v)
{
	for (u32 i = 0; i < NR_PARTS; i++) {
		m->part_start[i] = v->part_start[i] / PAGE_SIZE;
		m->part_pages[i] = ALIGN_UP(v->part_size[i], (u32)PAGE_SIZE) / PAGE_SIZE;
	}
	m->image_pages = v->image_size / PAGE_SIZE;
	m->build_id = v->build_id;
	m->owner.size = v->image_size + MODULE_HEAP_SIZE;
}

static void note_modinfo(struct module *m, const struct elf_view *v)
{
	const char *description = elf_modinfo(v, "description", 0);
	const char *license = elf_modinfo(v, "license", 0);

	strlcpy(m->description, description ? description : "", sizeof(m->description));
	strlcpy(m->license, license ? license : "", sizeof(m->license));
}

/* The init parts are the last of the image. */
static u32 init_start(const struct module *m)
{
	return m->part_start[PART_INIT_TEXT];
}

u32 module_init_pages(const struct module *m)
{
	return m->part_pages[PART_INIT_TEXT] + m->part_pages[PART_INIT_DATA];
}

static int reserve(struct module *m)
{
	m->owner.base = modspace_reserve(range_pages(m));
	if (!m->owner.base)
		return -ENOMEM;
	m->owner.init_base = m->owner.base + init_start(m) * PAGE_SIZE;
	m->owner.init_size = module_init_pages(m) * PAGE_SIZE;
	/* Before any of its code can be reached: see load_generation. */
	m->owner.generation = next_load_generation();
	return 0;
}

/* A record whose range is not reserved. */
static void free_record(struct module *m)
{
	if (m->veto_task)
		task_put(m->veto_task);
	arena_destroy(m->arena);
	kfree(m->names);
	kfree(m->symbol);
	kfree(m->exported);
	kfree(m->params);
	kfree(m->frames);
	kfree(m);
}

static void note_loader(struct module *m, u32 file_size)
{
	m->loader_id = current->id;
	strlcpy(m->loader, current->name, sizeof(m->loader));
	m->file_size = file_size;
}

int module_new(struct loading *l, const char *params)
{
	struct module *m = kzalloc(sizeof(*m));
	int e = -ENOMEM;

	if (!m)
		goto out;
	list_init(&m->node);
	list_init(&m->failed_node);
	strlcpy(m->owner.name, l->name, sizeof(m->owner.name));
	note_parts(m, &l->view);
	note_modinfo(m, &l->view);
	if (l->handed)
		note_loader(m, l->handed);
	m->frames = kzalloc(range_pages(m) * sizeof(m->frames[0]));
	m->params = kmalloc(strlen(params) + 1);
	if (!m->frames || !m->params)
		goto out_free;
	memcpy(m->params, params, strlen(params) + 1);
	if (reserve(m))
		goto out_free;
	if (module_heap_init(m))
		goto out_release;
	if (owner_register(&m->owner)) {
		e = -ENOSPC;
		goto out_release;
	}
	l->mod = m;
	return 0;

out_release:
	modspace_release(m->owner.base, range_pages(m));
out_free:
	free_record(m);
out:
	return load_fail(l->err, e, "%s", e == -ENOMEM ? "no memory" : "too many modules are loaded");
}

/* -- end ------------------------------------------------------------------- */

void module_forget(struct module *m)
{
	mutex_lock(&modules_mutex);
	symbolise_remove(m);
	list_del(&m->node);
	while (m->nr_deps)
		m->dep[--m->nr_deps]->nr_users--;
	mutex_unlock(&modules_mutex);
}

static void free_frames(paddr_t *frames, u32 n)
{
	for (; n--; *frames++ = 0)
		if (*frames)
			frame_free(*frames);
}

static void unmap_pages(struct module *m, u32 first, u32 pages)
{
	if (pages)
		kmap_unmap(m->owner.base + first * PAGE_SIZE, pages, m->frames + first);
}

void module_unmap_image(struct module *m, struct freed_image *keep, cpumask_t *silent)
{
	u32 pages = m->image_pages + module_heap_pages(m);

	unmap_pages(m, 0, init_start(m));
	unmap_pages(m, init_start(m), module_init_pages(m));
	unmap_pages(m, m->image_pages, module_heap_pages(m));
	*silent = tlb_shootdown(m->owner.base, m->owner.base + pages * PAGE_SIZE);
	checked_forget(m);
	m->quarantined = *silent != 0;
	if (keep) {
		*keep = (struct freed_image){ m->frames, range_pages(m), m->owner.base };
		m->frames = NULL;
	} else if (!m->quarantined) {
		free_frames(m->frames, pages);
	}
	m->range_kept = keep || m->quarantined;
}

void module_unmap(struct module *m, struct freed_image *keep, cpumask_t *silent)
{
	ASSERT(may_sleep());
	if (m->loaded_at)
		module_news(OWNER_GONE, m->owner.name);
	module_forget(m);
	module_unmap_image(m, keep, silent);
}

void module_free(struct module *m)
{
	owner_unregister(&m->owner);
	/* Only now: while the registry has the range, nobody else may get it. */
	if (!m->range_kept)
		modspace_release(m->owner.base, range_pages(m));
	if (!m->quarantined)
		free_record(m);
}

void module_free_init(struct module *m, struct freed_image *keep)
{
	u32 first = init_start(m), pages = module_init_pages(m), va = m->owner.base + first * PAGE_SIZE;
	paddr_t *frames = m->frames + first;

	if (!pages)
		return;
	drop_init_symbols(m);
	unmap_pages(m, first, pages);
	m->part_pages[PART_INIT_TEXT] = m->part_pages[PART_INIT_DATA] = 0;
	/* If a CPU does not answer, the frames wait in m->frames for the unload, whose
	 * shootdown goes over the same range. */
	if (tlb_shootdown(va, va + pages * PAGE_SIZE))
		return;
	if (keep && (keep->frame = kmalloc(pages * sizeof(*frames)))) {
		memcpy(keep->frame, frames, pages * sizeof(*frames));
		memset(frames, 0, pages * sizeof(*frames));
		keep->pages = pages;
	}
	free_frames(frames, pages);
}
