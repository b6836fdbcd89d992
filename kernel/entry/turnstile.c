#include "entry/turnstile.h"
#include "entry/device.h"

const struct turnstile *turnstile;

/* Caller holds registry_lock. */
static void count_anew(struct file *f, struct owner *o, const struct turnstile *ts)
{
	if (f->turnstile)
		f->turnstile->put(o);
	f->turnstile = ts && ts->get && ts->get(o) ? ts : NULL;
}

void turnstile_set(const struct turnstile *ts)
{
	u32 flags = spin_lock_irqsave(&registry_lock);
	struct chrdev *d;
	struct file *f;

	WRITE_ONCE(turnstile, ts);
	list_for_each(d, &devices, node)
		for_each_file_of(f, d)
			if (f->counted)
				count_anew(f, d->e.owner, ts);
	spin_unlock_irqrestore(&registry_lock, flags);
}
