/* Sync points. */
#include "sched/sync.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"

#define MAX_POINTS 16

struct point {
	/* Under points_lock. */
	char name[SYNC_NAME_LEN];	/* "": free */
	u32 hits_left, held, passed;
	u32 serial;			/* tells a re-armed point from the one that held somebody */
};

static struct spinlock points_lock = SPINLOCK_IRQ("sync points", RANK_DEVICE);
static struct point points[MAX_POINTS];
static u32 next_serial;			/* under points_lock */
static struct wait_queue changed = WAIT_QUEUE(changed, "sync point");

u32 sync_armed;

/* Caller holds points_lock. */
static struct point *find(const char *name)
{
	for (u32 i = 0; i < MAX_POINTS; i++) {
		if (points[i].name[0] && streq(points[i].name, name))
			return &points[i];
	}
	return NULL;
}

static bool is_armed(struct point *p, u32 serial)
{
	return READ_ONCE(p->serial) == serial;
}

/* May not sleep: spins, and answers other CPUs where interrupts cannot. */
static void spin_while_armed(struct point *p, u32 serial)
{
	while (is_armed(p, serial)) {
		if (!irqs_enabled())
			ipi_serve();
		cpu_relax();
	}
}

void sync_point_hit(const char *name)
{
	u32 serial = 0;
	u32 flags = spin_lock_irqsave(&points_lock);
	struct point *p = find(name);

	if (p && p->hits_left) {
		p->hits_left--;
		p->held++;
		serial = p->serial;
	} else if (p) {
		p->passed++;
	}
	spin_unlock_irqrestore(&points_lock, flags);
	if (!serial)
		return;
	wake_all(&changed);
	if (may_sleep())
		(void)wait_event_core(&changed, !is_armed(p, serial), WAIT_FOREVER);
	else
		spin_while_armed(p, serial);
}

int sync_hold(const char *name, u32 hits)
{
	int err = -ENOSPC;
	u32 flags = spin_lock_irqsave(&points_lock);

	if (find(name)) {
		err = -EEXIST;
	} else {
		for (u32 i = 0; i < MAX_POINTS && err; i++) {
			struct point *p = &points[i];
			if (p->name[0])
				continue;
			*p = (struct point){ .hits_left = hits, .serial = ++next_serial };
			strlcpy(p->name, name, sizeof(p->name));
			sync_armed++;
			err = 0;
		}
	}
	spin_unlock_irqrestore(&points_lock, flags);
	return err;
}

static bool somebody_held(const char *name)
{
	u32 flags = spin_lock_irqsave(&points_lock);
	struct point *p = find(name);
	bool held = p && p->held;

	spin_unlock_irqrestore(&points_lock, flags);
	return held;
}

int sync_wait_held(const char *name, u64 deadline)
{
	return wait_event_core(&changed, somebody_held(name), deadline);
}

/* Caller holds points_lock. */
static void disarm(struct point *p)
{
	p->name[0] = '\0';
	WRITE_ONCE(p->serial, 0);
	sync_armed--;
}

void sync_release(const char *name)
{
	u32 flags = spin_lock_irqsave(&points_lock);
	struct point *p = find(name);

	if (p)
		disarm(p);
	spin_unlock_irqrestore(&points_lock, flags);
	wake_all(&changed);
}

void sync_reset(void)
{
	u32 flags = spin_lock_irqsave(&points_lock);

	for (u32 i = 0; i < MAX_POINTS; i++) {
		if (points[i].name[0])
			disarm(&points[i]);
	}
	spin_unlock_irqrestore(&points_lock, flags);
	wake_all(&changed);
}

bool sync_nth(u32 i, struct sync_info *out)
{
	bool there = false;
	u32 flags = spin_lock_irqsave(&points_lock);

	for (u32 k = 0; k < MAX_POINTS && !there; k++) {
		const struct point *p = &points[k];
		if (!p->name[0] || i--)
			continue;
		*out = (struct sync_info){ .hits_left = p->hits_left, .held = p->held, .passed = p->passed };
		strlcpy(out->name, p->name, sizeof(out->name));
		there = true;
	}
	spin_unlock_irqrestore(&points_lock, flags);
	return there;
}
