/* The catalogue: what can be staged stands in the modinfo of the modules h_*. */
#include "shell/hazard.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "shell/commands.h"
#include "x86/console.h"

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

#define MAX_HAZARDS 160

struct catalogue {
	u32 nr;
	struct place { char id[12], module[MODULE_NAME_LEN]; u32 n; } place[MAX_HAZARDS];
	struct elf_view view;
	struct hazard hazard;		/* the one that was read last */
};

/* Sorted by id. */
static void enter(struct catalogue *c, const char *module, u32 n)
{
	u32 at = c->nr;

	if (at == MAX_HAZARDS) {
		printk("hazard: %s of %s left out, there are more than %u\n", c->hazard.id, module, at);
		return;
	}
	for (c->nr++; at && natural_cmp(c->place[at - 1].id, c->hazard.id) > 0; at--)
		c->place[at] = c->place[at - 1];
	strlcpy(c->place[at].id, c->hazard.id, sizeof(c->place[at].id));
	strlcpy(c->place[at].module, module, sizeof(c->place[at].module));
	c->place[at].n = n;
}

static void read_catalogue(struct catalogue *c)
{
	char module[MODULE_NAME_LEN];

	for (u32 i = 0; complete_archive_module(i, module, sizeof(module)); i++) {
		if (!starts_with(module, "h_"))
			continue;
		for (u32 n = 0; read_hazard(module, n, &c->view, &c->hazard); n++)
			enter(c, module, n);
	}
}

int each_hazard(int (*see)(const struct hazard *h, void *ctx), void *ctx)
{
	struct catalogue *c = kzalloc(sizeof(*c));
	int err = 0;

	if (!c)
		return -ENOMEM;
	read_catalogue(c);
	for (u32 i = 0; !err && i < c->nr; i++) {
		if (read_hazard(c->place[i].module, c->place[i].n, &c->view, &c->hazard))
			err = see(&c->hazard, ctx);
	}
	kfree(c);
	return err;
}
