/* What a module says of itself, copied to where the module cannot change it. The
 * tables come from the relocated image: pointers in them are checked like any
 * number from a file. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/loading.h"
#include "module/param.h"
#include "module/symbol.h"
#include "x86/atomic.h"
#include "x86/symbols.h"

#define MAX_MODULE_EXPORTS 256
#define MAX_NAMES          2048		/* for backtraces; those beyond have none */
#define MAX_NAME_BYTES     (256u * 1024)

/* -- looking into the image ------------------------------------------------ */

/* Which part of the image holds [addr, addr + size)? PART_NONE: no single one. */
static u32 part_at(const struct module *m, u32 addr, u32 size)
{
	for (u32 p = 0; p < NR_PARTS; p++) {
		u32 offset = addr - m->owner.base - m->part_start[p] * PAGE_SIZE;
		u32 bytes = m->part_pages[p] * PAGE_SIZE;

		if (offset < bytes && size <= bytes - offset)
			return p;
	}
	return PART_NONE;
}

/* The text at `addr`, if it ends within its part; else NULL. */
static const char *text_at(const struct module *m, const void *text)
{
	u32 addr = (u32)text, part = part_at(m, addr, 1), left;

	if (part == PART_NONE)
		return NULL;
	left = m->owner.base + (m->part_start[part] + m->part_pages[part]) * PAGE_SIZE - addr;
	return strnlen(text, left) < left ? text : NULL;
}

/* Section `name` as a table of `*n` entries of `entry` bytes each. NULL: the module has no
 * such section, and *n is 0. ERR_PTR(-ENOEXEC): its size is no multiple of an entry's. */
static const void *table_of(const struct loading *l, const char *name, u32 entry, u32 *n)
{
	u32 offset, size;

	*n = 0;
	if (!elf_section(&l->view, name, &offset, &size))
		return NULL;
	if (size % entry)
		return ERR_PTR(-ENOEXEC);
	*n = size / entry;
	return (const void *)(l->mod->owner.base + offset);
}

/* -- exports --------------------------------------------------------------- */

static int check_export(const struct loading *l, const struct module_export *e, u32 *name_bytes)
{
	const char *name = text_at(l->mod, e->name);
	u32 part = part_at(l->mod, (u32)e->addr, 1);

	if (!name)
		return load_fail(l->err, -ENOEXEC, "section .exports: a name lies outside of the module");
	if (part == PART_NONE)
		return load_fail(l->err, -ENOEXEC, "exports %.40s, which lies outside of it", name);
	if (part == PART_INIT_TEXT || part == PART_INIT_DATA)
		return load_fail(l->err, -ENOEXEC, "exports %.40s, which is gone after init", name);
	*name_bytes += (u32)strlen(name) + 1;
	return 0;
}

/* The block holds the table and, behind it, its names. */
static void fill_exports(struct module_symbol *out, const struct module_export *in, u32 n)
{
	char *names = (char *)(out + n);

	for (u32 i = 0; i < n; i++) {
		size_t len = strlen(in[i].name) + 1;

		out[i] = (struct module_symbol){ .name = names, .addr = (u32)in[i].addr };
		memcpy(names, in[i].name, len);
		names += len;
	}
}

/* Makes them findable, unless somebody else has one of the names. */
static int publish_exports(struct loading *l, struct module_symbol *table, u32 n)
{
	struct module *m = l->mod, *other;
	u32 addr;
	int e = 0;

	mutex_lock(&modules_mutex);
	for (u32 i = 0; !e && i < n; i++)
		if (symbol_find(table[i].name, &addr, &other))
			e = load_fail(l->err, -EEXIST, "exports %.40s, which %s exports already",
			              table[i].name, other ? other->owner.name : "the core");
	m->exported = table;
	m->nr_exported = e ? 0 : n;
	mutex_unlock(&modules_mutex);
	return e;
}

static int read_exports(struct loading *l)
{
	const struct module_export *in;
	struct module_symbol *out;
	u32 n, name_bytes = 0;
	int e = 0;

	in = table_of(l, ".exports", sizeof(*in), &n);
	if (IS_ERR(in) || n > MAX_MODULE_EXPORTS)
		return load_fail(l->err, -ENOEXEC, "section .exports: damaged, or more than %u symbols",
		                 MAX_MODULE_EXPORTS);
	for (u32 i = 0; !e && i < n; i++)
		e = check_export(l, &in[i], &name_bytes);
	if (e || !n)
		return e;
	out = kmalloc(n * sizeof(*out) + name_bytes);
	if (!out)
		return load_fail(l->err, -ENOMEM, "no memory for its exports");
	fill_exports(out, in, n);
	return publish_exports(l, out, n);
}

/* -- init, exit and the like ----------------------------------------------- */

static int find_function(struct loading *l, const char *name, bool only_init, void *out)
{
	struct module *m = l->mod;
	u32 offset, part;

	if (!elf_symbol(&l->view, name, &offset))
		return 0;
	part = part_at(m, m->owner.base + offset, 1);
	if (part == PART_INIT_TEXT && !only_init)
		return load_fail(l->err, -ENOEXEC, "%s() is marked __init, so it is gone when it is called",
		                 name);
	if (part != PART_TEXT && part != PART_INIT_TEXT)
		return load_fail(l->err, -ENOEXEC, "%s is no function", name);
	*(u32 *)out = m->owner.base + offset;
	return 0;
}

static int find_use_count(struct loading *l)
{
	struct module *m = l->mod;
	u32 offset;

	if (!elf_symbol(&l->view, "module_use_count", &offset))
		return 0;
	if (part_at(m, m->owner.base + offset, sizeof(u32)) != PART_DATA)
		return load_fail(l->err, -ENOEXEC, "module_use_count is no variable");
	m->use_count = (u32 *)(m->owner.base + offset);
	return 0;
}

/* A library that exports symbols, and has no code for init, or a module that says so. */
static bool needs_no_init(const struct loading *l)
{
	struct elf_symbol_info s;
	u32 cursor = 0;

	if (elf_modinfo(&l->view, "init", 0))
		return true;
	while (elf_symbol_next(&l->view, &cursor, &s)) {
		if (s.part == PART_INIT_TEXT || streq(s.name, "init_module"))
			return false;
	}
	return elf_modinfo(&l->view, "export", 0) != NULL;
}

/* A lost init (a local symbol, say) must not pass for a module that wants none. */
static int find_init(struct loading *l)
{
	int e = find_function(l, "init_module", true, &l->mod->init);

	if (!e && !l->mod->init && !needs_no_init(l))
		return load_fail(l->err, -ENOEXEC,
		                 "no global function init_module; module_init(fn) makes it, MODULE_NO_INIT() does without");
	return e;
}

static int find_functions(struct loading *l)
{
	struct module *m = l->mod;
	int e = find_init(l);

	if (!e)
		e = find_use_count(l);
	if (!e)
		e = find_function(l, "cleanup_module", false, &m->exit);
	if (!e)
		e = find_function(l, "veto_module", false, &m->veto);
	if (!e)
		e = find_function(l, "unregister_module_entry", false, &m->unregister);
	if (!e)
		e = find_function(l, "reregister_module_entry", false, &m->reregister);
	return e;
}

/* -- names for backtraces -------------------------------------------------- */

static u32 count_names(const struct elf_view *v)
{
	struct elf_symbol_info s;
	u32 cursor = 0, n = 0;

	while (n < MAX_NAMES && elf_symbol_next(v, &cursor, &s))
		n++;
	return n;
}

/* Two names of one place keep their order. */
static void sort_by_address(struct module_symbol *s, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		struct module_symbol moving = s[i];
		u32 at = i;

		for (; at && s[at - 1].addr > moving.addr; at--)
			s[at] = s[at - 1];
		s[at] = moving;
	}
}

static int read_names(struct loading *l)
{
	const struct elf_view *v = &l->view;
	struct module *m = l->mod;
	u32 n = count_names(v), cursor = 0;
	struct elf_symbol_info s;

	if (v->names_size > MAX_NAME_BYTES)
		return load_fail(l->err, -E2BIG, "symbol names: longer than %u bytes", MAX_NAME_BYTES);
	m->names = kmalloc(v->names_size);
	m->symbol = kmalloc(MAX(n, 1u) * sizeof(m->symbol[0]));
	if (!m->names || !m->symbol)
		return load_fail(l->err, -ENOMEM, "no memory for its symbol names");
	memcpy(m->names, v->names, v->names_size);
	m->names_size = v->names_size;
	/* Last come the file's first, its local symbols: of two names of one place
	 * the last is shown, and blink_init says more than init_module. */
	for (u32 i = n; i-- && elf_symbol_next(v, &cursor, &s); )
		m->symbol[i] = (struct module_symbol){
			m->names + (s.name - v->names), m->owner.base + s.offset, s.size };
	sort_by_address(m->symbol, n);
	store_release(&m->nr_symbols, n);
	return 0;
}

void drop_init_symbols(struct module *m)
{
	u32 start = m->owner.base + m->part_start[PART_INIT_TEXT] * PAGE_SIZE;
	u32 n = m->nr_symbols;

	while (n && m->symbol[n - 1].addr >= start)
		n--;
	WRITE_ONCE(m->nr_symbols, n);
}

#ifdef SOURCE_LINES
/* tools/lines has made them; they are rodata, so they stay as they were checked. */
static int read_lines(struct loading *l)
{
	struct module *m = l->mod;
	u32 n, nr_files;
	const struct source_row *row = table_of(l, ".lines", sizeof(*row), &n);
	const char *const *file = table_of(l, ".line_files", sizeof(*file), &nr_files);

	if (!row || !file)
		return 0;
	if (IS_ERR(row) || IS_ERR(file))
		return load_fail(l->err, -ENOEXEC, "section .lines: damaged");
	for (u32 i = 0; i < nr_files; i++)
		if (!text_at(m, file[i]))
			return load_fail(l->err, -ENOEXEC, "section .line_files: a name lies outside of the module");
	for (u32 i = 0; i < n; i++)
		if (row[i].file >= nr_files)
			return load_fail(l->err, -ENOEXEC, "section .lines: row %u has no file", i);
	m->lines = row;
	m->line_files = file;
	store_release(&m->nr_lines, n);
	return 0;
}
#else
static int read_lines(struct loading *l) { (void)l; return 0; }
#endif

int read_tables(struct loading *l)
{
	int e = find_functions(l);

	if (!e)
		e = read_names(l);
	if (!e)
		e = read_exports(l);
	if (!e)
		e = read_lines(l);
	return e;
}

/* -- parameters ------------------------------------------------------------ */

static bool param_is_sound(const struct module *m, const struct module_param *p)
{
	static const u32 size_of[] = {
		[PARAM_INT] = sizeof(s32), [PARAM_UINT] = sizeof(u32), [PARAM_BOOL] = sizeof(bool),
	};
	u32 part = part_at(m, (u32)p->addr, p->size);

	if (!text_at(m, p->name) || (part != PART_DATA && part != PART_INIT_DATA))
		return false;
	if (p->type == PARAM_CHARP)
		return p->size > 0;
	return p->type < ARRAY_SIZE(size_of) && p->size == size_of[p->type];
}

int set_params(struct loading *l)
{
	const struct module_param *table;
	char text[MAX_PARAM_TEXT];
	u32 n;

	if (!l->mod->params[0])
		return 0;
	if (strlcpy(text, l->mod->params, sizeof(text)) >= sizeof(text))
		return load_fail(l->err, -E2BIG, "the parameters are longer than %u characters",
		                 MAX_PARAM_TEXT - 1);
	table = table_of(l, ".params", sizeof(*table), &n);
	if (IS_ERR(table))
		return load_fail(l->err, -ENOEXEC, "section .params: damaged");
	for (u32 i = 0; i < n; i++)
		if (!param_is_sound(l->mod, &table[i]))
			return load_fail(l->err, -ENOEXEC,
			                 "section .params: entry %u is damaged, or its type is not its variable's", i);
	return params_set(table, n, text, l->err);
}
