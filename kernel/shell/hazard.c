/* hazard: stages what can go wrong when a module is taken out, and tells what
 * did. */
#include "shell/commands.h"
#include "shell/hazard.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "x86/clock.h"
#include "x86/console.h"

#define QUARTER_NS (BUILD_SLOWNESS * 250 * NSEC_PER_MSEC)
#define MAX_IDS    32

/* What is asked for, and how far it is. */
struct run {
	/* Fixed. */
	const char *id[MAX_IDS];	/* rows; none: all */
	u32 nr_ids;
	const char *from;		/* the first row; NULL: the first there is */
	const struct strategy *column[MAX_COLUMNS];
	u32 nr_columns;
	bool json, table, tell;
	u64 quarter;
	/* So far. */
	bool started;
	char group;			/* of the last row: 'A' */
	u32 below;			/* rows since the heads of the table */
	u32 count[NR_VERDICTS], nr;
};

static bool unfit;		/* the kernel, since a cell that did not end: the prompt's */

static bool is_wanted(struct run *r, const struct hazard *h)
{
	r->started |= !r->from || streq(r->from, h->id);
	if (!r->nr_ids)
		return r->started;
	for (u32 i = 0; i < r->nr_ids; i++) {
		if (streq(r->id[i], h->id))
			return r->started;
	}
	return false;
}

static int say_unfit(const struct cell *c, const struct run *r)
{
	unfit = true;
	if (!r->json)
		printk("%s under %s has left the kernel unfit for more: boot anew%s%s\n", c->hazard.id,
		       c->strategy->name, r->table ? ", go on with: hazard --all --from " : "",
		       r->table ? c->hazard.id : "");
	return -EIO;
}

static int stage_cell(struct run *r, const struct hazard *h, u32 column, enum verdict *verdict)
{
	struct cell *c = kzalloc(sizeof(*c));
	bool quiet = !r->json && !r->tell;	/* the evidence says it */

	if (!c)
		return -ENOMEM;
	c->hazard = *h;
	c->strategy = r->column[column];
	c->quarter = r->quarter;
	c->tell = r->tell;
	if (quiet)
		console_mute(true);
	if (r->tell)
		print_prologue(c);
	cell_run(c);
	if (quiet)
		console_mute(false);
	if (r->json)
		print_cell_json(c);
	else if (r->tell)
		print_epilogue(c);
	else if (!r->table)
		print_cell(c);
	*verdict = c->verdict;
	r->count[c->verdict]++;
	r->nr++;
	if (c->unfit)		/* its actors may still be at it: the cell stays */
		return say_unfit(c, r);
	kfree(c);
	return 0;
}

static int stage_row(const struct hazard *h, void *ctx)
{
	struct run *r = ctx;
	enum verdict row[MAX_COLUMNS];
	int err = 0;
	u32 n = 0;

	if (!is_wanted(r, h))
		return 0;
	if (r->table && (!r->group || (r->group != h->id[0] && r->below >= MAX_COLUMNS))) {
		print_heads(r->column, r->nr_columns);
		r->below = 0;
	}
	r->group = h->id[0];
	r->below++;
	while (!err && n < r->nr_columns) {
		err = shell_interrupted() ? -EINTR : stage_cell(r, h, n, &row[n]);
		n += err != -EINTR && err != -ENOMEM;
	}
	if (r->table)
		print_row(h->id, row, n);
	return err;
}

static int list_one(const struct hazard *h, void *ctx)
{
	print_hazard(h, *(bool *)ctx);
	return 0;
}

static int list_all(bool json)
{
	int err = each_hazard(list_one, &json);

	if (!err && json)
		print_column_json(&server_home);
	return err;
}

/* A strategy, or the column that is none. */
static const struct strategy *find_column(const char *name)
{
	return streq(name, server_home.name) ? &server_home : strategy_find(name);
}

static int find_one(const struct hazard *h, void *id)
{
	return streq(h->id, id) ? 1 : 0;
}

/* Words are ids and strategies, in any order. */
static int take_words(struct run *r, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct strategy *s = find_column(argv[i]);
		if (s && r->nr_columns < MAX_COLUMNS)
			r->column[r->nr_columns++] = s;
		else if (r->nr_ids < MAX_IDS && each_hazard(find_one, argv[i]) == 1)
			r->id[r->nr_ids++] = argv[i];
		else
			return shell_error(-ENOENT, "hazard: %s: no such hazard or strategy; `hazard` and `strategy` "
			                   "list them", argv[i]);
	}
	return 0;
}

static void choose_columns(struct run *r, bool all)
{
	if (r->nr_columns)
		return;
	if (!all) {
		r->column[r->nr_columns++] = strategy;
		return;
	}
	for (u32 i = 0; i < nr_strategies; i++)
		r->column[r->nr_columns++] = strategies[i];
	if (r->json)			/* a screen has no room for one more */
		r->column[r->nr_columns++] = &server_home;
}

static int hazard_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j"), all = take_flag(&argc, argv, "--all"), no_factor, no_id;
	const char *factor = take_option(&argc, argv, "-x", &no_factor);
	struct run r = { .from = take_option(&argc, argv, "--from", &no_id), .json = json };
	u32 scale = 1;

	if (no_factor || no_id || (factor && parse_u32(factor, &scale)) || !scale)
		return usage_error("hazard");
	if (!all && argc == 1)
		return list_all(json);
	if (unfit)
		return shell_error(-EIO, "hazard: the kernel is unfit since a cell that did not end: boot anew");
	int err = take_words(&r, argc, argv);
	if (!err && r.from && each_hazard(find_one, (void *)r.from) != 1)
		err = shell_error(-ENOENT, "hazard: --from %s: no such hazard; `hazard` lists them", r.from);
	if (err)
		return err;
	if (!all && !r.nr_ids)
		return usage_error("hazard");
	choose_columns(&r, all);
	r.quarter = scale * QUARTER_NS;
	r.table = all && !json && r.nr_columns > 1;
	r.tell = !json && r.nr_ids == 1 && r.nr_columns == 1;
	err = each_hazard(stage_row, &r);
	if (r.table)
		print_totals(r.count);
	if (r.table && r.column[0] == strategies[0] && r.nr_columns == nr_strategies)
		printk("`hazard --all %s`: the same where the driver is a process\n", server_home.name);
	return err == -EINTR ? 0 : err ? err : r.count[VERDICT_UNSTAGED] ? -EIO : 0;
}

const struct command hazard_command = {
	"hazard", "hazard [-j] [-x FACTOR] [--all] [--from ID] [ID...] [STRATEGY...]",
	"list the hazards of unloading, stage one and tell, or --all of them under each strategy; "
	"-x: longer deadlines", hazard_run,
	NULL,
};
