#include "shell/users.h"
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "shell/waits.h"
#include "x86/clock.h"

#define ROUNDS_MAX 8

static bool pick_device(const struct users *u, struct prng *rng, char name[24])
{
	u32 n = 0;

	if (u->device[0]) {
		strlcpy(name, u->device, 24);
		return true;
	}
	while (chrdev_nth(n, name, 24, NULL, 0))
		n++;
	return n && chrdev_nth(prng_below(rng, n), name, 24, NULL, 0);
}

static void use_device(struct user *me, struct prng *rng, const char *name)
{
	u8 buf[32];

	struct file *f = file_open(name, FILE_NONBLOCK);
	if (IS_ERR(f)) {
		me->counts.refused++;
		sleep_interruptible_ns(prng_below(rng, 1000) * NSEC_PER_USEC);
		return;
	}
	me->counts.opens++;
	for (u32 i = prng_below(rng, ROUNDS_MAX) + 1; i; i--) {
		int n = prng_below(rng, 4) ? file_read(f, buf, sizeof(buf))
		                           : file_ioctl(f, 0, 0);
		me->counts.calls++;
		if (n == -ENODEV) {
			me->counts.cut_off++;
			break;
		}
	}
	file_close(f);
}

static void user_task(void *arg)
{
	struct user *me = arg;
	struct prng rng;
	char name[24];

	prng_seed(&rng, me->all->seed + me->index);
	while (!READ_ONCE(me->all->stop)) {
		if (pick_device(me->all, &rng, name))
			use_device(me, &rng, name);
		else
			sleep_interruptible_ns(NSEC_PER_MSEC);
		/* Now and then lie down, so that the tasks are not all running or
		 * runnable when an unload looks. */
		if (!prng_below(&rng, me->all->rests_in))
			sleep_interruptible_ns(prng_below(&rng, 500) * NSEC_PER_USEC);
	}
}

int users_start(struct users *u, u32 nr, const char *device, u32 seed, u32 rests_in)
{
	*u = (struct users){ .seed = seed, .rests_in = rests_in };
	strlcpy(u->device, device ? device : "", sizeof(u->device));
	for (u32 i = 0; i < MIN(nr, (u32)MAX_USERS); i++) {
		struct user *me = &u->user[i];
		char name[TASK_NAME_LEN];
		*me = (struct user){ .all = u, .index = i };
		snprintf(name, sizeof(name), "user/%u", i);
		struct task *t = task_create(name, PRIO_NORMAL, user_task, me);
		if (IS_ERR(t)) {
			users_stop(u);
			return PTR_ERR(t);
		}
		me->task = t;
		u->nr++;
	}
	return 0;
}

struct user_counts users_counts(const struct users *u)
{
	struct user_counts sum = { 0 };

	for (u32 i = 0; i < u->nr; i++) {
		const struct user_counts *c = &u->user[i].counts;
		sum.opens += c->opens;
		sum.calls += c->calls;
		sum.refused += c->refused;
		sum.cut_off += c->cut_off;
	}
	return sum;
}

struct user_counts users_stop(struct users *u)
{
	WRITE_ONCE(u->stop, true);
	for (u32 i = 0; i < u->nr; i++) {
		task_ask_stop(u->user[i].task);
		join_aloud("users", u->user[i].task);
		task_put(u->user[i].task);
	}
	struct user_counts sum = users_counts(u);
	u->nr = 0;
	return sum;
}
