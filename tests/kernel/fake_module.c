#include "tests/kernel/fake_module.h"
#include "entry/entry.h"
#include "lib/string.h"
#include "tests/kernel/tests.h"

int fake_comes(struct owner *o, const char *name, void *function)
{
	memset(o, 0, sizeof(*o));
	strlcpy(o->name, name, sizeof(o->name));
	o->base = (u32)function;
	o->size = 1;
	int err = owner_register(o);
	if (!err)
		owner_set_state(o, OWNER_LIVE);
	return err;
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

int fake_goes(struct owner *o)
{
	if (o->state != OWNER_GOING)
		fake_closes(o);
	CHECK(owner_commit_gone(o, owner_epoch(o)));
	entries_unlink(o, NULL, NULL);
	entries_free(o);
	owner_unregister(o);
	return 0;
}
