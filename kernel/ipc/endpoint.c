/* Endpoints: where calls and notifications meet those who receive them. */
#include "ipc/wait.h"
#include "mm/heap.h"
#include "x86/panic.h"

static u32 nr_endpoints;		/* atomic */

u32 endpoints_in_use(void) { return READ_ONCE(nr_endpoints); }

static void endpoint_opened(struct object *o, u32 rights)
{
	if (rights & RIGHT_RECEIVE)
		to_endpoint(o)->receivers_left++;
}

static void endpoint_badge_closed(struct object *o, struct badge_watch *w)
{
	struct endpoint *e = to_endpoint(o);

	if (!e->receivers_left) {
		kfree(w);
		return;
	}
	list_add_tail(&e->closed, &w->node);
	tell_receiver(e);
}

/* The last one who could receive has gone: who waits here waits for nothing. */
static void endpoint_closed(struct object *o, u32 rights)
{
	struct endpoint *e = to_endpoint(o);

	if (!(rights & RIGHT_RECEIVE) || --e->receivers_left)
		return;
	while (!list_empty(&e->callers))
		end_wait(list_first(&e->callers, struct user_thread, waiting), -EPIPE);
	while (!list_empty(&e->receivers))
		end_wait(list_first(&e->receivers, struct user_thread, waiting), -EPIPE);
	if (e->server)
		e->server->received_at = NULL;
	e->server = NULL;
	e->bits = 0;
}

/* No handles: no task waits here. No references: no task sets the alarm. Closed badges that were not received
 * go here, without the lock: there may be as many as memory has room for. */
static void endpoint_destroy(struct object *o)
{
	struct endpoint *e = to_endpoint(o);

	ktimer_cancel_sync(&e->alarm);
	DEBUG_ASSERT(!e->server && list_empty(&e->callers) && list_empty(&e->receivers));
	while (!list_empty(&e->closed)) {
		struct badge_watch *w = list_first(&e->closed, struct badge_watch, node);

		list_del(&w->node);
		kfree(w);
	}
	kfree(e);
	atomic_add(&nr_endpoints, -1u);
}

const struct object_kind endpoint_kind = {
	.name = "endpoint",
	.rights = RIGHT_GIVE | RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE,
	.opened = endpoint_opened,
	.closed = endpoint_closed,
	.badge_closed = endpoint_badge_closed,
	.destroy = endpoint_destroy,
};

struct endpoint *endpoint_new(void)
{
	struct endpoint *e = kzalloc(sizeof(*e));

	if (!e)
		return NULL;
	atomic_add(&nr_endpoints, 1);
	object_init(&e->object, &endpoint_kind);
	list_init(&e->closed);
	list_init(&e->callers);
	list_init(&e->receivers);
	ktimer_init(&e->alarm, alarm_rings);
	return e;
}

void ipc_thread_ends(struct user_thread *me)
{
	DEBUG_ASSERT(spin_held(&ipc_lock) && me->wait == WAITS_NOT);
	if (me->client)
		end_wait(me->client, -EPIPE);
	if (me->received_at)
		me->received_at->server = NULL;
	me->received_at = NULL;
	give_back(me);
}
