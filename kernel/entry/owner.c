/* Whose code lies at an address, and the gate in front of a module that goes. */
#include "entry/owner.h"
#include "entry/device.h"
#include "lib/errno.h"
#include "x86/atomic.h"
#include "x86/panic.h"

struct spinlock registry_lock = SPINLOCK_IRQ("registry", RANK_ENTRY);

struct owner core_owner = {
	.name = "core",
	.state = OWNER_LIVE,
	.slot = MAX_OWNERS,
	.entries = LIST_INIT(core_owner.entries),
	.gate = WAIT_QUEUE(core_owner.gate, "core gate"),
};

/* owner_unregister() waits here for the last to leave a gate. */
static struct wait_queue gate_left = WAIT_QUEUE(gate_left, "gate left");

/* -- the table of ranges ----------------------------------------------------
 * Who asks owner_of() may hold any lock or none, and may be an interrupt
 * handler. So readers take no lock: they read a version, odd while a writer is
 * at work, and read again when it has moved. x86 keeps stores in order among
 * themselves, and loads likewise (Intel SDM vol. 3, 9.2.2), so only the compiler
 * has to be held back.
 *
 *   CPU 0 (owner_of)                  CPU 1 (registry_lock, interrupts off)
 *   version: 4
 *                                     version = 5
 *   range[2]: base of A               range[2] = B
 *   range[2]: owner B                 version = 6
 *   version: 6, not 4: once more
 */
struct range { u32 base, size; struct owner *owner; };

static struct range table[MAX_OWNERS];
static u32 table_used;
static u64 table_version aligned(8);	/* rises */

static void table_write_begin(void)
{
	ASSERT(spin_held(&registry_lock));
	(void)rising_next(&table_version);
}

static void table_write_end(void)
{
	(void)rising_next(&table_version);
}

static struct owner *table_find(u32 addr)
{
	u32 used = READ_ONCE(table_used);

	for (u32 i = 0; i < used; i++)
		if (addr - READ_ONCE(table[i].base) < READ_ONCE(table[i].size))
			return READ_ONCE(table[i].owner);
	return &core_owner;
}

struct owner *owner_of(u32 addr)
{
	struct owner *found;
	u64 version;

	do {
		while ((version = rising_read(&table_version)) & 1)
			cpu_relax();
		barrier();
		found = table_find(addr);
		barrier();
	} while (rising_read(&table_version) != version);
	return found;
}

static bool slot_taken[MAX_OWNERS];	/* under registry_lock */

static bool table_add(struct owner *o)
{
	if (table_used == MAX_OWNERS)
		return false;
	for (o->slot = 0; slot_taken[o->slot]; o->slot++)
		;
	slot_taken[o->slot] = true;
	table_write_begin();
	table[table_used++] = (struct range){ o->base, o->size, o };
	table_write_end();
	return true;
}

static void table_remove(struct owner *o)
{
	table_write_begin();
	for (u32 i = 0; i < table_used; i++)
		if (table[i].owner == o) {
			table[i] = table[--table_used];
			slot_taken[o->slot] = false;
			break;
		}
	table_write_end();
}

/* -- life ------------------------------------------------------------------- */

void owners_init(void)
{
	wait_gate = owner_gate_check;
}

int owner_register(struct owner *o)
{
	u32 flags;
	bool fits;

	o->state = OWNER_COMING;
	o->draining = false;
	o->exiting = NULL;
	o->gate_users = 0;
	o->nr_files = o->files_ended = 0;
	o->epoch = 0;
	o->refs = 1;
	o->marked = o->stays = false;
	list_init(&o->entries);
	wait_queue_init(&o->gate, "module gate");

	flags = spin_lock_irqsave(&registry_lock);
	fits = table_add(o);
	spin_unlock_irqrestore(&registry_lock, flags);
	return fits ? 0 : -ENOSPC;
}

/* Caller holds registry_lock. */
static void change_state(struct owner *o, enum owner_state s)
{
	bool was_going = o->state == OWNER_GOING;
	bool is_going = s == OWNER_GOING;

	WRITE_ONCE(o->state, s);
	WRITE_ONCE(wait_gate_active, wait_gate_active + is_going - was_going);
	wake_all(&o->gate);
}

void owner_set_state(struct owner *o, enum owner_state s)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	change_state(o, s);
	spin_unlock_irqrestore(&registry_lock, flags);
}

void owner_set_draining(struct owner *o, bool on)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	WRITE_ONCE(o->draining, on);
	wake_all(&o->gate);
	spin_unlock_irqrestore(&registry_lock, flags);
}

void owner_set_marked(struct owner *o, bool on)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	WRITE_ONCE(o->marked, on);
	wake_all(&o->gate);
	spin_unlock_irqrestore(&registry_lock, flags);
}

void owner_set_exiting(struct owner *o, struct task *t)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	WRITE_ONCE(o->exiting, t);
	spin_unlock_irqrestore(&registry_lock, flags);
}

void owner_unregister(struct owner *o)
{
	u32 flags;

	ASSERT(may_sleep());
	flags = spin_lock_irqsave(&registry_lock);
	ASSERT(list_empty(&o->entries));
	change_state(o, OWNER_GONE);
	table_remove(o);
	spin_unlock_irqrestore(&registry_lock, flags);

	(void)wait_event_core(&gate_left, !READ_ONCE(o->gate_users), WAIT_FOREVER);
	/* Whoever took the count to zero may hold the lock still. */
	flags = spin_lock_irqsave(&registry_lock);
	spin_unlock_irqrestore(&registry_lock, flags);
}

/* -- the seal --------------------------------------------------------------- */

void owner_raise_epoch(struct owner *o)
{
	(void)rising_next(&o->epoch);
}

bool owner_hold_back(struct owner *o)
{
	if (READ_ONCE(o->exiting) == current)
		return false;
	owner_raise_epoch(o);
	return true;
}

/* Whoever may still go in while the module is GOING (file_close() does) raises
 * the epoch under the same lock, so it comes either before the commit, which
 * then fails, or after it, and sees GONE. Those who are held back need no lock:
 * what they leave behind is a wish in a record of the core. */
bool owner_commit_gone(struct owner *o, u64 epoch)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	bool same = owner_epoch(o) == epoch;

	ASSERT(o->state == OWNER_GOING);
	if (same)
		change_state(o, OWNER_GONE);
	spin_unlock_irqrestore(&registry_lock, flags);
	return same;
}

/* -- the gate --------------------------------------------------------------- */

void owner_gate_enter(struct owner *o)
{
	ASSERT(spin_held(&registry_lock));
	o->gate_users++;
}

void owner_gate_leave_locked(struct owner *o)
{
	ASSERT(spin_held(&registry_lock));
	WRITE_ONCE(o->gate_users, o->gate_users - 1);
	if (!o->gate_users)
		wake_all(&gate_left);
}

void owner_gate_leave(struct owner *o)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	owner_gate_leave_locked(o);
	spin_unlock_irqrestore(&registry_lock, flags);
}

static bool signalled;			/* under registry_lock; read without */

void owners_signal_sleepers(bool on)
{
	u32 flags = spin_lock_irqsave(&registry_lock);

	if (signalled != on)
		WRITE_ONCE(wait_gate_active, wait_gate_active + (on ? 1 : -1));
	WRITE_ONCE(signalled, on);
	spin_unlock_irqrestore(&registry_lock, flags);
	if (on)
		for (u32 i = 0; i < READ_ONCE(table_used); i++)
			wait_recheck_range(READ_ONCE(table[i].base), READ_ONCE(table[i].size));
}

int owner_gate_check(u32 caller)
{
	/* Stable: the caller sleeps in that module, or is the core. */
	struct owner *o = owner_of(caller);

	if (file_call_is_cut())
		return -ENODEV;
	if (READ_ONCE(signalled) && o != &core_owner && !current->owner)
		return -EINTR;
	if (READ_ONCE(o->state) != OWNER_GOING || READ_ONCE(o->exiting) == current)
		return 0;
	return -ENODEV;
}
