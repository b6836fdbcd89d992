/* Notifications, which wait for nobody; and alarms, which are notifications by the clock. */
#include "ipc/wait.h"

/* Bits add up until they are received, so none is lost and none waits for memory. Caller
 * holds ipc_lock. */
static always_inline int raise(struct endpoint *e, u32 bits)
{
	struct user_thread *server = first_receiver(e);

	if (unlikely(!e->receivers_left))
		return -EPIPE;
	e->bits |= bits;
	if (!server || !e->bits)
		return 0;
	list_del(&server->waiting);
	server->words->w0 = e->bits;
	e->bits = 0;
	complete_wait(server, GOT_NOTIFICATION);
	wake_task(server->task);
	return 0;
}

int ipc_notify(struct endpoint *e, u32 bits)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	int err = raise(e, bits);

	spin_unlock_irqrestore(&ipc_lock, flags);
	return err;
}

int ipc_notify_by_handle(struct regs *r)
{
	struct endpoint *e;
	u32 badge;
	int err;

	lock_ipc();
	e = endpoint_at(current->user, r->ebx, RIGHT_NOTIFY, &badge);
	err = unlikely(IS_ERR(e)) ? PTR_ERR(e) : raise(e, r->esi);
	unlock_ipc();
	return err;
}

void alarm_rings(struct ktimer *t)
{
	struct endpoint *e = container_of(t, struct endpoint, alarm);

	(void)ipc_notify(e, READ_ONCE(e->alarm_bits));	/* nobody listens: nobody misses it */
}

void ipc_alarm(struct endpoint *e, u32 bits, u64 ns)
{
	ktimer_cancel(&e->alarm);
	WRITE_ONCE(e->alarm_bits, bits);
	if (ns)
		ktimer_arm(&e->alarm, clock_ns() + ns);
}
