#include "user/driver/worker.h"
#include "user/lib/syscall.h"

#define PAGE        4096u
#define STACK_PAGES 2u
#define BASE        0x20000000u		/* of their memory; nothing else is mapped near there */

/* Each has pages of its own, above one that is left out to catch an overflow. */
#define STRIDE      ((1 + STACK_PAGES + DEVICE_PIECE / PAGE) * PAGE)

void switch_stacks(u32 *save_sp, u32 sp);

static struct worker workers[MAX_WORKERS];
static struct worker *running;		/* NULL: the loop */
static u32 loop_sp;
static u32 nr_waiting;
static struct list ready = LIST_INIT(ready);
static struct wait_queue sleepers = WAIT_QUEUE(sleepers, "");

/* -- stacks ------------------------------------------------------------------------ */

static void worker_main(void)
{
	for (;;) {
		running->run(running);
		running->state = WORKER_IDLE;
		switch_stacks(&running->sp, loop_sp);
	}
}

static bool give_stack(struct worker *w)
{
	u32 bottom = BASE + (u32)(w - workers) * STRIDE + PAGE, pages = STRIDE / PAGE - 1;
	int memory = syscall(SYS_MEMORY, 0, pages, 0, 0);
	struct map_args map = {
		.memory = (u32)memory, .address = bottom, .pages = pages, .rights = RIGHT_READ | RIGHT_WRITE,
	};

	if (memory < 0)
		return false;
	int at = syscall(SYS_MAP, 0, address(&map), 0, 0);
	handle_close((u32)memory);
	if (IS_ERR((void *)at))
		return false;
	u32 *top = (u32 *)(bottom + STACK_PAGES * PAGE);
	w->buffer = top;
	top[-2] = address(worker_main);		/* where it returns to; above it, nothing to return to */
	w->sp = address(&top[-6]);		/* four registers below */
	list_init(&w->node);
	return true;
}

static void resume(struct worker *w)
{
	running = w;
	w->state = WORKER_RUNS;
	switch_stacks(&loop_sp, w->sp);
	running = NULL;
}

struct worker *worker_start(void (*run)(struct worker *w), const struct call *c, struct open_file *file)
{
	for (struct worker *w = workers; w < workers + MAX_WORKERS; w++) {
		if (w->state != WORKER_IDLE)
			continue;
		if (!w->buffer && !give_stack(w))
			return NULL;
		w->run = run;
		w->call = *c;
		w->kept = 0;
		w->file = file;
		resume(w);
		return w;
	}
	return NULL;
}

/* -- waits ------------------------------------------------------------------------- */

/* The caller is kept before the next one is received. */
int wait_on(struct wait_queue *q, u64 deadline)
{
	struct worker *w = running;

	if (w->call.w0 && !w->kept) {
		int kept = ipc_keep_watched(HANDLE_SERVICE, BIT_GONE);
		if (kept < 0)
			return kept;
		w->kept = (u32)kept;
	}
	list_add_tail(&q->waiters, &w->node);
	w->deadline = deadline;
	w->woken = 0;
	w->state = WORKER_WAITS;
	nr_waiting++;
	switch_stacks(&w->sp, loop_sp);
	nr_waiting--;
	return w->woken;
}

int sleep_interruptible_ns(u64 ns)
{
	int err = wait_on(&sleepers, clock_ns() + ns);

	return err == -ETIMEDOUT ? 0 : err;
}

void wake_all(struct wait_queue *q)
{
	list_splice_tail(&ready, &q->waiters);
}

static void end_wait(struct worker *w, int result)
{
	list_del(&w->node);
	list_add_tail(&ready, &w->node);
	w->woken = result;
}

void workers_interrupt(const struct open_file *file)
{
	for (struct worker *w = workers; w < workers + MAX_WORKERS; w++) {
		if (w->state == WORKER_WAITS && w->file == file)
			end_wait(w, -EINTR);
	}
}

void workers_look_for_callers(void)
{
	for (struct worker *w = workers; w < workers + MAX_WORKERS; w++) {
		if (w->state == WORKER_WAITS && w->kept && !ipc_is_waiting(w->kept))
			end_wait(w, -EINTR);
	}
}

u32 workers_waiting(void)
{
	u32 n = 0;

	for (struct worker *w = workers; w < workers + MAX_WORKERS; w++)
		n += w->state == WORKER_WAITS && w->kept;
	return n;
}

u64 workers_deadline(void)
{
	u64 next = WAIT_FOREVER;

	for (struct worker *w = workers; nr_waiting && w < workers + MAX_WORKERS; w++) {
		if (w->state == WORKER_WAITS)
			next = MIN(next, w->deadline);
	}
	return next;
}

void workers_run(void)
{
	u64 now = nr_waiting ? clock_ns() : 0;

	for (struct worker *w = workers; nr_waiting && w < workers + MAX_WORKERS; w++) {
		if (w->state == WORKER_WAITS && w->deadline <= now)
			end_wait(w, -ETIMEDOUT);
	}
	while (!list_empty(&ready)) {
		struct worker *w = list_first(&ready, struct worker, node);
		list_del(&w->node);
		resume(w);
	}
}
