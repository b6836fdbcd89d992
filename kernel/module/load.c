/* insmod: from bytes in memory to a LIVE module. */
#include "entry/call_check.h"
#include "entry/entry.h"
#include "entry/news.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "module/loading.h"
#include "sched/sync.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/panic.h"

/* -- the file -------------------------------------------------------------- */

static int check_file(struct loading *l, const void *file, u32 size)
{
	int e = elf_check(file, size, &l->view, l->err);

	if (!e)
		e = module_check_stamp(&l->view, l->err);
	if (!e)
		e = elf_layout(&l->view, l->err);
	return e;
}

/* -- its place in the list ------------------------------------------------- */

/* Caller holds modules_mutex. */
static int check_not_there(struct loading *l)
{
	const struct module *m = module_find(l->name);

	if (!m)
		return 0;
	if (m->failed)
		return load_fail(l->err, -EBUSY, "its init failed the last time, and it goes when this has ended: %s",
		                 m->in_the_way);
	if (m->owner.state == OWNER_COMING)
		return load_fail(l->err, -EEXIST, "is being loaded already");
	if (m->owner.state == OWNER_LIVE && !m->unloading)
		return load_fail(l->err, -EEXIST, "is loaded already");
	return load_fail(l->err, -EBUSY, "the old one is still being unloaded by task %u (%s)",
	                 m->unloader_id, m->unloader);
}

static int check_name(struct loading *l)
{
	int e;

	if (module_name_of(l->file_name, l->name))
		return load_fail(l->err, -EINVAL, "not a module's name: a-z, 0-9, _ and -, up to %u",
		                 MODULE_NAME_LEN - 1);
	/* Asked again when it is entered; here, so that nothing is done in vain. */
	mutex_lock(&modules_mutex);
	e = check_not_there(l);
	mutex_unlock(&modules_mutex);
	return e;
}

static int enter_in_list(struct loading *l)
{
	int e;

	mutex_lock(&modules_mutex);
	e = check_not_there(l);
	if (!e) {
		list_del(&l->mod->node);
		list_add_tail(&modules, &l->mod->node);
		symbolise_add(l->mod);
	}
	mutex_unlock(&modules_mutex);
	return e;
}

/* -- its image ------------------------------------------------------------- */

static void protect_part(struct module *m, enum part part, enum prot prot)
{
	u32 va = m->owner.base + m->part_start[part] * PAGE_SIZE;

	if (m->part_pages[part])
		kmap_protect(va, m->part_pages[part], prot);
}

/* Text is writable until it is complete, then never again. Any CPU may have cached the
 * entries meanwhile, without having used an address (SDM vol. 3, 4.10.2.3): it could still
 * write there, and would fault once where it is to execute. Its frame, with addresses in the
 * image, is gone when the loader waits (take_back()). */
static noinline int fill_image(struct loading *l)
{
	struct module *m = l->mod;
	void *image = (void *)m->owner.base;

	elf_place(&l->view, image);
	elf_relocate(&l->view, image, m->owner.base, l->value);
	protect_part(m, PART_TEXT, PROT_RX);
	protect_part(m, PART_INIT_TEXT, PROT_RX);
	protect_part(m, PART_RODATA, PROT_RO);
	if (tlb_shootdown(m->owner.base, m->owner.base + m->image_pages * PAGE_SIZE))
		return load_fail(l->err, -EIO, "a CPU does not answer: it may still take the text for data");
	return 0;
}

static noinline int map_image(struct loading *l)
{
	struct module *m = l->mod;

	if (!m->image_pages)
		return load_fail(l->err, -ENOEXEC, "nothing in it is to be loaded");
	if (kmap_alloc(m->owner.base, m->image_pages, PROT_RW))
		return load_fail(l->err, -ENOMEM, "no memory for its %u pages", m->image_pages);
	return 0;
}

/* A place for a debugger's breakpoint: everything is where it will stay, and
 * nothing of it has run (tools/gdb/quiesce.py). */
noinline void module_loaded_for_debugger(struct module *m)
{
	__asm__ volatile("" :: "r"(m) : "memory");
}

/* -- its init -------------------------------------------------------------- */

static noinline int run_init(struct loading *l)
{
	struct module *m = l->mod;
	int e;

	module_loaded_for_debugger(m);
	sync_point("load:coming");
	ASSERT(stack_is_read());
	struct call_check c = call_check_begin();
	e = m->init ? m->init() : 0;
	if (!call_check_end(c, "init", m->init))
		return load_fail(l->err, -EINVAL, "init returned with a lock held, or with preemption or interrupts off");
	if (!may_sleep())
		panic("init of %s returned with a lock held or interrupts off", l->name);
	sync_point("load:init-done");
	if (e && !IS_ERR((void *)e))
		return load_fail(l->err, -EINVAL, "init returned %d (0x%08x), not 0 or a negative error; "
		                 "of a pointer return PTR_ERR() if IS_ERR()", e, (u32)e);
	if (e)
		return load_fail(l->err, e, "init failed: %s (%s)", errno_name(e), errno_text(e));
	return 0;
}

static void make_live(struct loading *l)
{
	struct module *m = l->mod;

	m->init = NULL;
	if (module_init_done)
		module_init_done(m);
	m->loaded_at = clock_ns();
	mutex_lock(&modules_mutex);
	owner_set_state(&m->owner, OWNER_LIVE);
	mutex_unlock(&modules_mutex);
	/* From here on it may be unloaded at any time. */
	module_news(OWNER_LIVE, l->name);
}

/* -- all of it ------------------------------------------------------------- */

/* What init left behind in dead stack would be taken for somebody inside. */
static void take_back(struct module *m)
{
	wipe_dead_stack();
	module_take_back(m);
}

static int bring_in(struct loading *l, const char *params)
{
	struct module *m;
	cpumask_t silent;
	int e = module_new(l, params);

	if (e)
		return e;
	m = l->mod;
	e = bind_module(l);
	if (e)
		goto out_forget;
	e = enter_in_list(l);
	if (e)
		goto out_forget;
	e = map_image(l);
	if (e)
		goto out_forget;
	e = fill_image(l);
	if (e)
		goto out_unmap;
	e = read_tables(l);
	if (e)
		goto out_unmap;
	e = set_params(l);
	if (e)
		goto out_unmap;
	e = run_init(l);
	if (e)
		take_back(m);
	else
		make_live(l);
	return e;

out_unmap:
	module_unmap_image(m, NULL, &silent);
out_forget:
	module_forget(m);
	module_free(m);
	return e;
}

static int load(struct loading *l, const void *file, u32 size, const char *params)
{
	int e = check_name(l);

	if (!e)
		e = check_file(l, file, size);
	if (!e)
		e = bring_in(l, params);
	return e;
}

static int load_file(const char *file_name, const void *file, u32 size, bool handed, const char *params,
                     const struct loading *parent, struct module **out, struct load_error *err)
{
	struct loading *l = kmalloc(sizeof(*l));
	int e;

	ASSERT(may_sleep());
	if (!l) {
		e = load_fail(err, -ENOMEM, "no memory");
		goto out;
	}
	l->file_name = file_name;
	l->parent = parent;
	l->depth = parent ? parent->depth + 1 : 0;
	l->handed = handed ? size : 0;
	l->err = err;
	l->mod = NULL;
	l->value = NULL;
	e = load(l, file, size, params);
	if (!e && out)
		*out = l->mod;
	modules_changed();
	kfree(l->value);
	kfree(l);
out:
	if (e)
		load_error_prefix(err, file_name);
	return e;
}

int module_load(const char *file_name, const void *file, u32 size, const char *params,
                struct module **out, struct load_error *err)
{
	return load_file(file_name, file, size, false, params, NULL, out, err);
}

int module_load_handed(const char *file_name, const void *file, u32 size, const char *params, struct load_error *err)
{
	return load_file(file_name, file, size, true, params, NULL, NULL, err);
}

int load_by_name(const char *name, const char *params, const struct loading *parent,
                 struct module **out, struct load_error *err)
{
	const void *file;
	u32 size;

	if (archive_find(name, &file, &size))
		return load_fail(err, -ENOENT, "%.40s: no such module in the boot archive", name);
	return load_file(name, file, size, false, params, parent, out, err);
}

int module_load_by_name(const char *name, const char *params, struct module **out,
                        struct load_error *err)
{
	return load_by_name(name, params, NULL, out, err);
}

/* -- unless it is there ---------------------------------------------------- */

#define GOING_PATIENCE (5 * NSEC_PER_SEC)

enum presence { ABSENT, THERE, COMING, GOING };

static enum presence presence_of(const char *name, u32 *seen, struct load_error *err)
{
	enum presence p = ABSENT;
	struct module *m;

	mutex_lock(&modules_mutex);
	*seen = modules_changes();
	m = module_find(name);
	if (m)
		p = m->failed || m->unloading || m->owner.state == OWNER_GOING ? GOING :
		    m->owner.state == OWNER_COMING ? COMING : THERE;
	if (p == GOING && m->failed)
		(void)load_fail(err, -EBUSY, "%s: its init failed the last time, and it goes when this has ended: %s",
		                name, m->in_the_way);
	else if (p == GOING)
		(void)load_fail(err, -EBUSY, "%s: is still being unloaded by task %u (%s)", name,
		                m->unloader_id, m->unloader);
	mutex_unlock(&modules_mutex);
	return p;
}

int module_probe(const char *file_name, const char *params, struct load_error *err)
{
	u64 deadline = clock_ns() + GOING_PATIENCE;
	char name[MODULE_NAME_LEN];
	enum presence p;
	u32 seen;
	int e;

	if (module_name_of(file_name, name))
		return module_load_by_name(file_name, params, NULL, err);	/* which says why not */
	for (;;) {
		p = presence_of(name, &seen, err);
		if (p == THERE)
			return 0;
		e = p == ABSENT ? module_load_by_name(name, params, NULL, err) :
		    wait_for_change(seen, p == GOING ? deadline : WAIT_FOREVER);
		if (e == -ETIMEDOUT && p == GOING)
			return -EBUSY;
		if (e == -EINTR && p != ABSENT)
			return load_fail(err, e, "%s: was interrupted while it waited for its %s", name,
			                 p == COMING ? "load" : "unload");
		/* Another task may have begun to load it meanwhile, or to unload it again; where it is still
		 * absent, the error is of another module: a dependency, or one that exports the same. */
		if (p == ABSENT && ((e != -EEXIST && e != -EBUSY) || presence_of(name, &seen, err) == ABSENT))
			return e;
	}
}
