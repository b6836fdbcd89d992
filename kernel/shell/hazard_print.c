/* How cells are shown: a line for each, a row of the table, or JSON. */
#include "shell/hazard.h"
#include "lib/format.h"
#include "lib/string.h"
#include "shell/shell.h"
#include "x86/console.h"

#define ID_WIDTH   5
#define CELL_WIDTH 5
#define SCREEN     79

const char *const verdict_names[NR_VERDICTS] = {
	"safe", "waited", "refused", "rolled-back", "UAF", "hang", "leak", "half-dead", "n/a", "unstaged",
};
static const char *const meanings[NR_VERDICTS] = {
	"the driver is out, and nothing touched it afterwards",
	"the module is out; the unload waited until the hazard had passed",
	"the unload was refused, and the module is as usable as before",
	"the unload was undone, and the module is as usable as before",
	"the memory was used after the unload",
	"somebody is stuck",
	"something never came back",
	"the module is neither live nor gone",
	"this strategy has no such instant",
	"the experiment could not be set up",
};
/* In a cell of the table. */
static const char words[NR_VERDICTS][CELL_WIDTH] = {
	"safe", "wait", "busy", "back", "UAF", "hang", "leak", "half", "n/a", "?",
};
static const char colours[NR_VERDICTS] = { 2, 2, 6, 6, 1, 1, 3, 3, 7, 5 };	/* ANSI: 3x */

void print_hazard(const struct hazard *h, bool json)
{
	struct json j;

	if (!json) {
		printk("%-5s %-20s %-18s %s\n", h->id, h->name, h->module, h->source);
		return;
	}
	json_begin(&j);
	json_str(&j, "hazard", h->id);
	json_str(&j, "name", h->name);
	json_str(&j, "module", h->module);
	json_str(&j, "source", h->source);
	json_str(&j, "script", h->script);
	json_end(&j);
}

void print_column_json(const struct strategy *s)
{
	struct json j;

	json_begin(&j);
	json_str(&j, "column", s->name);
	json_str(&j, "source", s->source);
	json_str(&j, "gist", s->gist);
	json_end(&j);
}

void print_cell_json(const struct cell *c)
{
	struct json j;

	json_begin(&j);
	json_str(&j, "hazard", c->hazard.id);
	json_str(&j, "name", c->hazard.name);
	json_str(&j, "strategy", c->strategy->name);
	json_str(&j, "verdict", verdict_names[c->verdict]);
	json_u64(&j, "cpus", nr_cpus);
	json_str(&j, "evidence", c->evidence);
	if (c->unfit)
		json_bool(&j, "unfit", true);
	json_end(&j);
}

void print_cell(const struct cell *c)
{
	printk("%-5s %-20s %-11s \x1b[3%cm%-11s\x1b[0m %s\n", c->hazard.id, c->hazard.name,
	       c->strategy->name, '0' + colours[c->verdict], verdict_names[c->verdict], c->evidence);
}

void print_prologue(const struct cell *c)
{
	printk("%s, %s, under %s (%s)\nThe %s is %s; source: %s.\n\n", c->hazard.id,
	       c->hazard.name, c->strategy->name, c->strategy->gist,
	       c->strategy == &server_home ? "server" : "module",
	       c->strategy == &server_home ? "h_server" : c->hazard.module, c->hazard.source);
}

void print_epilogue(const struct cell *c)
{
	printk("\n\x1b[3%cm%s\x1b[0m: %s.\n%s\n", '0' + colours[c->verdict], verdict_names[c->verdict],
	       meanings[c->verdict], c->evidence);
}

/* -- the table ------------------------------------------------------------------------- */

/* Each column's name stands above it, one lower than the one before, with lines down from
 * those: they are longer than a cell. The last may have to move to the left. */
void print_heads(const struct strategy *const *column, u32 n)
{
	char line[ID_WIDTH + CELL_WIDTH * MAX_COLUMNS + sizeof(words[0])];

	for (u32 i = 0; i < n; i++) {
		const char *name = column[i]->name;
		u32 len = strlen(name), at = ID_WIDTH + CELL_WIDTH * i;

		if (at + len > SCREEN)
			at = SCREEN - len;
		memset(line, ' ', sizeof(line));
		for (u32 k = 0; k < i; k++)
			line[ID_WIDTH + CELL_WIDTH * k] = '|';
		line[at] = '\0';
		printk("%s%s\n", line, name);
	}
}

void print_row(const char *id, const enum verdict *verdict, u32 n)
{
	char line[256];
	u32 len = (u32)snprintf(line, sizeof(line), "%-*s", ID_WIDTH, id);

	for (u32 i = 0; i < n && len < sizeof(line); i++)
		len += (u32)snprintf(line + len, sizeof(line) - len, "\x1b[3%cm%-*s\x1b[0m",
		                     '0' + colours[verdict[i]], CELL_WIDTH, words[verdict[i]]);
	printk("%s\n", line);
}

/* What the words mean, with how many there are of each. */
void print_totals(const u32 *count)
{
	for (u32 v = 0; v < NR_VERDICTS; v++) {
		if (!count[v])
			continue;
		printk("\x1b[3%cm%s\x1b[0m", '0' + colours[v], words[v]);
		if (!streq(words[v], verdict_names[v]))
			printk(" (%s)", verdict_names[v]);
		printk(" %u  ", count[v]);
	}
	printk("\n");
}
