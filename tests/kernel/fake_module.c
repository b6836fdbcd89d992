#include "tests/kernel/fake_module.h"
#include "entry/entry.h"
#include "lib/string.h"
#include "smp/ipi.h"
#include "x86/clock.h"
#include "tests/kernel/tests.h"

#define ROUND_TIMEOUT (20 * NSEC_PER_SEC)

int fake_comes_at(struct owner *o, const char *name, const void *base, u32 size)
{
	memset(o, 0, sizeof(*o));
	strlcpy(o->name, name, sizeof(o->name));
	o->base = (u32)base;
	o->size = size;
	int err = owner_register(o);
	if (!err)
		owner_set_state(o, OWNER_LIVE);
	return err;
}

int fake_comes(struct owner *o, const char *name, void *function)
{
	return fake_comes_at(o, name, function, 1);
}

void fake_closes(struct owner *o)
{
	owner_set_state(o, OWNER_GOING);
	entries_close(o);
}

void fake_comes_back(struct owner *o)
{
	owner_set_state(o, OWNER_LIVE);
	entries_reopen(o);
}

static void answer(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg, (void)regs, (void)sp;
}

int fake_goes(struct owner *o)
{
	if (o->state != OWNER_GOING)
		fake_closes(o);
	CHECK(owner_commit_gone(o, owner_epoch(o)));
	return fake_leaves(o);
}

int fake_leaves(struct owner *o)
{
	entries_unlink(o, NULL, NULL);
	CHECK(!smp_call(cpus_online, answer, NULL, ROUND_TIMEOUT));
	entries_free(o);
	owner_unregister(o);
	return 0;
}
