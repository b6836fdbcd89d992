#include "entry/console_claim.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

struct claim {
	struct entry e;
	enum console_source source;	/* fixed */
};

/* The current claim; NULL: the core reads it. Under registry_lock. */
static struct claim *holder[CONSOLE_NR_SOURCES];

static struct claim *to_claim(struct entry *e)
{
	return container_of(e, struct claim, e);
}

/* Not a way into the module. What arrives while it is closed stays in the device, and the
 * core takes over after ten polls (console.c). */
static void claim_stays(struct entry *e)
{
	(void)e;
}

/* Unless it was neglected, and another driver has taken it since. */
static void claim_unlink(struct entry *e)
{
	struct claim *c = to_claim(e);
	u32 flags = spin_lock_irqsave(&registry_lock);

	if (holder[c->source] == c) {
		holder[c->source] = NULL;
		console_source_release(c->source);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
}

static void claim_free(struct entry *e)
{
	kfree(to_claim(e));
}

static const struct entry_ops claim_ops = {
	.kind = "console",
	.close = claim_stays,
	.reopen = claim_stays,
	.unlink = claim_unlink,
	.free = claim_free,
};

static const char *const source_name[CONSOLE_NR_SOURCES] = {
	[CONSOLE_SERIAL] = "serial port", [CONSOLE_KEYBOARD] = "keyboard",
};

/* Caller holds registry_lock. */
static int take_source(struct claim *c, u32 caller)
{
	const struct entry_part part[] = { ENTRY_MAKER(caller) };
	int err = entry_add_locked(&c->e, &claim_ops, source_name[c->source], part, ARRAY_SIZE(part));

	if (!err)
		holder[c->source] = c;
	return err;
}

int console_claim(enum console_source s)
{
	struct claim *c;
	u32 flags;
	int err;

	if ((u32)s >= CONSOLE_NR_SOURCES)
		return -EINVAL;
	c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->source = s;
	flags = spin_lock_irqsave(&registry_lock);
	err = console_source_claim(s);
	if (!err) {
		err = take_source(c, (u32)__builtin_return_address(0));
		if (err)
			console_source_release(s);
	}
	spin_unlock_irqrestore(&registry_lock, flags);
	if (err)
		kfree(c);
	return err;
}

int console_release(enum console_source s)
{
	u32 caller = (u32)__builtin_return_address(0), flags;
	void *handle = NULL;

	if ((u32)s >= CONSOLE_NR_SOURCES)
		return -EINVAL;
	flags = spin_lock_irqsave(&registry_lock);
	if (holder[s] && holder[s]->e.owner == owner_of(caller))
		handle = entry_handle(&holder[s]->e);
	spin_unlock_irqrestore(&registry_lock, flags);
	return handle ? entry_destroy(handle, &claim_ops, caller) : -EPERM;
}
