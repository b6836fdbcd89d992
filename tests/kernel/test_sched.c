/* The scheduler, on as many CPUs as there are. */
#include "lib/prng.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "sched/ktimer.h"
#include "sched/mutex.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/on_cpu.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"

#define PATIENCE (30 * NSEC_PER_SEC)	/* emulators are slow, and hosts busy */

static u64 in_a_while(void) { return clock_ns() + PATIENCE; }

/* Sleeps until `cond` holds or patience ends; true when it holds. */
#define holds_soon(cond) ({                                                     \
	u64 end_ = in_a_while();                                                \
	while (!(cond) && !clock_passed(end_))                                  \
		sleep_ms(1);                                                    \
	(cond); })

static int finish(struct task *t)
{
	int err = task_join(t, in_a_while());

	if (err)
		printk("task %u (%s) does not end\n", t->id, t->name);
	task_put(t);
	return err;
}

static u32 last_cpu(void) { return nr_cpus - 1; }

/* -- waiting and waking -------------------------------------------------------------- */

#define ROUNDS    100000u
#define AT_LEAST  50u
#define LONG_ENOUGH (4 * NSEC_PER_SEC)	/* where a wake-up takes the host's scheduler a while */

struct table {
	struct wait_queue queue;
	u32 turn;
	bool over;			/* set by player 1, in its turn */
	u64 end;
	u32 played[2];
	int err[2];
};

struct player { struct table *table; u32 me; };

static void play(void *arg)
{
	struct player *p = arg;
	struct table *t = p->table;
	u32 me = p->me;

	while (!t->err[me] && !READ_ONCE(t->over)) {
		t->err[me] = wait_event_timeout(&t->queue, READ_ONCE(t->turn) % 2 == me, PATIENCE);
		t->played[me]++;
		if (me == 1 && (t->played[1] == ROUNDS || (t->played[1] >= AT_LEAST && clock_passed(t->end))))
			WRITE_ONCE(t->over, true);
		atomic_add(&t->turn, 1);
		wake_all(&t->queue);
	}
}

static int play_on(u32 cpu0, u32 cpu1)
{
	static struct table t;
	struct player player[2] = { { &t, 0 }, { &t, 1 } };
	struct task *a, *b;

	t = (struct table){ .end = clock_ns() + LONG_ENOUGH };
	wait_queue_init(&t.queue, "ball");
	a = task_create_on(cpu0, "ping", PRIO_NORMAL, play, &player[0]);
	CHECK(!IS_ERR(a));
	b = task_create_on(cpu1, "pong", PRIO_NORMAL, play, &player[1]);
	CHECK(!IS_ERR(b));
	CHECK(!finish(b) && !finish(a));
	CHECK(!t.err[0] && !t.err[1]);
	CHECK(t.played[1] >= AT_LEAST && t.played[0] - t.played[1] <= 1);
	return 0;
}

int test_sched_ping_pong_across_cpus(void)
{
	return play_on(0, last_cpu());
}

int test_sched_ping_pong_on_one_cpu(void)
{
	return play_on(last_cpu(), last_cpu());
}

/* Wake-ups that come together with time-outs: the condition decides, never both. */
struct letterbox {
	struct wait_queue queue;
	u32 letters;
	bool closed;
	u32 received, timeouts;
};

static bool take_letter(struct letterbox *b)
{
	u32 n = READ_ONCE(b->letters);

	while (n && !atomic_cmpxchg(&b->letters, n, n - 1))
		n = READ_ONCE(b->letters);
	return n != 0;
}

static void receive(void *arg)
{
	struct letterbox *b = arg;
	bool got = false;

	while (!READ_ONCE(b->closed) || READ_ONCE(b->letters)) {
		int err = wait_event_timeout(&b->queue, (got = take_letter(b)) || READ_ONCE(b->closed),
		                             20 * NSEC_PER_USEC);
		if (got)
			atomic_add(&b->received, 1);
		else if (err)
			atomic_add(&b->timeouts, 1);
		got = false;
	}
}

int test_sched_wakeups_meet_timeouts(void)
{
	static struct letterbox b;
	struct task *t[4];
	struct prng prng;
	u32 sent = 3000;

	b = (struct letterbox){ 0 };
	wait_queue_init(&b.queue, "letter");
	prng_seed(&prng, 7);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = task_create_on(i % nr_cpus, "receiver", PRIO_NORMAL, receive, &b);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < sent; i++) {
		atomic_add(&b.letters, 1);
		wake_one(&b.queue);
		delay_us(prng_below(&prng, 40));
		if (i % 16 == 0)
			yield();
	}
	WRITE_ONCE(b.closed, true);
	wake_all(&b.queue);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		CHECK(!finish(t[i]));
	CHECK(b.received == sent && b.letters == 0);
	return 0;
}

struct sleeper {
	struct wait_queue *queue;
	u32 kind;
	volatile bool ready;
	int err;
};

enum { WAIT_EVENT, WAIT_CORE, WAIT_SLEEP, WAIT_MUTEX, NR_WAITS };

static struct mutex asked = MUTEX(asked, "asked");
static bool taken_in_interrupt;

static void try_in_interrupt(void *unused, const struct regs *regs, u32 sp)
{
	(void)unused, (void)regs, (void)sp;
	taken_in_interrupt = mutex_trylock(&asked);
}

/* The task that is interrupted would be its owner, or an idle task. */
int test_mutex_in_an_interrupt(void)
{
	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	preempt_disable();
	cpumask_t silent = smp_call(cpus_others(), try_in_interrupt, NULL, NSEC_PER_SEC);
	preempt_enable();
	CHECK(!silent && !taken_in_interrupt && !asked.owner);
	CHECK(mutex_trylock(&asked));
	mutex_unlock(&asked);
	return 0;
}

static struct mutex bed = MUTEX(bed, "bed");
static bool may_rise;

static noinline void sleep_in_some_way(void *arg)
{
	struct sleeper *s = arg;

	s->ready = true;
	switch (s->kind) {
	case WAIT_EVENT:
		s->err = wait_event(s->queue, READ_ONCE(may_rise));
		break;
	case WAIT_CORE:
		s->err = wait_event_core(s->queue, READ_ONCE(may_rise), WAIT_FOREVER);
		break;
	case WAIT_SLEEP:
		s->err = sleep_interruptible_ns(3600 * NSEC_PER_SEC);
		break;
	case WAIT_MUTEX:
		s->err = mutex_lock_interruptible(&bed);
		if (!s->err)
			mutex_unlock(&bed);
	}
}

/* Each way to sleep, disturbed by disturb(t): only core waits go on. */
static int check_disturbed(void (*disturb)(struct task *t), int expected)
{
	static struct wait_queue queue;
	static struct sleeper s;
	int err = 0;

	wait_queue_init(&queue, "disturbed");
	may_rise = false;
	mutex_lock(&bed);
	for (u32 kind = 0; kind < NR_WAITS && !err; kind++) {
		s = (struct sleeper){ .queue = &queue, .kind = kind };
		struct task *t = task_create("sleeper", PRIO_NORMAL, sleep_in_some_way, &s);
		CHECK(!IS_ERR(t));
		(void)holds_soon(s.ready && READ_ONCE(t->state) != TASK_RUNNABLE);
		disturb(t);
		if (kind == WAIT_CORE) {
			if (!task_join(t, clock_ns() + 20 * NSEC_PER_MSEC))
				err = -EIO;
			WRITE_ONCE(may_rise, true);
			wake_all(&queue);
		}
		if (finish(t) || s.err != (kind == WAIT_CORE ? 0 : expected))
			err = -EIO;
		if (err)
			printk("a sleeper of kind %u ended with %d\n", kind, s.err);
		may_rise = false;
	}
	mutex_unlock(&bed);
	return err;
}

static void kill_it(struct task *t) { (void)task_kill(t); }

int test_sched_kill_ends_sleep(void) { return check_disturbed(kill_it, -EINTR); }
int test_sched_stop_ends_sleep(void) { return check_disturbed(task_ask_stop, -EINTR); }

/* The callers of the waits in sleep_in_some_way() stand in for a module. */
static bool gate_closed;

static bool behind_gate(u32 caller)
{
	return caller - (u32)sleep_in_some_way < 1024;
}

static int test_gate(u32 caller)
{
	return READ_ONCE(gate_closed) && behind_gate(caller) ? -ENODEV : 0;
}

static void close_gate(struct task *t)
{
	(void)t;
	WRITE_ONCE(gate_closed, true);
	atomic_add(&wait_gate_active, 1);
	wait_recheck_range((u32)sleep_in_some_way, 1024);
}

static void close_gate_once(struct task *t)
{
	if (!gate_closed)
		close_gate(t);
	else
		wait_recheck_range((u32)sleep_in_some_way, 1024);
}

int test_sched_gate_ends_sleep(void)
{
	int (*gate)(u32 caller) = wait_gate;
	int err;

	gate_closed = false;
	wait_gate = test_gate;
	err = check_disturbed(close_gate_once, -ENODEV);
	if (gate_closed)
		atomic_sub(&wait_gate_active, 1);
	gate_closed = false;
	wait_gate = gate;
	return err;
}

/* -- birth and death ---------------------------------------------------------------- */

#define MANY 1000

static u32 born;

static void be_born(void *arg)
{
	if ((u32)arg % 3 == 0)
		sleep_ms(1);
	atomic_add(&born, 1);
}

/* Frames that are somebody's: those that caches keep do not count. */
static u32 frames_owned(void)
{
	return frame_total() - frame_available() - heap_frames() - stack_frames() - kmap_table_frames();
}

int test_sched_thousand_tasks(void)
{
	struct task **t = kmalloc(MANY * sizeof(*t));
	u32 blocks = heap_used_blocks(), frames = frames_owned(), tasks = READ_ONCE(nr_tasks);
	u32 stacks = stacks_in_use();

	CHECK(t);
	born = 0;
	for (u32 i = 0; i < MANY; i++) {
		t[i] = task_create("one-of-many", PRIO_NORMAL, be_born, (void *)i);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < MANY; i++)
		CHECK(!finish(t[i]));
	CHECK(born == MANY);
	/* The last to die may still be on its way to the heap, on another CPU. */
	CHECK(holds_soon(heap_used_blocks() <= blocks && READ_ONCE(nr_tasks) <= tasks));
	CHECK(frames_owned() == frames && stacks_in_use() == stacks);
	kfree(t);
	return 0;
}

int test_sched_join_times_out(void)
{
	static struct wait_queue queue;
	static struct sleeper s;
	struct task *t, *found;

	wait_queue_init(&queue, "late");
	may_rise = false;
	s = (struct sleeper){ .queue = &queue, .kind = WAIT_EVENT };
	t = task_create("late", PRIO_NORMAL, sleep_in_some_way, &s);
	CHECK(!IS_ERR(t));
	CHECK(task_join(t, clock_ns() + NSEC_PER_MSEC) == -ETIMEDOUT);
	CHECK(!task_is_dead(t));
	found = task_find(t->id);
	CHECK(found == t);
	task_put(found);
	WRITE_ONCE(may_rise, true);
	wake_all(&queue);
	CHECK(!task_join(t, in_a_while()) && task_is_dead(t));
	CHECK(!task_join(t, 0));		/* again, and long past */
	CHECK(streq(task_state_name(t), "zombie"));
	task_put(t);
	return 0;
}

/* -- time -------------------------------------------------------------------------- */

#define SLEEPERS 12

static u32 rise_order[SLEEPERS], risen;
static u64 rise_base;

static struct wait_queue dreams = WAIT_QUEUE(dreams, "morning");

struct early_bird { u32 rank; bool early, overslept; };

static void rise(void *arg)
{
	struct early_bird *b = arg;
	u64 when = rise_base + (b->rank + 1) * 2 * NSEC_PER_MSEC, now = clock_ns();

	b->overslept = now >= when;
	/* Until then, and not for so long: the host may stand still before it is reckoned. */
	(void)wait_event_core(&dreams, false, when);
	b->early = clock_ns() < when;
	rise_order[risen++] = b->rank;		/* all on one CPU, each at a priority of its own */
}

/* True: all went to bed in time, as they do unless the host stood still. The order in
 * which they rise must not depend on where a time slice happens to end: who is due
 * first has the higher priority. */
static int rise_once(struct early_bird *bird, u64 head_start, bool *in_time)
{
	struct task *t[SLEEPERS];

	risen = 0;
	*in_time = true;
	rise_base = clock_ns() + head_start;
	for (u32 i = 0; i < SLEEPERS; i++) {
		u32 rank = i * 5 % SLEEPERS;

		bird[i] = (struct early_bird){ .rank = rank };
		t[i] = task_create_on(last_cpu(), "bird", PRIO_NORMAL + SLEEPERS - 1 - rank, rise, &bird[i]);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < SLEEPERS; i++)
		CHECK(!finish(t[i]));
	CHECK(risen == SLEEPERS);
	for (u32 i = 0; i < SLEEPERS; i++)
		*in_time = *in_time && !bird[i].overslept;
	return 0;
}

int test_sched_sleepers_rise_in_order(void)
{
	static struct early_bird bird[SLEEPERS];
	u64 head_start = 50 * NSEC_PER_MSEC;
	bool in_time;

	do {
		CHECK(!rise_once(bird, head_start, &in_time));
		head_start *= 2;
	} while (!in_time && head_start < 4 * NSEC_PER_SEC);
	CHECK(in_time);
	for (u32 i = 0; i < SLEEPERS; i++)
		CHECK(rise_order[i] == i && !bird[i].early);
	return 0;
}

/* One side arms, the other cancels; after ktimer_cancel_sync() the function is
 * neither running nor will it run. */
struct fuse {
	struct ktimer timer;
	struct spinlock lock;
	bool forbidden;			/* under lock */
	u32 fired, too_late;
	volatile bool running, stop;
};

static void blow(struct ktimer *k)
{
	struct fuse *f = container_of(k, struct fuse, timer);

	f->running = true;
	if (READ_ONCE(f->forbidden))
		f->too_late++;
	f->fired++;
	delay_us(3);
	f->running = false;
}

static void light(void *arg)
{
	struct fuse *f = arg;
	struct prng prng;

	prng_seed(&prng, 1);
	while (!f->stop) {
		u32 flags = spin_lock_irqsave(&f->lock);
		if (!f->forbidden)
			ktimer_arm(&f->timer, clock_ns() + prng_below(&prng, 20000));
		spin_unlock_irqrestore(&f->lock, flags);
		delay_us(prng_below(&prng, 20));
	}
}

static void forbid(struct fuse *f, bool on)
{
	u32 flags = spin_lock_irqsave(&f->lock);

	WRITE_ONCE(f->forbidden, on);
	spin_unlock_irqrestore(&f->lock, flags);
}

static bool put_out(struct fuse *f)
{
	bool clean;

	/* No more arming, but what was armed may still fire: so not yet forbidden to it. */
	u32 flags = spin_lock_irqsave(&f->lock);
	ktimer_cancel_sync(&f->timer);
	clean = !f->running;
	WRITE_ONCE(f->forbidden, true);
	spin_unlock_irqrestore(&f->lock, flags);
	delay_us(30);
	clean = clean && !f->running && !f->too_late;
	forbid(f, false);
	return clean;
}

int test_sched_timer_cancel_race(void)
{
	static struct fuse f;
	bool clean = true;
	struct task *t;

	f = (struct fuse){ 0 };
	spin_init(&f.lock, "fuse", RANK_ENTRY, true);
	ktimer_init(&f.timer, blow);
	t = task_create_on(last_cpu(), "lighter", PRIO_NORMAL, light, &f);
	CHECK(!IS_ERR(t));
	for (u32 i = 0; i < 1000 && clean; i++) {
		clean = put_out(&f);
		sleep_ns(100 * NSEC_PER_USEC);
	}
	f.stop = true;
	CHECK(!finish(t));
	ktimer_cancel_sync(&f.timer);
	CHECK(clean);
	CHECK(f.fired);
	return 0;
}

/* -- sharing the CPUs ----------------------------------------------------------------- */

struct spinner {
	volatile u32 count;
	u32 cpus_seen[2];		/* a mask in two words, each one access */
	volatile bool stop;
};

static void spin(void *arg)
{
	struct spinner *s = arg;

	while (!s->stop) {
		u32 cpu = this_cpu_read(id);
		WRITE_ONCE(s->cpus_seen[cpu / 32], s->cpus_seen[cpu / 32] | 1u << (cpu % 32));
		WRITE_ONCE(s->count, s->count + 1);
		cpu_relax();
	}
}

static cpumask_t cpus_seen(const struct spinner *s)
{
	return READ_ONCE(s->cpus_seen[0]) | (cpumask_t)READ_ONCE(s->cpus_seen[1]) << 32;
}

static int stop_spinner(struct spinner *s, struct task *t)
{
	s->stop = true;
	return finish(t);
}

static bool runs(const struct spinner *s)
{
	u32 before = s->count;

	return holds_soon(s->count != before);
}

int test_sched_preempts_spinner(void)
{
	static struct spinner s;
	static struct early_bird b;
	struct task *t, *urgent;

	s = (struct spinner){ 0 };
	t = task_create_on(last_cpu(), "spinner", PRIO_LOW, spin, &s);
	CHECK(!IS_ERR(t));
	CHECK(runs(&s));
	risen = 0;
	rise_base = clock_ns();
	b = (struct early_bird){ .rank = 0 };
	urgent = task_create_on(last_cpu(), "urgent", PRIO_LOW + 1, rise, &b);
	CHECK(!IS_ERR(urgent));
	CHECK(!finish(urgent));			/* although the other never yields */
	CHECK(runs(&s));
	CHECK(!stop_spinner(&s, t));
	return 0;
}

/* Preempted when its state says already that it sleeps, but before it has set up
 * what would wake it: it must come back by itself. */
static void nod_off(void *other)
{
	struct spinner *s = other;
	u32 before = s->count;

	WRITE_ONCE(current->state, TASK_SLEEPING);
	while (s->count == before)
		cpu_relax();
	WRITE_ONCE(current->state, TASK_RUNNABLE);
}

int test_sched_preempted_on_its_way_to_sleep(void)
{
	static struct spinner s;
	struct task *other, *t;
	int err;

	s = (struct spinner){ 0 };
	other = task_create_on(last_cpu(), "spinner", PRIO_LOW, spin, &s);
	CHECK(!IS_ERR(other));
	t = task_create_on(last_cpu(), "sleepy", PRIO_LOW, nod_off, &s);
	CHECK(!IS_ERR(t));
	err = task_join(t, in_a_while());
	if (err)
		wake_task(t);		/* so that the next test has the machine for itself */
	CHECK(!finish(t));
	CHECK(!stop_spinner(&s, other));
	CHECK(!err);
	return 0;
}

int test_sched_equals_take_turns(void)
{
	static struct spinner s[3];
	struct task *t[3];

	memset(s, 0, sizeof(s));
	for (u32 i = 0; i < 3; i++) {
		t[i] = task_create_on(last_cpu(), "spinner", PRIO_LOW, spin, &s[i]);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < 9; i++)
		CHECK(runs(&s[i % 3]));
	for (u32 i = 0; i < 3; i++)
		CHECK(!stop_spinner(&s[i], t[i]));
	return 0;
}

int test_sched_priority_can_change(void)
{
	static struct spinner low, high;
	struct task *l, *h;
	u32 before;

	low = high = (struct spinner){ 0 };
	h = task_create_on(last_cpu(), "high", PRIO_LOW, spin, &high);
	CHECK(!IS_ERR(h));
	l = task_create_on(last_cpu(), "low", PRIO_LOW - 1, spin, &low);
	CHECK(!IS_ERR(l));
	CHECK(runs(&high));
	before = low.count;
	sleep_ms(30);
	CHECK(low.count == before);		/* starves, being less urgent */
	task_set_prio(l, PRIO_LOW + 1);		/* in the queue */
	CHECK(runs(&low));
	before = high.count;
	sleep_ms(30);
	CHECK(high.count == before);
	task_set_prio(l, PRIO_LOW - 1);		/* running */
	CHECK(runs(&high));
	before = low.count;
	sleep_ms(30);
	CHECK(low.count == before);
	CHECK(!stop_spinner(&high, h));
	CHECK(!stop_spinner(&low, l));
	return 0;
}

int test_sched_balances(void)
{
	static struct spinner s[NR_CPUS];
	struct task *t[NR_CPUS];
	cpumask_t seen = 0;
	u64 end;

	memset(s, 0, sizeof(s));
	for (u32 i = 0; i < nr_cpus; i++) {
		/* All come into the world here, and are free to leave. */
		t[i] = task_create_stopped("busy", PRIO_LOW, spin, &s[i]);
		CHECK(!IS_ERR(t[i]));
		task_start(t[i]);
	}
	end = in_a_while();
	while (seen != cpus_online && !clock_passed(end)) {
		sleep_ms(5);
		for (u32 i = 0; i < nr_cpus; i++)
			seen |= cpus_seen(&s[i]);
	}
	for (u32 i = 0; i < nr_cpus; i++)
		CHECK(!stop_spinner(&s[i], t[i]));
	CHECK(seen == cpus_online);
	return 0;
}

/* A CPU that is full of work gives some of it away. */
int test_sched_pulls_from_busy_cpu(void)
{
	static struct spinner s[4];
	struct task *t[4];

	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	memset(s, 0, sizeof(s));
	for (u32 i = 0; i < ARRAY_SIZE(s); i++) {
		t[i] = task_create_on(last_cpu(), "crowd", PRIO_LOW, spin, &s[i]);
		CHECK(!IS_ERR(t[i]));
	}
	CHECK(runs(&s[0]));
	for (u32 i = 0; i < ARRAY_SIZE(s); i++)
		task_set_affinity(t[i], ~0ull);
	CHECK(holds_soon((cpus_seen(&s[0]) | cpus_seen(&s[1]) | cpus_seen(&s[2]) |
	                  cpus_seen(&s[3])) & ~CPU_BIT(last_cpu())));
	for (u32 i = 0; i < ARRAY_SIZE(s); i++)
		CHECK(!stop_spinner(&s[i], t[i]));
	return 0;
}

int test_sched_affinity_moves_tasks(void)
{
	static struct spinner s[2];
	struct task *t[2];
	cpumask_t before = current->affinity;

	if (nr_cpus < 2)
		return KTEST_SKIPPED;
	memset(s, 0, sizeof(s));
	for (u32 i = 0; i < 2; i++) {		/* one runs, one is queued */
		t[i] = task_create_on(0, "nomad", PRIO_LOW, spin, &s[i]);
		CHECK(!IS_ERR(t[i]));
	}
	CHECK(runs(&s[0]) && runs(&s[1]));
	for (u32 i = 0; i < 2; i++)
		task_set_affinity(t[i], CPU_BIT(last_cpu()));
	for (u32 i = 0; i < 2; i++)
		CHECK(holds_soon(cpus_seen(&s[i]) & CPU_BIT(last_cpu())));
	for (u32 i = 0; i < 2; i++)
		CHECK(!stop_spinner(&s[i], t[i]));

	for (u32 i = 0; i < 200; i++) {		/* and who asks it of itself */
		task_set_affinity(current, CPU_BIT(i % nr_cpus));
		yield();
		CHECK(this_cpu_read(id) == i % nr_cpus);
	}
	task_set_affinity(current, before);
	return 0;
}

/* -- mutexes ------------------------------------------------------------------------------ */

#define LOCKINGS 2000

static struct { struct mutex mutex; u32 inside, count, wrong; } shared;

static void lock_often(void *arg)
{
	struct prng prng;

	prng_seed(&prng, (u32)arg);
	for (u32 i = 0; i < LOCKINGS; i++) {
		mutex_lock(&shared.mutex);
		if (shared.inside++ || !mutex_held(&shared.mutex))
			shared.wrong++;
		u32 n = shared.count;
		if (prng_below(&prng, 8) == 0)
			yield();
		shared.count = n + 1;
		shared.inside--;
		mutex_unlock(&shared.mutex);
	}
}

int test_sched_mutex_excludes(void)
{
	struct task *t[2 * NR_CPUS];
	u32 nr = 2 * nr_cpus;

	memset(&shared, 0, sizeof(shared));
	mutex_init(&shared.mutex, "shared");
	for (u32 i = 0; i < nr; i++) {
		t[i] = task_create_on(i % nr_cpus, "locker", PRIO_NORMAL, lock_often, (void *)i);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 0; i < nr; i++)
		CHECK(!finish(t[i]));
	CHECK(!shared.wrong && shared.count == nr * LOCKINGS);
	CHECK(mutex_trylock(&shared.mutex));
	mutex_unlock(&shared.mutex);
	return 0;
}

/* low holds A; middle holds B and wants A; high wants B; on the same CPU somebody
 * more urgent than low and middle never rests. Without inheritance along the chain
 * low would never go on. */
/* An unlock wakes a waiter that is interrupted at the same time: the next one must be woken in its place.
 *
 *	owner			impatient (first)		patient
 *							waits
 *				listed
 *	unlocks: wakes it
 *				interrupted: gives up,
 *				wakes the next
 *							has the mutex
 */
static struct mutex wanted = MUTEX(wanted, "wanted");
static volatile int impatient_got, patient_got;

static void impatient(void *unused)
{
	(void)unused;
	impatient_got = mutex_lock_interruptible(&wanted);
}

static void patient(void *unused)
{
	(void)unused;
	mutex_lock(&wanted);
	patient_got = 0;
	mutex_unlock(&wanted);
}

static int hand_over(void)
{
	impatient_got = patient_got = 1;
	mutex_lock(&wanted);
	struct task *second = task_create("patient", PRIO_NORMAL, patient, NULL);
	CHECK(!IS_ERR(second) && holds_soon(READ_ONCE(second->state) == TASK_BLOCKED && !READ_ONCE(second->on_rq)));
	CHECK(!sync_hold_how("mutex:queued", 1, (struct sync_how){ .spins = true }));
	struct task *first = task_create_on(last_cpu(), "impatient", PRIO_HIGH, impatient, NULL);
	CHECK(!IS_ERR(first) && !sync_wait_held("mutex:queued", in_a_while()));
	task_kill(first);
	mutex_unlock(&wanted);
	sync_release("mutex:queued");
	CHECK(!finish(first) && impatient_got == -EINTR);
	CHECK(!finish(second) && patient_got == 0);
	return 0;
}

int test_sched_mutex_wakes_the_next(void)
{
	int err = ON_CPU(0, 2, hand_over());		/* a held task keeps the last one */

	sync_reset();
	return err;
}

static struct mutex mutex_a = MUTEX(mutex_a, "a"), mutex_b = MUTEX(mutex_b, "b");
static volatile bool low_has_a, middle_has_b, low_may_go, high_is_done;

static void chain_low(void *unused)
{
	(void)unused;
	mutex_lock(&mutex_a);
	low_has_a = true;
	while (!low_may_go)
		cpu_relax();
	mutex_unlock(&mutex_a);
}

static void chain_middle(void *unused)
{
	(void)unused;
	mutex_lock(&mutex_b);
	middle_has_b = true;
	mutex_lock(&mutex_a);
	mutex_unlock(&mutex_a);
	mutex_unlock(&mutex_b);
}

static void chain_high(void *unused)
{
	(void)unused;
	mutex_lock(&mutex_b);
	high_is_done = true;
	mutex_unlock(&mutex_b);
}

int test_sched_priority_is_inherited(void)
{
	static struct spinner s;
	struct task *low, *middle, *high, *busy;
	u32 cpu = last_cpu();

	low_has_a = middle_has_b = low_may_go = high_is_done = false;
	low = task_create_on(cpu, "low", 2, chain_low, NULL);
	CHECK(!IS_ERR(low) && holds_soon(low_has_a));
	middle = task_create_on(cpu, "middle", 3, chain_middle, NULL);
	CHECK(!IS_ERR(middle) && holds_soon(middle_has_b && READ_ONCE(middle->state) == TASK_BLOCKED));
	CHECK(holds_soon(READ_ONCE(low->prio) == 3));	/* it says that it waits, then lends */
	s = (struct spinner){ 0 };
	busy = task_create_on(cpu, "busy", 4, spin, &s);
	CHECK(!IS_ERR(busy) && runs(&s));
	low_may_go = true;
	high = task_create_on(cpu, "high", 5, chain_high, NULL);
	CHECK(!IS_ERR(high));
	bool done = holds_soon(high_is_done);
	CHECK(!stop_spinner(&s, busy));
	CHECK(!finish(low) && !finish(middle) && !finish(high));
	CHECK(done);
	return 0;
}

int test_sched_priority_is_given_back(void)
{
	struct task *low, *high;
	u32 lent;

	low_has_a = low_may_go = high_is_done = false;
	low = task_create_on(last_cpu(), "low", 2, chain_low, NULL);
	CHECK(!IS_ERR(low) && holds_soon(low_has_a));
	mutex_lock(&mutex_b);
	high = task_create("waits-for-b", 5, chain_high, NULL);
	CHECK(!IS_ERR(high) && holds_soon(READ_ONCE(high->state) == TASK_BLOCKED));
	lent = current->prio;
	CHECK(lent >= 5);
	mutex_unlock(&mutex_b);
	CHECK(!finish(high));
	CHECK(current->prio == current->base_prio);
	low_may_go = true;
	CHECK(!finish(low));
	return 0;
}

/* -- sync points ---------------------------------------------------------------------------- */

static volatile u32 passers;

static void no_answer_needed(void *arg, const struct regs *regs, u32 sp) { (void)arg, (void)regs, (void)sp; }

static void pass(void *arg)
{
	if (arg)
		preempt_disable();
	sync_point("test:pass");
	if (arg)
		preempt_enable();
	atomic_add(&passers, 1);
}

int test_sched_sync_points_hold(void)
{
	struct sync_info info;
	struct task *sleeps, *spins = NULL;

	passers = 0;
	CHECK(!sync_hold("test:pass", 2));
	CHECK(sync_hold("test:pass", 1) == -EEXIST);
	CHECK(sync_wait_held("test:pass", clock_ns() + NSEC_PER_MSEC) == -ETIMEDOUT);
	sleeps = task_create("sleeps", PRIO_NORMAL, pass, NULL);
	CHECK(!IS_ERR(sleeps));
	CHECK(!sync_wait_held("test:pass", in_a_while()));
	if (nr_cpus > 1) {			/* who may not sleep keeps its CPU */
		u32 other = this_cpu_read(id) ? 0 : 1;
		spins = task_create_on(other, "spins", PRIO_NORMAL, pass, (void *)1);
		CHECK(!IS_ERR(spins));
		CHECK(holds_soon(sync_nth(0, &info) && info.held == 2));
	}
	CHECK(passers == 0);
	sync_release("test:pass");
	CHECK(!finish(sleeps) && (!spins || !finish(spins)));
	CHECK(!sync_nth(0, &info) || !streq(info.name, "test:pass"));
	pass(NULL);				/* nobody is held any more */
	return 0;
}

/* One that spins keeps its CPU: nobody else runs there, and it answers; another task is not
 * held at all. */
int test_sched_sync_points_spin(void)
{
	struct task *t;
	u32 other = this_cpu_read(id) ? 0 : 1;

	if (nr_cpus < 2) {
		printk("needs two CPUs\n");
		return KTEST_SKIPPED;
	}
	passers = 0;
	t = task_create_stopped("spins", PRIO_TOP, pass, NULL);
	CHECK(!IS_ERR(t));
	task_set_affinity(t, CPU_BIT(other));
	CHECK(!sync_hold_how("test:pass", 1, (struct sync_how){ .only = t->id, .spins = true }));
	pass(NULL);
	CHECK(passers == 1);			/* another one */
	task_start(t);
	CHECK(!sync_wait_held("test:pass", in_a_while()));
	CHECK(t->on_cpu && t->state == TASK_RUNNABLE && t->cpu == other);
	struct task *behind = task_create_on(other, "behind", PRIO_NORMAL, pass, NULL);
	CHECK(!IS_ERR(behind));
	CHECK(!smp_call_until(CPU_BIT(other), no_answer_needed, NULL, in_a_while()));
	sleep_ms(2);
	CHECK(passers == 1 && t->on_cpu);
	sync_release("test:pass");
	CHECK(!finish(t) && !finish(behind) && passers == 3);
	return 0;
}

/* -- Johnson's trap ---------------------------------------------------------------------------- */

static bool all_parked(cpumask_t who, u32 trap)
{
	u32 cpu;

	for_each_cpu_in(cpu, who) {
		if (load_acquire(&parking[cpu].trap) != trap)
			return false;
	}
	return true;
}

/* Each parked CPU's sp lies on the stack of its task, all registers above it. */
static bool stacks_are_told(cpumask_t who)
{
	u32 cpu;

	for_each_cpu_in(cpu, who) {
		const struct task *t = cpus[cpu]->task;
		if (parking[cpu].sp < t->stack || parking[cpu].sp + 16 > task_stack_top(t) || !t->on_cpu)
			return false;
	}
	return true;
}

static u32 sum_of(const struct spinner *s)
{
	u32 sum = 0;

	for (u32 i = 0; i < nr_cpus; i++)
		sum += s[i].count;
	return sum;
}

/* In the answer, and not from afar: a CPU that is in schedule() already clears the
 * flag there, and may have passed the trap. */
static void send_to_schedule(void *arg, const struct regs *regs, u32 sp)
{
	(void)arg;
	(void)regs;
	(void)sp;
	this_cpu_write(need_resched, 1);
}

/* One trap, by hand: 0 when all others parked in time and stood still. */
static int trap_once(u32 trap, const struct spinner *s)
{
	cpumask_t others, silent;
	bool parked, told, still;
	u32 before;
	u64 end;

	preempt_disable();
	others = cpus_others();
	module_remove_asker = this_cpu()->id;
	module_remove = trap;
	silent = smp_call(others, send_to_schedule, NULL, PATIENCE);
	end = in_a_while();
	while (!all_parked(others, trap) && !clock_passed(end))
		cpu_relax();
	parked = all_parked(others, trap);
	told = parked && stacks_are_told(others);
	before = sum_of(s);
	delay_us(20);
	still = sum_of(s) == before;
	module_remove = 0;
	preempt_enable();
	CHECK(!silent);
	CHECK(parked);
	CHECK(told);
	CHECK(still);
	return 0;
}

int test_sched_trap_parks_all(void)
{
	static struct spinner s[NR_CPUS];
	struct task *t[NR_CPUS];
	int err = 0;

	memset(s, 0, sizeof(s));
	for (u32 i = 0; i < nr_cpus; i++) {
		t[i] = task_create_on(i, "trapped", PRIO_LOW, spin, &s[i]);
		CHECK(!IS_ERR(t[i]));
	}
	for (u32 i = 1; i <= 200 && !err; i++) {
		err = trap_once(0x40000000 + i, s);
		if (i % 10 == 0)
			sleep_ms(1);
	}
	for (u32 i = 0; i < nr_cpus; i++) {
		CHECK(err || runs(&s[i]));	/* released, nothing lost */
		CHECK(err || !parking[i].trap);
		CHECK(!stop_spinner(&s[i], t[i]));
	}
	return err;
}

/* CPUs that have nothing to do must come out of HLT for it. */
int test_sched_trap_parks_idle_cpus(void)
{
	static const struct spinner none[NR_CPUS];
	int err = 0;

	for (u32 i = 1; i <= 50 && !err; i++) {
		err = trap_once(0x50000000 + i, none);
		sleep_ms(1);
	}
	return err;
}
