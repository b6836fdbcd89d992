/* What a module needs of others: symbols, and the modules that have them. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/loading.h"
#include "module/symbol.h"
#include "sched/wait.h"
#include "x86/atomic.h"

/* A provider that keeps coming and going is not waited for for ever. */
#define MAX_TRIES 8

/* A task that needs a module that is COMING or GOING waits here until it is either LIVE
 * or not there. */
static struct wait_queue change_wait = WAIT_QUEUE(change_wait, "module load");
static u32 changes;			/* atomic; a wrap is harmless: it is only compared for equality, over one wait */

void modules_changed(void)
{
	/* A full barrier: a waiter that queues itself after this check sees the new count. */
	atomic_add(&changes, 1);
	if (READ_ONCE(change_wait.waiters.next) != &change_wait.waiters)
		wake_all(&change_wait);
}

u32 modules_changes(void)
{
	return READ_ONCE(changes);
}

int wait_for_change(u32 seen, u64 deadline)
{
	return wait_event_until(&change_wait, READ_ONCE(changes) != seen, deadline);
}

/* -- holding on to a module ------------------------------------------------ */

static bool can_be_used(const struct module *m)
{
	return m->owner.state == OWNER_LIVE && !m->unloading;
}

/* From here to module_forget() `dep` is not unloaded. Caller holds modules_mutex. */
static int pin(struct loading *l, struct module *dep)
{
	struct module *m = l->mod;

	for (u32 i = 0; i < m->nr_deps; i++)
		if (m->dep[i] == dep)
			return 0;
	if (m->nr_deps == MAX_DEPS)
		return load_fail(l->err, -E2BIG, "needs more than %u other modules", MAX_DEPS);
	m->dep[m->nr_deps++] = dep;
	dep->nr_users++;
	return 0;
}

static int wait_until_loaded(struct loading *l, const char *name, u32 seen)
{
	int e = wait_for_change(seen, WAIT_FOREVER);

	return e ? load_fail(l->err, e, "was interrupted while it waited for %s", name) : 0;
}

/* -- loading one ----------------------------------------------------------- */

static int check_for_cycle(struct loading *l, const char *name)
{
	for (const struct loading *up = l; up; up = up->parent)
		if (streq(up->name, name))
			return load_fail(l->err, -ELOOP, "needs %s, which needs it in turn", name);
	if (l->depth + 1 == MAX_LOAD_DEPTH)
		return load_fail(l->err, -ELOOP, "dependencies deeper than %u; load %s first",
		                 MAX_LOAD_DEPTH, name);
	return 0;
}

static int load_dependency(struct loading *l, const char *name)
{
	int e = check_for_cycle(l, name);

	if (e)
		return e;
	e = load_by_name(name, "", l, NULL, l->err);
	/* Another task was faster. */
	if (e == -EEXIST)
		return 0;
	if (e)
		load_error_prefix(l->err, "needs");
	return e;
}

enum provider_state { PROVIDER_PINNED, PROVIDER_ABSENT, PROVIDER_COMING, PROVIDER_GOING };

static int look_at(struct loading *l, const char *name, enum provider_state *state, u32 *seen)
{
	struct module *dep;
	int e = 0;

	mutex_lock(&modules_mutex);
	*seen = modules_changes();
	dep = module_find(name);
	if (!dep) {
		*state = PROVIDER_ABSENT;
	} else if (can_be_used(dep)) {
		*state = PROVIDER_PINNED;
		e = pin(l, dep);
	} else {
		*state = dep->owner.state == OWNER_COMING && !dep->failed ? PROVIDER_COMING : PROVIDER_GOING;
	}
	mutex_unlock(&modules_mutex);
	return e;
}

/* Sees to it that module `name` is LIVE, and pins it. */
static int need_module(struct loading *l, const char *name)
{
	enum provider_state state;
	u32 seen;
	int e;

	for (u32 tries = 0; tries < MAX_TRIES; tries++) {
		e = look_at(l, name, &state, &seen);
		if (e || state == PROVIDER_PINNED)
			return e;
		if (state == PROVIDER_GOING)
			return load_fail(l->err, -EBUSY, "needs %s, which is being unloaded", name);
		if (state == PROVIDER_COMING)
			e = wait_until_loaded(l, name, seen);
		else
			e = load_dependency(l, name);
		if (e)
			return e;
	}
	return load_fail(l->err, -EAGAIN, "needs %s, which keeps coming and going", name);
}

/* modinfo depends=a,b */
static int need_list(struct loading *l, const char *list)
{
	char word[MODULE_NAME_LEN + 4], name[MODULE_NAME_LEN];
	int e = 0;

	while (!e && list && *list) {
		const char *comma = strchr(list, ',');
		size_t len = comma ? (size_t)(comma - list) : strlen(list);

		strlcpy(word, list, MIN(len + 1, sizeof(word)));
		if (len >= sizeof(word) || module_name_of(word, name))
			return load_fail(l->err, -ENOEXEC, "modinfo: depends=%.60s is no list of names", list);
		e = need_module(l, name);
		list = comma ? comma + 1 : NULL;
	}
	return e;
}

/* Each MODULE_DEPENDS() has left one. */
static int need_declared(struct loading *l)
{
	const char *list;
	u32 cursor = 0;
	int e = 0;

	while (!e && (list = elf_modinfo_next(&l->view, "depends", &cursor)))
		e = need_list(l, list);
	return e;
}

/* -- symbols --------------------------------------------------------------- */

static bool file_exports(struct elf_view *v, const char *module, const char *symbol)
{
	struct load_error ignored;
	u32 size, cursor = 0;
	const char *name;
	const void *data;

	if (archive_find(module, &data, &size) || elf_check(data, size, v, &ignored))
		return false;
	while ((name = elf_modinfo_next(v, "export", &cursor)))
		if (streq(name, symbol))
			return true;
	return false;
}

/* Which module in the boot archive has `symbol`? */
static bool find_in_archive(const char *symbol, char module[MODULE_NAME_LEN])
{
	struct elf_view *v = kmalloc(sizeof(*v));
	bool found = false;
	u32 bytes;

	for (u32 i = 0; v && !found && archive_nth(i, module, MODULE_NAME_LEN, &bytes); i++)
		found = file_exports(v, module, symbol);
	kfree(v);
	return found;
}

/* Pins who has it, if that can be used; otherwise says who it is. */
static int look_up(struct loading *l, const char *name, u32 *value, char needed[MODULE_NAME_LEN])
{
	struct module *provider;
	int e = -ENOENT;

	needed[0] = '\0';
	mutex_lock(&modules_mutex);
	if (symbol_find(name, value, &provider)) {
		if (!provider)
			e = 0;
		else if (can_be_used(provider))
			e = pin(l, provider);
		else
			strlcpy(needed, provider->owner.name, MODULE_NAME_LEN);
	}
	mutex_unlock(&modules_mutex);
	return e;
}

static int resolve(void *ctx, const char *name, u32 *value)
{
	struct loading *l = ctx;
	char needed[MODULE_NAME_LEN];
	int e = look_up(l, name, value, needed);

	if (e != -ENOENT || (!needed[0] && !find_in_archive(name, needed)))
		return e;
	e = need_module(l, needed);
	/* Pinned now, so what it has stays. */
	return e ? e : look_up(l, name, value, needed);
}

int bind_module(struct loading *l)
{
	int e;

	l->value = kmalloc(l->view.nr_symbols * sizeof(l->value[0]));
	if (!l->value)
		return load_fail(l->err, -ENOMEM, "no memory for its symbols");
	mutex_lock(&modules_mutex);
	list_add_tail(&modules_binding, &l->mod->node);
	mutex_unlock(&modules_mutex);
	e = need_declared(l);
	return e ? e : elf_resolve(&l->view, l->mod->owner.base, l->value, resolve, l, l->err);
}
