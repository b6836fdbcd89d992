/* System calls of the console: what is written there, and the keyboard, which one process has
 * at a time. */
#include "lib/errno.h"
#include "mm/heap.h"
#include "shell/commands.h"
#include "user/syscall.h"
#include "user/uaccess.h"
#include "x86/bootinfo.h"
#include "x86/console.h"

#define PIECE 256u			/* of what is written, on the kernel's stack */

static int sys_console_write(struct regs *r)
{
	u32 from = r->esi, len = r->edi, done = 0;
	char piece[PIECE];
	int err = authority(r->ebx, AUTH_CONSOLE);

	if (!err && !user_range(from, len))
		err = -EFAULT;
	while (!err && done < len && !task_killed()) {
		u32 n = MIN(len - done, PIECE);
		err = copy_from_user(piece, from + done, n);
		if (!err)
			console_write(piece, n);
		done += n;
	}
	return err ? err : (int)MIN(done, len);
}

/* -- the keyboard ---------------------------------------------------------------------- */

/* Of each holder. The last one that still receives has the keyboard; the others get it back when it
 * ends:
 *
 *	shell			a program
 *	binds: has it
 *				binds: has it
 *	keys go there
 *				ends: its handles are closed
 *	is notified: keys that
 *	came since are its own */
struct keyboard {
	struct object object;
	struct list node;		/* of holders, the last to bind last; under holders_lock */
	/* Fixed. */
	struct endpoint *endpoint;	/* a reference */
	u32 bits, badge;
};

/* Taken before the lock of messages. */
static struct spinlock holders_lock = SPINLOCK_IRQ("console's listener", RANK_ENTRY);
static struct list holders = LIST_INIT(holders);

static bool listens(const struct keyboard *k) { return READ_ONCE(k->endpoint->receivers_left) != 0; }

/* Caller holds holders_lock. NULL: none. */
static struct keyboard *holder(void)
{
	struct keyboard *k, *last = NULL;

	list_for_each(k, &holders, node) {
		if (listens(k))
			last = k;
	}
	return last;
}

static void tell_holder(void)
{
	u32 flags = spin_lock_irqsave(&holders_lock);
	struct keyboard *k = holder();

	if (k)
		(void)ipc_notify(k->endpoint, k->bits, k->badge);
	spin_unlock_irqrestore(&holders_lock, flags);
}

static void keyboard_destroy(struct object *o)
{
	struct keyboard *k = container_of(o, struct keyboard, object);
	u32 flags = spin_lock_irqsave(&holders_lock);

	list_del(&k->node);
	spin_unlock_irqrestore(&holders_lock, flags);
	tell_holder();			/* keys may wait for it */
	object_put(&k->endpoint->object);
	kfree(k);
}

/* It cannot be given away: so it ends with the process that took it. */
static const struct object_kind keyboard_kind = {
	.name = "keyboard", .rights = RIGHT_READ, .destroy = keyboard_destroy,
};

static int sys_console_bind(struct regs *r)
{
	int err = authority(r->ebx, AUTH_KEYBOARD);
	struct endpoint *e;
	struct keyboard *k;
	struct handle h;
	u32 flags;

	if (err)
		return err;
	e = endpoint_to_notify(r->esi, r->edi, &h);
	if (IS_ERR(e))
		return PTR_ERR(e);
	k = kzalloc(sizeof(*k));
	if (!k) {
		object_put(&e->object);
		return -ENOMEM;
	}
	if (!boot_tsc_prompt)
		boot_tsc_prompt = rdtsc();
	object_init(&k->object, &keyboard_kind);
	k->endpoint = e;
	k->bits = r->edi;
	k->badge = h.badge;
	flags = spin_lock_irqsave(&holders_lock);
	list_add_tail(&holders, &k->node);
	spin_unlock_irqrestore(&holders_lock, flags);
	return handle_for(&k->object, RIGHTS_ALL);
}

/* One reader of the console's input at a time. */
static struct spinlock input_lock = SPINLOCK_IRQ("console's input", RANK_WAIT);

static int next_char(void)
{
	u32 flags = spin_lock_irqsave(&input_lock);
	int c = console_getc_nonblock();

	spin_unlock_irqrestore(&input_lock, flags);
	return c;
}

static bool has_keyboard(const struct object *k)
{
	u32 flags = spin_lock_irqsave(&holders_lock);
	struct keyboard *now = holder();

	spin_unlock_irqrestore(&holders_lock, flags);
	return now && &now->object == k;
}

static int sys_console_read(struct regs *r)
{
	u32 to = r->esi, len = r->edi, done = 0;
	bool polled = false;
	struct object *k = handle_get(current->user->handles, r->ebx, &keyboard_kind, RIGHT_READ, NULL);
	int err;

	if (IS_ERR(k))
		return PTR_ERR(k);
	/* What is taken must not be lost: look first whether it can be delivered. */
	err = len && !user_range(to, len) ? -EFAULT : 0;
	while (!err && done < len && has_keyboard(k)) {
		int c = next_char();
		if (c < 0 && !polled) {		/* it may lie in the port since the last tick */
			polled = true;
			console_poll_input();
			c = next_char();
		}
		u8 byte = (u8)c;
		if (c < 0)
			break;
		err = copy_to_user(to + done, &byte, 1);
		done++;
	}
	object_put(k);
	return err ? err : (int)done;
}

void console_init_syscalls(void)
{
	console_input_hook = tell_holder;
	syscall_set(SYS_CONSOLE_WRITE, sys_console_write);
	syscall_set(SYS_CONSOLE_READ, sys_console_read);
	syscall_set(SYS_CONSOLE_BIND, sys_console_bind);
}
