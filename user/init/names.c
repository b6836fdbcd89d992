/* The name service. It is part of init, because init knows all there is to know: it makes
 * the endpoints, gives them to the servers that the table names, and hears first when one
 * ends. So nobody registers, and nobody can register what is not his. */
#include "user/init/init.h"
#include "lib/string.h"

/* Callers who wait for a service that is not there, in the order in which they came. */
static struct waiter { u32 kept; char name[SERVICE_NAME_LEN]; } waiters[32];
static u32 nr_waiters;

static struct supervised *find_service(const char *name)
{
	for (u32 i = 0; i < nr_supervised; i++) {
		if (supervised[i].client && streq(supervised[i].service, name))
			return &supervised[i];
	}
	return NULL;
}

/* Too many: who has waited longest is told to ask again. Perhaps he has been killed. */
static void make_room(void)
{
	ipc_answer(waiters[0].kept, 0, (u32)-EAGAIN, 0, 0);
	memmove(waiters, waiters + 1, --nr_waiters * sizeof(*waiters));
}

static int keep_waiting(const char *name)
{
	if (nr_waiters == ARRAY_SIZE(waiters))
		make_room();
	int kept = ipc_keep();
	if (kept < 0)
		return kept;
	waiters[nr_waiters].kept = (u32)kept;
	strlcpy(waiters[nr_waiters].name, name, SERVICE_NAME_LEN);
	nr_waiters++;
	return ANSWER_LATER;
}

int answer_lookup(struct call *c, bool wait)
{
	struct service_name name;

	int err = read_name(c, &name);
	if (err)
		return err;
	const struct supervised *s = find_service(name.name);
	if (!s)
		return wait ? keep_waiting(name.name) : -ENOENT;
	c->w2 = s->client;
	c->flags = MSG_GIVE;
	return 0;
}

void service_is_there(const struct supervised *s)
{
	for (u32 i = 0; i < nr_waiters; ) {
		if (!streq(waiters[i].name, s->service)) {
			i++;
			continue;
		}
		ipc_answer(waiters[i].kept, MSG_GIVE, 0, 0, s->client);
		memmove(waiters + i, waiters + i + 1, (--nr_waiters - i) * sizeof(*waiters));
	}
}

int answer_list(u32 index)
{
	if (index >= nr_supervised)
		return -ENOENT;
	int sent = ipc_copy_out(0, &supervised[index].info, sizeof(supervised[index].info));
	return MIN(sent, 0);
}
