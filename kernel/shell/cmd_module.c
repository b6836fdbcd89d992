/* Looking at modules. Loading and unloading them is the shell's (user/shell/modules.c). */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "entry/entry.h"
#include "entry/turnstile.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "unload/graveyard.h"
#include "unload/unload.h"
#include "x86/clock.h"
#include "x86/console.h"

/* -- completion ---------------------------------------------------------------------- */

bool complete_loaded_module(u32 i, char *out, u32 size)
{
	struct module *m;
	bool found = false;

	mutex_lock(&modules_mutex);
	list_for_each(m, &modules, node) {
		if (i-- == 0) {
			strlcpy(out, m->owner.name, size);
			found = true;
			break;
		}
	}
	mutex_unlock(&modules_mutex);
	return found;
}

bool complete_archive_module(u32 i, char *out, u32 size)
{
	u32 bytes;

	if (!archive_nth(i, out, size, &bytes))
		return false;
	char *dot = strrchr(out, '.');
	if (dot)
		*dot = '\0';
	return true;
}

/* -- lsmod, modinfo ---------------------------------------------------------------------- */

static void describe_entry(struct entry *e, void *ctx)
{
	char text[96];

	(void)ctx;
	entry_describe(e, text, sizeof(text));
	printk("    %s\n", text);
}

static void list_one(const struct module *m, bool json, bool verbose)
{
	char users[96] = "";
	struct module *other;
	u32 bytes = m->image_pages * PAGE_SIZE + m->alloc_bytes;

	list_for_each(other, &modules, node) {
		for (u32 i = 0; i < other->nr_deps; i++) {
			u32 len = strlen(users);
			if (other->dep[i] == m)
				snprintf(users + len, sizeof(users) - len, "%s%s", len ? "," : "",
				         other->owner.name);
		}
	}
	u32 files = owner_open_files((struct owner *)&m->owner);
	sync_point("lsmod:module");
	if (json) {
		struct json j;
		json_begin(&j);
		json_str(&j, "module", m->owner.name);
		json_str(&j, "state", module_state_name(m));
		json_u64(&j, "bytes", bytes);
		json_u64(&j, "base", m->owner.base);
		json_u64(&j, "open_files", files);
		json_u64(&j, "entries", entries_count((struct owner *)&m->owner));
		json_str(&j, "used_by", users);
		json_str(&j, "in_the_way", m->in_the_way);
		json_str(&j, "from", m->loader_id ? "memory" : "archive");
		json_u64(&j, "from_task", m->loader_id);
		json_end(&j);
		return;
	}
	printk("%-12s %8u  %-9s %5u  0x%08x  %s%s%s\n", m->owner.name, bytes, module_state_name(m),
	       files, m->owner.base, users, m->in_the_way, m->loader_id ? " (handed over)" : "");
	if (!verbose)
		return;
	if (m->loader_id)
		printk("    its file, %u bytes, was handed over by task %u (%s)\n", m->file_size, m->loader_id, m->loader);
	entries_each((struct owner *)&m->owner, describe_entry, NULL);
	if (module_init_pages(m))
		printk("    init section, %u bytes%s\n", module_init_pages(m) * PAGE_SIZE,
		       m->init_in_use ? ": somebody was inside when init was through" : "");
}

static int lsmod_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j"), verbose = take_flag(&argc, argv, "-v");
	int err = reject_options(argc, argv);
	struct module *m;

	if (err)
		return err;
	if (!json)
		printk("Module          Bytes  State      Open  Address     Used by\n");
	mutex_lock(&modules_mutex);
	list_for_each(m, &modules, node)
		list_one(m, json, verbose);
	mutex_unlock(&modules_mutex);
	return 0;
}

const struct command lsmod_command = {
	"lsmod", "lsmod [-v] [-j]", "list the modules; -v: with their entry points", lsmod_run, NULL,
};

/* Of its first source file; a difference in another one is in the last line. */
static void print_stamp(const struct elf_view *v)
{
	const char *build = elf_modinfo(v, "build", 0), *stamp;
	struct load_error why;
	u32 cursor = 0;

	stamp = elf_stamp_next(v, &cursor);
	printk("%-12s %s\n", "abi:", stamp ? stamp : "none");
	printk("%-12s %s%s\n", "kernels:", build && *build ? "those made with " : "any", build ? build : "");
	printk("%-12s %s\n", "this one:", module_check_stamp(v, &why) ? why.text : "takes it");
}

/* A loaded module of that name whose file is not the archive's: says so. False: there is none. */
static bool print_handed(const char *name)
{
	char wanted[MODULE_NAME_LEN];
	struct module *m;

	if (module_name_of(name, wanted))
		return false;
	mutex_lock(&modules_mutex);
	m = module_find(wanted);
	if (m && !m->loader_id)
		m = NULL;
	if (m)
		printk("%-12s %s, %u bytes, from memory of task %u (%s)\n%-12s %s\n%-12s %s\n", "loaded:", m->owner.name,
		       m->file_size, m->loader_id, m->loader, "description:", m->description, "license:", m->license);
	mutex_unlock(&modules_mutex);
	return m;
}

static void print_file(const char *name, u32 size, const struct elf_view *v)
{
	static const char *const keys[] = { "description", "license", "depends", "needs", "parm" };

	printk("%-12s %s, %u bytes\n", "file:", name, size);
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value;
		for (u32 n = 0; (value = elf_modinfo(v, keys[i], n)); n++)
			printk("%s:%*s%s\n", keys[i], 12 - (int)strlen(keys[i]), "", value);
	}
	print_stamp(v);
}

static int modinfo_run(int argc, char **argv)
{
	struct load_error why;
	struct elf_view *v;
	const void *data;
	u32 size;

	if (argc != 2)
		return usage_error("modinfo");
	bool handed = print_handed(argv[1]);
	if (archive_find(argv[1], &data, &size))
		return handed ? 0 : shell_error(-ENOENT, "modinfo: %s is not in the boot archive", argv[1]);
	v = kzalloc(sizeof(*v));
	if (!v)
		return shell_error(-ENOMEM, "modinfo: no memory");
	int err = elf_check(data, size, v, &why);
	if (err)
		shell_error(err, "modinfo: %s: %s", argv[1], why.text);
	else
		print_file(argv[1], size, v);
	kfree(v);
	return err;
}

const struct command modinfo_command = {
	"modinfo", "modinfo MODULE", "what a module file says of itself", modinfo_run,
	complete_archive_module,
};

/* -- strategy ------------------------------------------------------------------------------ */

static void print_strategy_json(const struct strategy *s)
{
	const struct turnstile *ts = s->turnstile;
	struct json j;

	json_begin(&j);
	json_str(&j, "strategy", s->name);
	json_str(&j, "gist", s->gist);
	json_str(&j, "source", s->source);
	json_bool(&j, "chosen", s == strategy);
	json_bool(&j, "counts_files", ts && (ts->get || ts->open_enter));
	json_bool(&j, "counts_calls", ts && ts->enter);
	json_end(&j);
}

#define COLUMNS 79		/* of a text screen, whose last one wraps */
#define INDENT  18

/* Words behind a head that ends where they begin. */
static void print_words(const char *head, const char *text)
{
	do {
		size_t n = line_length(text, COLUMNS - INDENT);

		printk("%-*s%.*s\n", INDENT, head, (int)n, text);
		head = "";
		text += n + (text[n] == ' ');
	} while (*text);
}

static void print_strategy(const struct strategy *s)
{
	char head[INDENT + 1];

	snprintf(head, sizeof(head), "%c %s", s == strategy ? '*' : ' ', s->name);
	print_words(head, s->gist);
	print_words("", s->source);
}

static int strategy_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j");

	if (argc > 2)
		return usage_error("strategy");
	if (argc == 2) {
		int err = strategy_choose(argv[1]);
		if (err == -ENOENT)
			return shell_error(err, "strategy: %s: no such strategy; `strategy` lists them", argv[1]);
		if (err)
			return shell_error(err, "strategy: a module is coming or going, or somebody stays inside one; try again");
		return 0;
	}
	for (u32 i = 0; i < nr_strategies; i++) {
		const struct strategy *s = strategies[i];
		if (json)
			print_strategy_json(s);
		else
			print_strategy(s);
	}
	return 0;
}

static bool complete_strategy(u32 i, char *out, u32 size)
{
	if (i >= nr_strategies)
		return false;
	strlcpy(out, strategies[i]->name, size);
	return true;
}

const struct command strategy_command = {
	"strategy", "strategy [-j] [NAME]", "list the ways to unload, or choose one", strategy_run,
	complete_strategy,
};

/* -- graveyard ------------------------------------------------------------------------------ */

static int graveyard_run(int argc, char **argv)
{
	static const char *const kinds[] = { "read", "write", "fetch" };
	bool json = take_flag(&argc, argv, "-j"), clear = take_flag(&argc, argv, "-c");
	int err = reject_options(argc, argv);
	struct use_after_unload use;
	struct grave_info g;
	char age[24];
	struct json j;

	if (err)
		return err;
	if (clear)
		graveyard_clear();
	for (u32 i = 0; graveyard_nth(i, &g); i++) {
		if (json) {
			json_begin(&j);
			json_str(&j, "grave", g.name);
			json_str(&j, "unloader", g.unloader);
			json_str(&j, "strategy", g.strategy);
			json_u64(&j, "base", g.base);
			json_u64(&j, "uses", g.uses);
			json_end(&j);
			continue;
		}
		printk("%-12s 0x%08x +%uK  unloaded by %s with %s %s ago%s, %u uses since\n", g.name,
		       g.base, g.size / 1024, g.unloader, g.strategy,
		       duration_text(clock_ns() - g.died_at, age, sizeof(age)),
		       g.kept ? ", pages kept" : "", g.uses);
	}
	for (u32 i = 0; !json && graveyard_use_nth(i, &use); i++)
		printk("  %s of %s by task %u (%s) on CPU %u, from %s\n", kinds[use.kind], use.where,
		       use.task_id, use.task_name, use.cpu, use.eip_where);
	if (!json)
		printk("%u uses after unload\n", graveyard_uses());
	return 0;
}

const struct command graveyard_command = {
	"graveyard", "graveyard [-c] [-j]", "modules that are gone, and who touched them since; -c: forget them",
	graveyard_run, NULL,
};
