/* Events, whose sender does not wait: notifications, alarms, which are notifications by the clock, and
 * the end of badges. Each has its room before it happens, so none is lost and none waits for memory. */
#include "ipc/wait.h"
#include "mm/heap.h"
#include "x86/panic.h"

int take_event(struct endpoint *e, struct user_thread *me)
{
	DEBUG_ASSERT(spin_held(&ipc_lock));
	e->call_next = true;
	if (likely(list_empty(&e->closed)) || (e->bits && e->bits_next)) {
		e->bits_next = false;
		me->words->w0 = e->bits;
		me->regs->ebx = e->badges;
		e->bits = e->badges = 0;
		return GOT_NOTIFICATION;
	}
	struct badge_watch *w = list_first(&e->closed, struct badge_watch, node);
	me->regs->ebx = w->badge;
	list_del(&w->node);
	kfree(w);
	e->bits_next = true;
	return GOT_CLOSED;
}

void tell_receiver(struct endpoint *e)
{
	struct user_thread *server = first_receiver(e);

	if (!server)
		return;
	list_del(&server->waiting);
	complete_wait(server, take_event(e, server));
	wake_task(server->task);
}

/* Bits add up until they are received, and so do the badges of their senders (as in seL4, where they
 * are one word). Caller holds ipc_lock. */
int raise_bits(struct endpoint *e, u32 bits, u32 badge)
{
	if (unlikely(!e->receivers_left))
		return -EPIPE;
	if (!bits)
		return 0;
	e->bits |= bits;
	e->badges |= badge;
	tell_receiver(e);
	return 0;
}

int ipc_notify(struct endpoint *e, u32 bits, u32 badge)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	int err = raise_bits(e, bits, badge);

	spin_unlock_irqrestore(&ipc_lock, flags);
	return err;
}

int ipc_notify_by_handle(struct regs *r)
{
	const struct user_thread *me = current->user;
	struct endpoint *e;
	u32 badge;
	int err;

	lock_ipc();
	e = endpoint_at(me, r->ebx, RIGHT_NOTIFY, &badge);
	if (unlikely(IS_ERR(e)))
		err = PTR_ERR(e);
	else if (unlikely(r->esi & ~handle_at(me->handles, r->ebx)->mask))
		err = -EPERM;
	else
		err = raise_bits(e, r->esi, badge);
	unlock_ipc();
	return err;
}

void alarm_rings(struct ktimer *t)
{
	struct endpoint *e = container_of(t, struct endpoint, alarm);

	(void)ipc_notify(e, READ_ONCE(e->alarm_bits), 0);	/* -EPIPE: no receiver is left */
}

void ipc_alarm(struct endpoint *e, u32 bits, u64 ns)
{
	ktimer_cancel(&e->alarm);
	WRITE_ONCE(e->alarm_bits, bits);
	if (ns)
		ktimer_arm(&e->alarm, clock_ns() + ns);
}
