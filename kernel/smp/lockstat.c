/* Which spin locks CPUs wait for, by name: a table of its own lock, filled by spinlock.c. */
#include "smp/lockstat.h"
#include "lib/string.h"
#include "x86/atomic.h"
#include "x86/cpu.h"

bool lockstat_on;

static u32 table_lock;			/* not a spin lock, which would count itself */
static struct lockstat table[LOCKSTAT_MAX];	/* under table_lock; in order of first wait */
static u32 nr_names;
static struct longest_hold longest_hold;

static u32 lock_table(void)
{
	u32 flags = irq_save();

	while (atomic_xchg(&table_lock, 1u))
		cpu_relax();
	return flags;
}

static void unlock_table(u32 flags)
{
	store_release(&table_lock, 0u);
	irq_restore(flags);
}

/* Names are copied, since a wait queue's may lie in a module; so they are compared as they are kept. */
static bool is_called(const struct lockstat *s, const char *name)
{
	for (u32 i = 0; i < LOCKSTAT_NAME_LEN - 1; i++) {
		if (s->name[i] != name[i])
			return false;
		if (!name[i])
			return true;
	}
	return true;
}

/* Caller holds the table. */
static struct lockstat *entry_of(const char *name)
{
	for (u32 i = 0; i < nr_names; i++) {
		if (is_called(&table[i], name))
			return &table[i];
	}
	if (nr_names == LOCKSTAT_MAX)
		return &table[LOCKSTAT_MAX - 1];
	strlcpy(table[nr_names].name, nr_names == LOCKSTAT_MAX - 1 ? "others" : name, LOCKSTAT_NAME_LEN);
	return &table[nr_names++];
}

void lockstat_start(void)
{
	u32 flags = lock_table();

	memset(table, 0, sizeof(table));
	nr_names = 0;
	longest_hold = (struct longest_hold){ .cycles = 0 };
	unlock_table(flags);
	WRITE_ONCE(lockstat_on, true);
}

void lockstat_stop(void) { WRITE_ONCE(lockstat_on, false); }

static u32 capped(u64 cycles) { return cycles > ~0u ? ~0u : (u32)cycles; }

void lockstat_waited(const char *name, u64 cycles, u32 waiter, u32 holder)
{
	u32 flags = lock_table();
	struct lockstat *s = entry_of(name);

	s->waits++;
	if (capped(cycles) > s->longest) {
		s->longest = capped(cycles);
		s->waiter = waiter;
		s->holder = holder;
	}
	unlock_table(flags);
}

void lockstat_held(const char *name, u64 cycles, u32 holder)
{
	if (capped(cycles) <= READ_ONCE(longest_hold.cycles))
		return;
	u32 flags = lock_table();
	if (capped(cycles) > longest_hold.cycles) {
		strlcpy(longest_hold.name, name, LOCKSTAT_NAME_LEN);
		longest_hold.cycles = capped(cycles);
		longest_hold.holder = holder;
	}
	unlock_table(flags);
}

/* How many come before it: those waited for more often, and of the rest those with lower index. */
static u32 place_of_entry(u32 k)
{
	u32 before = 0;

	for (u32 i = 0; i < nr_names; i++)
		before += table[i].waits > table[k].waits || (table[i].waits == table[k].waits && i < k);
	return before;
}

bool lockstat_nth(u32 i, struct lockstat *out)
{
	u32 flags = lock_table();
	bool found = false;

	for (u32 k = 0; k < nr_names && !found; k++) {
		found = place_of_entry(k) == i;
		if (found)
			*out = table[k];
	}
	unlock_table(flags);
	return found;
}

struct longest_hold lockstat_longest_hold(void)
{
	u32 flags = lock_table();
	struct longest_hold h = longest_hold;

	unlock_table(flags);
	return h;
}
