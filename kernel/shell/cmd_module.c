/* Modules at the prompt. Named and worded as on Linux. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "entry/entry.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
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

/* -- insmod, modprobe ------------------------------------------------------------------ */

/* The words from argv[2] on, joined: "a=1 b=2". */
static int join_params(int argc, char **argv, char *out, u32 size)
{
	u32 len = 0;

	out[0] = '\0';
	for (int i = 2; i < argc; i++) {
		len += (u32)snprintf(out + MIN(len, size), size - MIN(len, size), "%s%s",
		                     i > 2 ? " " : "", argv[i]);
		if (len >= size)
			return -E2BIG;
	}
	return 0;
}

static int insmod_run(int argc, char **argv)
{
	struct load_error why;
	char params[256];

	int err = reject_options(argc, argv);
	if (err)
		return err;
	if (argc < 2)
		return usage_error(argv[0]);
	if (join_params(argc, argv, params, sizeof(params)))
		return shell_error(-E2BIG, "%s: the parameters are longer than %u characters",
		                   argv[0], (u32)sizeof(params) - 1);
	why.text[0] = '\0';
	err = module_load_by_name(argv[1], params, NULL, &why);
	if (err)
		return shell_error(err, "%s: %s", argv[0], why.text);
	return 0;
}

const struct command insmod_command = {
	"insmod", "insmod MODULE [PARAM=VALUE...]", "load a module from the boot archive",
	insmod_run, complete_archive_module,
};

/* modprobe -r takes dependencies out that nobody uses any more. */
static int modprobe_remove(const char *name);

static int modprobe_run(int argc, char **argv)
{
	bool remove = take_flag(&argc, argv, "-r");
	int err = reject_options(argc, argv);

	if (err)
		return err;
	if (argc < 2)
		return usage_error("modprobe");
	if (remove)
		return modprobe_remove(argv[1]);
	mutex_lock(&modules_mutex);
	bool there = module_find(argv[1]) != NULL;
	mutex_unlock(&modules_mutex);
	return there ? 0 : insmod_run(argc, argv);
}

const struct command modprobe_command = {
	"modprobe", "modprobe [-r] MODULE [PARAM=VALUE...]",
	"load a module unless it is there; -r: remove it and what only it used",
	modprobe_run, complete_archive_module,
};

/* -- rmmod ------------------------------------------------------------------------------ */

const char *duration_text(u64 ns, char *buf, u32 size)
{
	u32 frac;

	if (ns < 10 * NSEC_PER_USEC)
		snprintf(buf, size, "%u ns", (u32)ns);
	else if (ns < 10 * NSEC_PER_MSEC)
		snprintf(buf, size, "%u us", (u32)div_u64(ns, NSEC_PER_USEC));
	else if (ns < 10 * NSEC_PER_SEC)
		snprintf(buf, size, "%u ms", (u32)div_u64(ns, NSEC_PER_MSEC));
	else {
		u32 s = (u32)div_u64_rem(ns, NSEC_PER_SEC, &frac);
		snprintf(buf, size, "%u.%u s", s, frac / 100000000);
	}
	return buf;
}

static void print_insiders(const struct unload_report *r)
{
	for (u32 i = 0; i < MIN(r->nr_insiders, (u32)ARRAY_SIZE(r->insider)); i++) {
		const struct unload_insider *in = &r->insider[i];
		printk("  inside%s: task %u (%s) on CPU %u, at %s\n", in->possible ? " (possibly)" : "",
		       in->task_id, in->task_name, in->cpu, in->where);
	}
	if (r->nr_insiders > ARRAY_SIZE(r->insider))
		printk("  and %u more\n", r->nr_insiders - (u32)ARRAY_SIZE(r->insider));
}

void print_unload(const struct unload *u, bool verbose)
{
	const struct unload_report *r = &u->report;
	char total[24], held[24];

	if (r->forgotten)
		printk("%s %s: %s (%s)\n", u->name, r->has_exit ? "forgot" : "has no exit",
		       r->forgotten_names, r->left_behind ? "still there" : "taken back");
	if (r->leaked)
		printk("%s: its image, %u bytes, stays\n", u->name, r->leaked);
	if (r->forgotten_allocs)
		printk("%s %s: %u allocations, %u bytes (freed)\n", u->name,
		       r->has_exit ? "forgot" : "has no exit", r->forgotten_allocs, r->forgotten_bytes);
	if (r->revoked)
		printk("%s: %u open files were cut off\n", u->name, r->revoked);
	if (!verbose)
		return;
	printk("%s: out in %s, CPUs held %s, %u %s, %u broadcasts; %u tasks inspected (%u words), %u skipped\n",
	       u->name, duration_text(r->total_ns, total, sizeof(total)),
	       duration_text(r->held_ns, held, sizeof(held)), r->tries,
	       r->tries == 1 ? "try" : "tries", r->broadcasts, r->inspected, r->words, r->skipped);
	print_insiders(r);
}

static void print_unload_json(const struct unload *u, int err)
{
	const struct unload_report *r = &u->report;
	struct json j;

	json_begin(&j);
	json_str(&j, "module", u->name);
	json_str(&j, "strategy", strategy->name);
	json_str(&j, "result", err ? errno_name(err) : "ok");
	json_u64(&j, "total_ns", r->total_ns);
	json_u64(&j, "held_ns", r->held_ns);
	json_u64(&j, "tries", r->tries);
	json_u64(&j, "broadcasts", r->broadcasts);
	json_u64(&j, "inspected", r->inspected);
	json_u64(&j, "skipped", r->skipped);
	json_u64(&j, "words", r->words);
	json_u64(&j, "insiders", r->nr_insiders);
	json_u64(&j, "forgotten", r->forgotten);
	json_u64(&j, "forgotten_allocs", r->forgotten_allocs);
	json_u64(&j, "revoked", r->revoked);
	json_bool(&j, "rolled_back", r->rolled_back);
	json_str(&j, "error", r->error);
	json_end(&j);
}

struct rmmod_options { u32 flags; u64 patience; bool verbose, json; };

static int remove_one(const char *name, const struct rmmod_options *o)
{
	struct unload *u = kzalloc(sizeof(*u));	/* kept off the stack that is inspected */
	int err;

	if (!u)
		return shell_error(-ENOMEM, "rmmod: no memory");
	if (strlcpy(u->name, name, sizeof(u->name)) >= sizeof(u->name)) {
		kfree(u);
		return shell_error(-ENOENT, "rmmod: %s: names have at most %u characters", name,
		                   MODULE_NAME_LEN - 1);
	}
	u->flags = o->flags;
	u->patience_ns = o->patience;
	err = module_unload(u);
	if (o->json) {
		print_unload_json(u, err);
	} else if (err) {
		printk("rmmod: %s\n", u->report.error);
		if (o->verbose)
			print_insiders(&u->report);
	} else {
		print_unload(u, o->verbose);
	}
	kfree(u);
	return err;
}

static int modprobe_remove(const char *name)
{
	struct rmmod_options plain = { 0 };
	char dep[MAX_DEPS][MODULE_NAME_LEN];
	u32 nr = 0;

	mutex_lock(&modules_mutex);
	struct module *m = module_find(name);
	for (u32 i = 0; m && i < m->nr_deps; i++)
		strlcpy(dep[nr++], m->dep[i]->owner.name, MODULE_NAME_LEN);
	mutex_unlock(&modules_mutex);
	int err = remove_one(name, &plain);
	for (u32 i = 0; !err && i < nr; i++) {
		mutex_lock(&modules_mutex);
		m = module_find(dep[i]);
		bool unused = m && !m->nr_users;
		mutex_unlock(&modules_mutex);
		if (unused)
			err = remove_one(dep[i], &plain);
	}
	return err;
}

static int rmmod_run(int argc, char **argv)
{
	struct rmmod_options o = { .json = take_flag(&argc, argv, "-j") };
	bool missing;
	int first_err = 0;

	if (take_flag(&argc, argv, "-w"))
		o.flags |= UNLOAD_WAIT;
	if (take_flag(&argc, argv, "-r"))
		o.flags |= UNLOAD_REVOKE;
	if (take_flag(&argc, argv, "-f"))
		o.flags |= UNLOAD_FORCE;
	o.verbose = take_flag(&argc, argv, "-v");
	const char *time = take_option(&argc, argv, "-t", &missing);
	if (missing || (time && parse_duration(time, &o.patience)) || (time && !o.patience))
		return shell_error(-EINVAL, "rmmod: -t wants a time such as 2s or 500ms");
	if (time)
		o.flags |= UNLOAD_WAIT;
	else if (o.flags & UNLOAD_WAIT)
		o.patience = WAIT_FOREVER / 2;
	int err = reject_options(argc, argv);
	if (err)
		return err;
	if (argc < 2)
		return usage_error("rmmod");
	for (int i = 1; i < argc; i++) {
		err = remove_one(argv[i], &o);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

const struct command rmmod_command = {
	"rmmod", "rmmod [-w] [-t TIME] [-r] [-f] [-v] [-j] MODULE...",
	"unload; -w: wait for users, -t: at most so long, -r: cut open files off, -f: whatever is open",
	rmmod_run, complete_loaded_module,
};

/* -- lsmod, modinfo ---------------------------------------------------------------------- */

static void describe_entry(struct entry *e, void *ctx)
{
	char text[64];

	(void)ctx;
	e->ops->describe(e, text, sizeof(text));
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
		json_end(&j);
		return;
	}
	printk("%-12s %8u  %-9s %5u  0x%08x  %s\n", m->owner.name, bytes, module_state_name(m),
	       files, m->owner.base, users);
	if (verbose)
		entries_each((struct owner *)&m->owner, describe_entry, NULL);
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

static int modinfo_run(int argc, char **argv)
{
	struct load_error why;
	struct elf_view *v;
	const void *data;
	u32 size;

	if (argc != 2)
		return usage_error("modinfo");
	if (archive_find(argv[1], &data, &size))
		return shell_error(-ENOENT, "modinfo: %s is not in the boot archive", argv[1]);
	v = kzalloc(sizeof(*v));
	if (!v)
		return shell_error(-ENOMEM, "modinfo: no memory");
	int err = elf_check(data, size, v, &why);
	if (err) {
		kfree(v);
		return shell_error(err, "modinfo: %s: %s", argv[1], why.text);
	}
	static const char *const keys[] = { "description", "license", "abi", "depends", "parm" };
	printk("%-12s %s, %u bytes\n", "file:", argv[1], size);
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value;
		for (u32 n = 0; (value = elf_modinfo(v, keys[i], n)); n++)
			printk("%s:%*s%s\n", keys[i], 12 - (int)strlen(keys[i]), "", value);
	}
	kfree(v);
	return 0;
}

const struct command modinfo_command = {
	"modinfo", "modinfo MODULE", "what a module file says of itself", modinfo_run,
	complete_archive_module,
};

/* -- strategy ------------------------------------------------------------------------------ */

static int strategy_run(int argc, char **argv)
{
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
	for (u32 i = 0; i < nr_strategies; i++)
		printk("%c %-10s %s\n             %s\n", strategies[i] == strategy ? '*' : ' ',
		       strategies[i]->name, strategies[i]->gist, strategies[i]->source);
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
	"strategy", "strategy [NAME]", "list the ways to unload, or choose one", strategy_run,
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
