/* hazard: stages what can go wrong when a module is taken out, and tells what
 * did. */
#include "shell/commands.h"
#include "shell/hazard.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "x86/clock.h"
#include "x86/console.h"

#define QUARTER_NS (250 * NSEC_PER_MSEC)

const char *const verdict_names[NR_VERDICTS] = {
	"safe", "waited", "refused", "rolled-back", "UAF", "hang", "leak", "half-dead", "n/a", "unstaged",
};
static const char colours[NR_VERDICTS] = { 2, 2, 6, 6, 1, 1, 3, 3, 7, 5 };	/* ANSI: 3x */

/* -- the catalogue: modinfo of the modules h_* ----------------------------------------- */

/* Copies up to the next '|' and returns what follows it. */
static const char *take_field(const char *from, char *to, u32 size)
{
	u32 len = 0;

	while (from[len] && from[len] != '|')
		len++;
	strlcpy(to, from, MIN(len + 1, size));
	return from + len + (from[len] == '|');
}

/* The n-th hazard that `module` stages. */
static bool read_hazard(const char *module, u32 n, struct elf_view *v, struct hazard *h)
{
	struct load_error why;
	const void *data;
	u32 size;

	if (archive_find(module, &data, &size) || elf_check(data, size, v, &why))
		return false;
	const char *text = elf_modinfo(v, "hazard", n);
	if (!text)
		return false;
	strlcpy(h->module, module, sizeof(h->module));
	text = take_field(text, h->id, sizeof(h->id));
	text = take_field(text, h->name, sizeof(h->name));
	text = take_field(text, h->source, sizeof(h->source));
	strlcpy(h->script, text, sizeof(h->script));
	return true;
}

/* Calls see(h, ctx) for each hazard in the archive's order until it says stop. */
static int each_hazard(int (*see)(const struct hazard *h, void *ctx), void *ctx)
{
	struct { struct elf_view v; struct hazard h; } *m = kzalloc(sizeof(*m));
	char module[MODULE_NAME_LEN];
	int err = 0;

	if (!m)
		return -ENOMEM;
	for (u32 i = 0; !err && complete_archive_module(i, module, sizeof(module)); i++) {
		if (!starts_with(module, "h_"))
			continue;
		for (u32 n = 0; !err && read_hazard(module, n, &m->v, &m->h); n++)
			err = see(&m->h, ctx);
	}
	kfree(m);
	return err;
}

/* -- running ----------------------------------------------------------------------------- */

struct options {
	const char *id;			/* NULL: all */
	const struct strategy *strategy;
	bool json, tell;
	u64 quarter;
	u32 nr, bad;
};

static void print_cell(const struct cell *c, const struct options *o)
{
	const struct hazard *h = &c->hazard;
	struct json j;

	if (o->json) {
		json_begin(&j);
		json_str(&j, "hazard", h->id);
		json_str(&j, "name", h->name);
		json_str(&j, "strategy", c->strategy->name);
		json_str(&j, "verdict", verdict_names[c->verdict]);
		json_u64(&j, "cpus", nr_cpus);
		json_str(&j, "evidence", c->evidence);
		json_end(&j);
	} else {
		printk("%-5s %-20s %-11s \x1b[3%cm%-11s\x1b[0m %s\n", h->id, h->name, c->strategy->name,
		       '0' + colours[c->verdict], verdict_names[c->verdict], c->evidence);
	}
	if (c->unfit)
		printk("%s has left the kernel unfit for more: boot anew\n", h->id);
}

static int stage_one(const struct hazard *h, void *ctx)
{
	struct options *o = ctx;

	if (o->id && !streq(o->id, h->id))
		return 0;
	if (shell_interrupted())
		return -EINTR;
	struct cell *c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->hazard = *h;
	c->strategy = o->strategy;
	c->quarter = o->quarter;
	c->tell = o->tell;
	if (c->tell)
		printk("%s %s: first said by %s\n", h->id, h->name, h->source);
	cell_run(c);
	print_cell(c, o);
	o->nr++;
	o->bad += c->verdict == VERDICT_UNSTAGED;
	bool unfit = c->unfit;
	if (!unfit)		/* else its actors may still be at it */
		kfree(c);
	return unfit ? -EIO : 0;
}

static int list_one(const struct hazard *h, void *ctx)
{
	(void)ctx;
	printk("%-5s %-20s %-18s %s\n", h->id, h->name, h->module, h->source);
	return 0;
}

static int hazard_run(int argc, char **argv)
{
	struct options o = { .strategy = strategy, .quarter = QUARTER_NS };
	bool missing;
	u32 scale = 1;

	o.json = take_flag(&argc, argv, "-j");
	bool all = take_flag(&argc, argv, "--all");
	const char *factor = take_option(&argc, argv, "-x", &missing);
	if (missing || (factor && parse_u32(factor, &scale)) || argc > 3 - all)
		return usage_error("hazard");
	o.quarter *= scale;
	if (!all && argc == 1)
		return each_hazard(list_one, NULL);
	if (!all)
		o.id = argv[1];
	o.tell = !all && !o.json;
	if (argc == 3 - all)
		o.strategy = strategy_find(argv[2 - all]);
	if (!o.strategy)
		return shell_error(-ENOENT, "hazard: no such strategy; `strategy` lists them");
	int err = each_hazard(stage_one, &o);
	if (err == -EINTR)
		return 0;
	if (!err && !o.nr)
		return shell_error(-ENOENT, "hazard: no such hazard; `hazard` lists them");
	return err ? err : o.bad ? -EIO : 0;
}

const struct command hazard_command = {
	"hazard", "hazard [-j] [-x FACTOR] [ID | --all] [STRATEGY]",
	"list the hazards of unloading, or stage them and see; -x: longer deadlines", hazard_run,
	NULL,
};
