/* The column `server`: the same driver as a process. To take it out is to end the process:
 * nothing is inspected and nobody is waited for, since no code or data of it lies where
 * others could hold on to it. What that leaves of each hazard is staged by a program
 * (user/hazards/h_server): it starts a server, brings it to that instant, ends it, and looks
 * whether its clients were told and whether it has anything still. The balance sheet
 * of the cell sees the rest. */
#include "shell/hazard.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "unload/unload.h"
#include "x86/clock.h"

const struct strategy server_home = {
	.name = "server", .source = "this project", .gist = "the driver is a process, and is ended",
};

static const struct row {
	const char *ids, *mode;		/* NULL: it has no meaning */
	const char *text;		/* when it was ended; or why it has none */
} rows[] = {
	{ "A2", "computes", "while it computed in a call" },
	{ "A3 A18", "sleeps", "while it slept in a call" },
	{ "A8 A8f", "threads", "while two more threads of it computed" },
	{ "A19", "orphan", "after a client was ended in mid-call; it went on serving" },
	{ "B1 B2", "alarm", "with an alarm set that arms itself again" },
	{ "B5", "ticks", "while its device interrupted" },
	{ "B9", "forgets", "with memory, endpoint, alarm, interrupt and threads left" },
	{ "B10 B10r C8", "loop", "while clients called in a loop" },
	{ "B14", "keeps", "while clients waited in calls" },
	{ "B17", "maps", "while clients had mapped its memory, which stays theirs" },
	{ "B17b", "grant", "after a client was ended while it filled that one's buffer" },
	{ "C1", "starts", "before it was ready; clients were waiting" },
	{ "C2", "fails", "by itself, with calls unanswered" },
	{ "C4", "twice", "by two at once" },
	{ "C5", "itself", "by itself, in a call" },
	{ "C13", "storm", "with seven others, each in calls" },
	{ "C16 C16w", "stays", "after it was asked to leave and stayed" },

	{ "A1 A7", NULL, "an interrupt is a notification: no handler of its own runs" },
	{ "A4 A4b A5 A6 A9 A10 A14 A15 A16 A17 A20", NULL, "no kernel code to be inside of" },
	{ "A11 A12", NULL, "no CPU is asked whether it may end" },
	{ "A13 C6", NULL, "no kernel code to be inside of; who called another server gets EPIPE" },
	{ "B3 B4 B6 B12", NULL, "the core holds no function of its own" },
	{ "B7 B8", NULL, "no name in the kernel points into it" },
	{ "B10p B14o C12p C14p", NULL, "no module: nobody asks for an unload" },
	{ "B11 C7 C15", NULL, "nothing is linked to it" },
	{ "B13 B13s", NULL, "no call tells a process where its memory lies" },
	{ "B15 B15b B16", NULL, "no pointer into it can leave it" },
	{ "B18", NULL, "no init section" },
	{ "B1c B1h", NULL, "as B1: whether it cancels the alarm makes no difference" },
	{ "C3 C18 C18b", NULL, "no strategy, and a new process shares nothing with the old" },
	{ "C9", NULL, "there is no other end than a forced one" },
	{ "B10w", NULL, "to end it is one call that waits for no task" },
	{ "E11 E12 E13", NULL, "nothing is inspected" },
	{ "E14", NULL, "as C2" },
	{ "C10", NULL, "it is not asked" },
	{ "C11 C17 C19", NULL, "there is no roll-back: nobody can keep it" },
	{ "C12 C14 C14t", NULL, "to end it is one call that waits for no task" },
	{ "E1 E1w E1n E1c E1i E2 E3 E9 E10 E18 E20", NULL, "no record of the core leads into it" },
	{ "E4 E5 E6 E7 E8", NULL, "no driver's function runs in the kernel" },
	{ "E16 E17 E19", NULL, "no kernel code to be inside of" },
	{ "D1 D2 D3 D4 D8", NULL, "no kernel text or data is freed" },
	{ "D7", NULL, "to end it takes no memory" },
};

static bool names(const char *ids, const char *id)
{
	u32 len = strlen(id);

	for (const char *at = strstr(ids, id); at; at = strstr(at + 1, id)) {
		if ((at == ids || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	}
	return false;
}

static const struct row *find_row(const char *id)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (names(rows[i].ids, id))
			return &rows[i];
	}
	return NULL;
}

static void find(struct cell *c, enum verdict v, const char *text, const char *more)
{
	c->verdict = v;
	snprintf(c->evidence, sizeof(c->evidence), "%s%s", text, more);
}

static void judge(struct cell *c, const struct row *r, int code)
{
	switch (code) {
	case 0:
		find(c, VERDICT_SAFE, "ended ", r->text);
		break;
	case -ETIMEDOUT:
		find(c, VERDICT_HANG, "the server or a client of it does not end: ", r->text);
		break;
	case -EFAULT:
		find(c, VERDICT_UAF, "a client's memory has another's content: ", r->text);
		break;
	case -EBUSY:
		find(c, VERDICT_LEAK, "the server has ended and has something still: ", r->text);
		break;
	case -EIO:
		find(c, VERDICT_HALF_DEAD, "a client was not told that it has gone: ", r->text);
		break;
	default:
		find(c, VERDICT_UNSTAGED, "h_server: ", errno_name(code));
	}
}

void server_play(struct cell *c)
{
	const struct row *r = find_row(c->hazard.id);
	char line[48];

	if (!r || !r->mode) {
		find(c, r ? VERDICT_NA : VERDICT_UNSTAGED, r ? r->text : "hazard_server.c does not know it", "");
		return;
	}
	snprintf(line, sizeof(line), "h_server direct %s", r->mode);
	struct actor *a = actor_start(c, "director", act_program, line, "", 0, ~0u);
	if (!a)
		find(c, VERDICT_UNSTAGED, "no memory", "");
	else if (!actor_wait(a, clock_ns() + 20 * c->quarter))
		find(c, VERDICT_HANG, "who ends it does not come back: ", r->text);
	else
		judge(c, r, a->result);
}
