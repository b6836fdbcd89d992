/* The name service. It is part of init, because init knows all there is to know: it makes
 * the endpoints, gives them to the servers that the table names, and hears first when one
 * ends. So nobody registers, and nobody can register what is not his. */
#include "user/init/init.h"
#include "lib/string.h"

/* Callers who wait for a service that is not there, in the order in which they came. */
static struct waiter {
	u32 kept;
	bool devices;			/* may look devices up */
	bool patient;			/* also until there is a first life of it (INIT_WAIT) */
	char name[SERVICE_NAME_LEN];
} waiters[32];
static u32 nr_waiters;

static struct supervised *find_service(const char *name)
{
	for (u32 i = 0; i < nr_supervised; i++) {
		if (supervised[i].started && streq(supervised[i].service, name))
			return &supervised[i];
	}
	return NULL;
}

static void remove_waiter(u32 i)
{
	memmove(waiters + i, waiters + i + 1, (--nr_waiters - i) * sizeof(*waiters));
}

/* Too many: answers the oldest waiter with -EAGAIN. */
static void make_room(void)
{
	ipc_answer(waiters[0].kept, 0, (u32)-EAGAIN, 0, 0);
	remove_waiter(0);
}

static int keep_waiting(const char *name, bool devices, bool patient)
{
	if (nr_waiters == ARRAY_SIZE(waiters))
		make_room();
	int kept = ipc_keep_watched(init_endpoint, BIT_GONE);
	if (kept < 0)
		return kept;
	waiters[nr_waiters].kept = (u32)kept;
	waiters[nr_waiters].devices = devices;
	waiters[nr_waiters].patient = patient;
	strlcpy(waiters[nr_waiters].name, name, SERVICE_NAME_LEN);
	nr_waiters++;
	return ANSWER_LATER;
}

/* The same rule as for the drivers that are modules: SYS_OPEN needs AUTH_DEVICES. */
static bool may_find(const struct supervised *s, bool devices)
{
	return devices || !s->entry || !s->entry->device;
}

int answer_lookup(struct call *c, bool wait)
{
	struct service_name name;

	int err = read_name(c, &name);
	if (err)
		return err;
	const struct supervised *s = find_service(name.name);
	bool devices = c->badge == BADGE_DEVICES;
	if (s && !may_find(s, devices))
		return -EPERM;
	if (!s || !s->client)		/* not there; or between two lives, and it will be */
		return wait || s ? keep_waiting(name.name, devices, wait) : -ENOENT;
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
		if (may_find(s, waiters[i].devices))
			ipc_answer(waiters[i].kept, MSG_GIVE, 0, 0, s->client);
		else
			ipc_answer(waiters[i].kept, 0, (u32)-EPERM, 0, 0);
		remove_waiter(i);
	}
}

void service_has_gone(const struct supervised *s)
{
	for (u32 i = 0; i < nr_waiters; ) {
		if (waiters[i].patient || !streq(waiters[i].name, s->service)) {
			i++;
			continue;
		}
		ipc_answer(waiters[i].kept, 0, (u32)-ENOENT, 0, 0);
		remove_waiter(i);
	}
}

void forget_waiters(void)
{
	for (u32 i = 0; i < nr_waiters; ) {
		if (ipc_is_waiting(waiters[i].kept)) {
			i++;
			continue;
		}
		handle_close(waiters[i].kept);
		remove_waiter(i);
	}
}

int answer_list(u32 index)
{
	if (index >= nr_supervised)
		return -ENOENT;
	int sent = ipc_copy_out(0, &supervised[index].info, sizeof(supervised[index].info));
	return MIN(sent, 0);
}
