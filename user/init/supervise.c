/* Starting, and starting again. */
#include "user/init/init.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/string.h"
#include "user/lib/fault.h"
#include "user/lib/process.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"
#include "user/lib/time.h"

#define MS             1000000ull
#define FIRST_PAUSE_MS 100u		/* doubled with each failure */
#define MAX_FAILURES   5u
#define TIME_TO_LEAVE  (1000 * MS)
#define GOOD_WHILE     (10000 * MS)	/* after this a failure is a first one again */

#define CLIENT_RIGHTS (RIGHT_CALL | RIGHT_NOTIFY | RIGHT_GIVE)
/* init's own: only the kernel notifies it. */
#define INIT_RIGHTS   (RIGHT_CALL | RIGHT_GIVE)

struct supervised supervised[MAX_SUPERVISED];
u32 nr_supervised;

static struct supervised *find_program(const char *program)
{
	for (u32 i = 0; i < nr_supervised; i++) {
		if (streq(supervised[i].program, program))
			return &supervised[i];
	}
	return NULL;
}

static const struct entry *find_entry(const char *program)
{
	for (u32 i = 0; i < table_len; i++) {
		if (streq(table[i].program, program))
			return &table[i];
	}
	return NULL;
}

static struct supervised *new_program(const char *program, u32 authority)
{
	const struct entry *e = find_entry(program);

	if (nr_supervised == MAX_SUPERVISED)
		return NULL;
	struct supervised *s = &supervised[nr_supervised++];
	*s = (struct supervised){ .entry = e, .authority = e ? e->authority : authority };
	strlcpy(s->program, program, sizeof(s->program));
	strlcpy(s->service, e && e->service ? e->service : program, sizeof(s->service));
	return s;
}

/* -- one life --------------------------------------------------------------------------- */

static void set_state(struct supervised *s, enum service_state state, u32 task)
{
	s->state = state;
	strlcpy(s->info.name, s->service, sizeof(s->info.name));
	strlcpy(s->info.program, s->program, sizeof(s->info.program));
	s->info.state = state;
	s->info.task = task;
}

/* Of one life, and with the process it ends, as no other process can receive there: callers get -EPIPE,
 * and a handle that was given away leads to no later life. The handle to receive there, which the
 * process gets and we do not keep; or an error. */
static int open_endpoint(struct supervised *s)
{
	int receive = endpoint_create(), client, control;

	if (receive < 0)
		return receive;
	client = handle_dup_masked((u32)receive, CLIENT_RIGHTS, 0, SERVICE_CLIENT_BITS);
	control = handle_dup_masked((u32)receive, RIGHT_NOTIFY, 0, SERVICE_LEAVE);
	s->client = (u32)MAX(client, 0);
	s->control = (u32)MAX(control, 0);
	if (client >= 0 && control >= 0)
		return receive;
	handle_close((u32)receive);
	return MIN(client, control);
}

/* It is not handed out any more. */
static void close_endpoint(struct supervised *s)
{
	if (s->client)
		handle_close(s->client);
	if (s->control)
		handle_close(s->control);
	s->client = s->control = 0;
}

static u32 with_badge(u32 badge)
{
	int handle = handle_dup(init_endpoint, INIT_RIGHTS, badge);

	return handle < 0 ? 0 : (u32)handle;
}

/* A right to the machine, made for one life: with it the last handle goes. 0: none. */
static u32 ask_for(enum syscall what, u32 w0, u32 w1)
{
	int handle = syscall(what, HANDLE_KERNEL, w0, w1, 0);

	return handle < 0 ? 0 : (u32)handle;
}

static int bring_to_life(struct supervised *s)
{
	static const struct entry nothing;
	const struct entry *e = s->entry ? s->entry : &nothing;
	char args[128], why[96] = "";
	int receive = open_endpoint(s);
	struct spawn sp = {
		.program = s->program, .args = args, .supervisor = init_endpoint,
		.badge = BADGE_FAULT + (u32)(s - supervised), .ended_bits = BIT_ENDED,
		.priority = e->priority ? e->priority : PRIORITY_NORMAL, .text = why, .text_size = sizeof(why),
		.gift = {
			{ HANDLE_KERNEL, HANDLE_KERNEL, s->authority },
			{ HANDLE_INIT, with_badge(s->authority & AUTH_DEVICES ? BADGE_DEVICES : BADGE_CLIENT),
			  INIT_RIGHTS },
			{ HANDLE_SERVICE, (u32)MAX(receive, 0), RIGHTS_ALL },
			{ HANDLE_CONTROL, e->control ? with_badge(BADGE_CONTROL) : 0, RIGHT_CALL },
			{ HANDLE_PORTS, ask_for(SYS_PORTS, e->port, e->nr_ports), RIGHT_CONTROL },
			{ HANDLE_IRQ, e->irq ? ask_for(SYS_IRQ, e->irq, 0) : 0, RIGHT_CONTROL },
		},
	};
	struct process_status status = { .id = 0 };

	s->last_words[0] = '\0';
	/* It learns whether this is its first life. */
	snprintf(args, sizeof(args), "%s%s %s", s->program, s->info.restarts ? " " ARG_AGAIN : "",
	         e->args ? e->args : "");
	int process = receive < 0 ? receive : spawn(&sp);
	for (u32 i = 0; i < ARRAY_SIZE(sp.gift); i++) {
		if (sp.gift[i].slot != HANDLE_KERNEL && sp.gift[i].handle)
			handle_close(sp.gift[i].handle);
	}
	if (process < 0) {
		close_endpoint(s);
		if (why[0] && process != -ENOENT)	/* that one is said where it was asked for */
			printf("init: %s: not started: %s\n", s->program, why);
		return process;
	}
	s->process = (u32)process;
	s->born = clock_ns();
	(void)process_status(s->process, &status);
	set_state(s, SERVICE_RUNNING, status.id);
	service_is_there(s);
	return 0;
}

/* Is there something to do at s->again? */
static bool is_awaited(const struct supervised *s, u64 now)
{
	return s->state == SERVICE_WAITING || (s->process && !s->started && s->again > now);
}

/* For the next one that is to be started again, or ended if it has not left. */
static void set_alarm(u64 now)
{
	u64 next = ~0ull;

	for (u32 i = 0; i < nr_supervised; i++) {
		if (is_awaited(&supervised[i], now))
			next = MIN(next, supervised[i].again);
	}
	if (next != ~0ull)
		(void)ipc_alarm(init_endpoint, BIT_AGAIN, (u32)div_u64(MAX(next, now) - now , 1000) + 1);
}

/* -- start and stop --------------------------------------------------------------------- */

static int start_needs(const struct entry *e)
{
	for (u32 i = 0; e && i < ARRAY_SIZE(e->needs) && e->needs[i]; i++) {
		int err = start_program(e->needs[i], 0);
		if (err && err != -EEXIST)
			return err;
	}
	return 0;
}

/* It is not started again. */
static void give_up(struct supervised *s, enum service_state state)
{
	close_endpoint(s);
	s->started = false;
	set_state(s, state, 0);
	service_has_gone(s);
}

int start_program(const char *program, u32 authority)
{
	struct supervised *s = find_program(program);

	if (s && s->started)
		return -EEXIST;
	if (s && s->process)
		return -EBUSY;		/* it is being stopped */
	if (!s)
		s = new_program(program, authority);
	if (!s)
		return -ENOSPC;
	if (!s->entry)
		s->authority = authority;
	s->failures = s->info.restarts = 0;
	s->started = true;		/* so that one that needs it in a circle finds it started */
	int err = start_needs(s->entry);
	if (!err)
		err = bring_to_life(s);
	if (!err)
		return 0;
	give_up(s, SERVICE_STOPPED);
	if (!s->entry && s == &supervised[nr_supervised - 1])
		nr_supervised--;	/* a name that means nothing */
	return err;
}

int stop_program(const char *program)
{
	struct supervised *s = find_program(program);

	if (!s || !s->started)
		return -ESRCH;
	bool leaves = s->process && s->entry && s->entry->leaves && !ipc_notify(s->control, SERVICE_LEAVE);
	if (!s->process) {
		give_up(s, SERVICE_STOPPED);
		return 0;
	}
	close_endpoint(s);
	s->started = false;
	s->again = clock_ns();
	if (leaves)
		s->again += TIME_TO_LEAVE;
	else
		process_end(s->process, 0);
	set_alarm(clock_ns());
	s->stopper = ipc_keep();
	return s->stopper < 0 ? s->stopper : ANSWER_LATER;
}

/* -- the end of a life -------------------------------------------------------------------- */

static u32 pause_ms(const struct supervised *s)
{
	return FIRST_PAUSE_MS << (s->failures - 1);
}

/* Counts a failure of one that is to run, and says it with its last words. */
static void tell_failure(struct supervised *s)
{
	s->failures = clock_ns() - s->born > GOOD_WHILE ? 1 : s->failures + 1;
	printf("init: %s (task %u): %s; ", s->program, s->info.task, s->last_words);
	if (s->failures > MAX_FAILURES)
		printf("that was %u times in a row, left alone: `start %s` tries again\n", s->failures, s->program);
	else
		printf("again in %u ms\n", pause_ms(s));
}

/* The program ends only after the answer, so the reason stands before what its
 * clients say when their calls end. Several threads may fault before the first answer: that is one failure. */
int note_fault(u32 index, const struct call *c)
{
	if (index >= nr_supervised)
		return FAULT_END;
	struct supervised *s = &supervised[index];
	if (s->last_words[0])
		return FAULT_END;
	fault_text(c, s->last_words, sizeof(s->last_words));
	if (s->started)
		tell_failure(s);
	return FAULT_END;
}

static void has_ended(struct supervised *s, const struct process_status *status)
{
	if (s->process)
		handle_close(s->process);
	s->process = 0;
	close_endpoint(s);		/* a look-up waits for the next life */
	if (!s->started || (!status->code && !(s->entry && s->entry->always))) {
		give_up(s, SERVICE_STOPPED);
		if (s->stopper > 0)
			ipc_answer((u32)s->stopper, 0, 0, 0, 0);
		s->stopper = 0;
		return;
	}
	if (!s->last_words[0]) {
		snprintf(s->last_words, sizeof(s->last_words), "ended: %s",
		         status->code < 0 ? errno_name(status->code) : "by itself");
		tell_failure(s);
	}
	if (s->failures > MAX_FAILURES) {
		give_up(s, SERVICE_GIVEN_UP);
		return;
	}
	s->again = clock_ns() + pause_ms(s) * MS;
	set_state(s, SERVICE_WAITING, 0);
}

static void look_after(struct supervised *s, u64 now)
{
	struct process_status status;

	if (s->process && !process_status(s->process, &status) && status.ended)
		has_ended(s, &status);
	if (s->process && !s->started && s->again <= now)
		process_end(s->process, 0);
	if (s->state != SERVICE_WAITING || s->again > now)
		return;
	s->info.restarts++;
	int err = bring_to_life(s);
	if (err)
		has_ended(s, &(struct process_status){ .code = err });
}

void look_after_all(void)
{
	u64 now = clock_ns();

	for (u32 i = 0; i < nr_supervised; i++)
		look_after(&supervised[i], now);
	set_alarm(now);
}
