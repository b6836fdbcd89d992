/* Callers that are answered later: whoever saves one may receive the next call meanwhile.
 * The CALL handle stands for it, and closing it is an answer too: -EPIPE. */
#include "ipc/wait.h"
#include "mm/heap.h"

static struct saved_call *to_saved(struct object *o) { return container_of(o, struct saved_call, object); }

static void saved_closed(struct object *o, u32 rights)
{
	struct saved_call *s = to_saved(o);

	(void)rights;
	if (s->client)
		end_wait(s->client, -EPIPE);
}

static void saved_destroy(struct object *o)
{
	struct saved_call *s = to_saved(o);

	if (s->told)
		object_put(&s->told->object);
	kfree(s);
}

const struct object_kind saved_call_kind = {
	.name = "saved call", .closed = saved_closed, .destroy = saved_destroy,
};

struct user_thread *client_at(struct user_thread *me, u32 nr)
{
	struct handle *h;

	if (!nr)
		return me->client;
	h = handle_at(me->handles, nr);
	if (!h)
		return ERR_PTR(-EBADF);
	return h->object->kind == &saved_call_kind ? to_saved(h->object)->client : ERR_PTR(-EINVAL);
}

/* Only a receiver raises any bits there. */
static int set_told(struct saved_call *s, const struct user_thread *me, u32 nr, u32 bits)
{
	struct object *e = handle_get(me->handles, nr, &endpoint_kind, RIGHT_RECEIVE, NULL);

	if (IS_ERR(e))
		return PTR_ERR(e);
	s->told = to_endpoint(e);
	s->bits = bits;
	return 0;
}

int ipc_save_caller(struct regs *r)
{
	struct user_thread *me = current->user;
	struct saved_call *s = kzalloc(sizeof(*s));
	int slot = -ESRCH, err;

	if (!s)
		return -ENOMEM;
	object_init(&s->object, &saved_call_kind);
	err = r->ebx ? set_told(s, me, r->ebx, r->esi) : 0;
	if (err) {
		kfree(s);
		return err;
	}
	lock_ipc();
	if (me->client) {
		s->client = me->client;
		s->client->saved = s;
		s->client->server = NULL;
		me->client = NULL;
	}
	unlock_ipc();
	/* Killed since: then the handle is of nobody, as it may be at any time. */
	if (s->client)
		slot = handle_add(me->handles, 0, &s->object, 0, 0);
	lock_ipc();
	if (slot < 0 && s->client) {		/* no room: served as before */
		me->client = s->client;
		me->client->server = me;
		me->client->saved = NULL;
		s->client = NULL;
	}
	if (!me->client)
		give_back(me);
	unlock_ipc();
	object_put(&s->object);
	return slot;
}

int ipc_client(struct user_thread *me, u32 nr, struct words *w, u32 *msg_flags,
               struct object **process)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	struct user_thread *client = client_at(me, nr);
	int err = IS_ERR(client) ? PTR_ERR(client) : client ? 0 : -ESRCH;

	if (!err) {
		*w = *client->words;
		*msg_flags = client->flags;
		*process = client->process;
		client->process->refs++;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	return err;
}
