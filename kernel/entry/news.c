/* The task that tells the news, the herald, exists while there are any.
 *
 *	CPU 0 (rmmod null)		CPU 1 (herald)
 *	queues "null: GONE", waits
 *					a notifier of another module: waits for ever
 *	a second is over: names it,
 *	goes on
 *	(rmmod of that module finds
 *	the herald inside, and names it)
 */
#include "entry/news.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "sched/wait.h"
#include "x86/clock.h"
#include "x86/console.h"

#define PATIENCE_NS NSEC_PER_SEC
#define NR_NEWS     64u

static struct wait_queue told = WAIT_QUEUE(told, "module news");
/* Under told.lock. Numbers begin at 1 and do not wrap. */
static struct piece { enum owner_state event; char name[MODULE_NAME_LEN]; } ring[NR_NEWS];
static u64 last_queued, last_taken;
static u64 last_told;
static bool herald_lives;

/* Its number; 0: there is no room. */
static u64 put(enum owner_state event, const char *name)
{
	u32 flags = spin_lock_irqsave(&told.lock);
	u64 number = 0;

	if (last_queued - last_taken < NR_NEWS) {
		struct piece *p = &ring[last_queued % NR_NEWS];
		p->event = event;
		strlcpy(p->name, name, sizeof(p->name));
		number = ++last_queued;
	}
	spin_unlock_irqrestore(&told.lock, flags);
	return number;
}

/* False: there is none, and the herald is gone from now on. */
static bool take(struct piece *out)
{
	u32 flags = spin_lock_irqsave(&told.lock);
	bool any = last_taken != last_queued;

	if (any)
		*out = ring[last_taken++ % NR_NEWS];
	else
		herald_lives = false;
	spin_unlock_irqrestore(&told.lock, flags);
	return any;
}

static void note_told(void)
{
	u32 flags = spin_lock_irqsave(&told.lock);

	last_told = last_taken;
	spin_unlock_irqrestore(&told.lock, flags);
	wake_all(&told);
}

static bool is_told(u64 number)
{
	u32 flags = spin_lock_irqsave(&told.lock);
	bool is = last_told >= number;

	spin_unlock_irqrestore(&told.lock, flags);
	return is;
}

static void herald(void *unused)
{
	struct piece p;

	(void)unused;
	while (take(&p)) {
		notifier_call(&module_chain, p.event, p.name);
		note_told();
	}
}

/* One at a time. */
static bool claim_herald(void)
{
	u32 flags = spin_lock_irqsave(&told.lock);
	bool mine = !herald_lives;

	herald_lives = true;
	spin_unlock_irqrestore(&told.lock, flags);
	return mine;
}

static void disclaim_herald(void)
{
	u32 flags = spin_lock_irqsave(&told.lock);

	herald_lives = false;
	spin_unlock_irqrestore(&told.lock, flags);
}

/* 0, or -ENOMEM: what is queued waits for the next news. */
static int start_herald(void)
{
	if (!claim_herald())
		return 0;
	struct task *t = task_create("herald", MAX(current->prio, (u32)PRIO_NORMAL), herald, NULL);
	if (IS_ERR(t)) {
		disclaim_herald();
		return PTR_ERR(t);
	}
	task_put(t);
	return 0;
}

void module_news(enum owner_state event, const char *name)
{
	char whose[sizeof_field(struct entry, name)];

	if (notifier_chain_is_empty(&module_chain))
		return;
	u64 number = put(event, name), until = clock_ns() + PATIENCE_NS;
	int err = start_herald();
	if (!number) {
		printk("%s: no notifier has heard that it has %s: %u events are queued; find the notifier that does not return\n", name,
		       event == OWNER_LIVE ? "come" : "gone", NR_NEWS);
	} else if (err) {
		printk("%s: no memory for the task that calls the notifiers that it has %s; they are called later\n", name,
		       event == OWNER_LIVE ? "come" : "gone");
	} else if (wait_event_core(&told, is_told(number), until)) {
		notifier_chain_calling(&module_chain, whose, sizeof(whose));
		printk("%s: notifiers are told later that it has %s: notifier %s has not returned\n",
		       name, event == OWNER_LIVE ? "come" : "gone", whose);
	}
}
