/* I/O ports and interrupts for drivers in ring 3. */
#include "user/hardware.h"
#include "entry/irq.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "user/syscall.h"
#include "x86/atomic.h"
#include "x86/trap.h"

/* -- ports ----------------------------------------------------------------------------- */

struct ports { struct object object; u32 first, count; };	/* fixed */

static void ports_destroy(struct object *o) { kfree(container_of(o, struct ports, object)); }
static const struct object_kind ports_kind = {
	.name = "ports", .rights = RIGHT_GIVE | RIGHT_CONTROL, .destroy = ports_destroy,
};

static int sys_ports(struct regs *r)
{
	int err = authority(r->ebx, AUTH_PORTS);
	struct ports *p;

	if (err)
		return err;
	if (!r->edi || r->esi >= NR_IO_PORTS || r->edi > NR_IO_PORTS - r->esi)
		return -EINVAL;
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	object_init(&p->object, &ports_kind);
	p->first = r->esi;
	p->count = r->edi;
	return handle_for(&p->object, RIGHTS_ALL);
}

static u32 last_version;		/* under ipc_lock */

/* From now on the process has them until it ends; to close the handle takes nothing
 * back. */
static int sys_ports_enable(struct regs *r)
{
	struct ports *ports = (struct ports *)handle_get(current->user->handles, r->ebx,
	                                                 &ports_kind, RIGHT_CONTROL, NULL);
	struct process *p = current_process();
	int err = 0;
	u32 flags;

	if (IS_ERR(ports))
		return PTR_ERR(ports);
	flags = spin_lock_irqsave(&ipc_lock);
	if (p->nr_ports < ARRAY_SIZE(p->ports)) {
		p->ports[p->nr_ports++] = (struct port_range){ ports->first, ports->count };
		p->ports_version = ++last_version;
	} else {
		err = -ENOSPC;
	}
	spin_unlock_irqrestore(&ipc_lock, flags);
	object_put(&ports->object);
	return err;
}

/* A CPU learns a process's ports only when one is used, as most threads that it runs use
 * none: each switch to a thread takes them away (schedule.c), and the first IN or OUT
 * after it comes here.
 *
 *	CPU 0 (thread A: enables)	CPU 1 (thread B, same process)
 *	version 7 -> 8
 *					has version 7 loaded: OUT faults,
 *					loads 8 */
bool ports_fault(const struct regs *regs)
{
	struct process *p = current_process();
	struct x86_cpu *hw = &this_cpu()->hw;

	if (regs->error || !READ_ONCE(p->nr_ports))	/* a port's fault has error code 0 */
		return false;
	if (hw->tss.iomap == IOMAP_HERE && hw->ports_version == p->ports_version)
		return false;
	spin_lock(&ipc_lock);
	descriptors_load_ports(hw, p->ports, p->nr_ports, p->ports_version);
	spin_unlock(&ipc_lock);
	return true;
}

/* -- interrupts -------------------------------------------------------------------------- */

struct irq {
	struct object object;
	u32 line;			/* fixed */
	bool bound;			/* under ipc_lock: SYS_IRQ_BIND has begun */
	/* Written before the handler is attached. */
	struct endpoint *endpoint;	/* a reference */
	u32 bits, badge;
	struct irq_action *action;	/* NULL: not attached (yet) */
};

/* A line that stays up until its device is served must be silent meanwhile; an edge is
 * over, and the notification remembers it. */
static enum irq_result on_irq(u32 line, void *arg)
{
	struct irq *irq = arg;

	(void)line;
	irq_mask_level(irq->line);
	(void)ipc_notify(irq->endpoint, irq->bits, irq->badge);	/* no server any more: it stays masked */
	return IRQ_HANDLED;
}

static void irq_destroy(struct object *o)
{
	struct irq *irq = container_of(o, struct irq, object);

	if (irq->action && free_irq(irq->action))
		return;			/* its handler may come still: all of it stays */
	if (irq->endpoint)
		object_put(&irq->endpoint->object);
	kfree(irq);
}

static const struct object_kind irq_kind = {
	.name = "irq", .rights = RIGHT_GIVE | RIGHT_CONTROL, .destroy = irq_destroy,
};

static int sys_irq(struct regs *r)
{
	int err = authority(r->ebx, AUTH_IRQ);
	struct irq *irq;

	if (err)
		return err;
	irq = kzalloc(sizeof(*irq));
	if (!irq)
		return -ENOMEM;
	object_init(&irq->object, &irq_kind);
	irq->line = r->esi;
	return handle_for(&irq->object, RIGHTS_ALL);
}

static struct irq *irq_at(const struct regs *r)
{
	return (struct irq *)handle_get(current->user->handles, r->ebx, &irq_kind,
	                                RIGHT_CONTROL, NULL);
}

/* Caller has a reference to both; that to `e` goes over. */
static int bind(struct irq *irq, struct endpoint *e, u32 bits, u32 badge)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	bool taken = irq->bound;
	struct irq_action *a;

	irq->bound = true;
	spin_unlock_irqrestore(&ipc_lock, flags);
	if (taken) {
		object_put(&e->object);
		return -EBUSY;
	}
	irq->endpoint = e;
	irq->bits = bits;
	irq->badge = badge;
	a = request_irq(irq->line, on_irq, 0, current_process()->name, irq);
	if (!IS_ERR(a)) {
		store_release(&irq->action, a);
		return 0;
	}
	irq->endpoint = NULL;		/* it may be tried again */
	store_release(&irq->bound, false);
	object_put(&e->object);
	return PTR_ERR(a);
}

static int sys_irq_bind(struct regs *r)
{
	struct irq *irq = irq_at(r);
	struct endpoint *e;
	struct handle h;
	int err;

	if (IS_ERR(irq))
		return PTR_ERR(irq);
	e = endpoint_to_notify(r->esi, r->edi, &h);
	err = IS_ERR(e) ? PTR_ERR(e) : bind(irq, e, r->edi, h.badge);
	object_put(&irq->object);
	return err;
}

static int sys_irq_ack(struct regs *r)
{
	struct irq *irq = irq_at(r);
	int err = -EINVAL;

	if (IS_ERR(irq))
		return PTR_ERR(irq);
	if (load_acquire(&irq->action)) {
		irq_unmask_level(irq->line);
		err = 0;
	}
	object_put(&irq->object);
	return err;
}

void hardware_init_syscalls(void)
{
	syscall_set(SYS_PORTS, sys_ports);
	syscall_set(SYS_PORTS_ENABLE, sys_ports_enable);
	syscall_set(SYS_IRQ, sys_irq);
	syscall_set(SYS_IRQ_BIND, sys_irq_bind);
	syscall_set(SYS_IRQ_ACK, sys_irq_ack);
}
