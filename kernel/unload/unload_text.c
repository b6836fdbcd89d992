/* What an unload did, in words. */
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "unload/unload.h"
#include "x86/clock.h"

const char *duration_text(u64 ns, char *buf, u32 size)
{
	u32 frac;

	if (ns < 10 * NSEC_PER_USEC)
		snprintf(buf, size, "%u ns", (u32)ns);
	else if (ns < 10 * NSEC_PER_MSEC)
		snprintf(buf, size, "%u us", (u32)div_u64(ns, NSEC_PER_USEC));
	else if (ns < 10 * NSEC_PER_SEC)
		snprintf(buf, size, "%u ms", (u32)div_u64(ns, NSEC_PER_MSEC));
	else {
		u32 s = (u32)div_u64_rem(ns, NSEC_PER_SEC, &frac);
		snprintf(buf, size, "%u.%u s", s, frac / 100000000);
	}
	return buf;
}

/* Lines that are added one after the other; what has no room is left out. */
struct lines { char *text; u32 size, len; };

static void add_line(struct lines *l, const char *fmt, ...) printf_like(2, 3);
static void add_line(struct lines *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	l->len += (u32)vsnprintf(l->text + l->len, l->size - l->len, fmt, args);
	va_end(args);
	l->len = MIN(l->len, l->size - 1);
}

static void add_insiders(struct lines *l, const struct unload_report *r)
{
	for (u32 i = 0; i < MIN(r->nr_insiders, (u32)ARRAY_SIZE(r->insider)); i++) {
		const struct unload_insider *in = &r->insider[i];
		add_line(l, "  %s%s: task %u (%s) on CPU %u, at %s\n", in->in_core ? "in the way" : "inside",
		         in->possible ? " (possibly)" : "",
		         in->task_id, in->task_name, in->cpu, in->where);
	}
	if (r->nr_insiders > ARRAY_SIZE(r->insider))
		add_line(l, "  and %u more\n", r->nr_insiders - (u32)ARRAY_SIZE(r->insider));
}

static void add_success(struct lines *l, const struct unload *u, bool verbose)
{
	const struct unload_report *r = &u->report;
	char total[24], held[24];

	if (r->exit_left_at[0])
		add_line(l, "%s: its exit did not return, and was left at %s\n", u->name, r->exit_left_at);
	if (r->forgotten)
		add_line(l, "%s %s: %s (%s)\n", u->name, r->has_exit ? "forgot" : "has no exit",
		         r->forgotten_names, r->left_behind ? "still there" : "taken back");
	if (r->leaked)
		add_line(l, "%s: its image, %u bytes, stays\n", u->name, r->leaked);
	if (r->forgotten_allocs)
		add_line(l, "%s %s: %u allocations, %u bytes (freed)\n", u->name,
		         r->has_exit ? "forgot" : "has no exit", r->forgotten_allocs, r->forgotten_bytes);
	if (r->revoked)
		add_line(l, "%s: %u open files were cut off\n", u->name, r->revoked);
	if (verbose)
		add_line(l, "%s: out in %s, CPUs held %s, %u %s, %u broadcasts; %u tasks inspected (%u words), %u skipped\n",
		         u->name, duration_text(r->total_ns, total, sizeof(total)),
		         duration_text(tsc_to_ns(r->held.held), held, sizeof(held)), r->tries,
		         r->tries == 1 ? "try" : "tries", r->broadcasts, r->inspected, r->words, r->skipped);
}

void unload_text(const struct unload *u, int err, bool verbose, char *text, u32 size)
{
	struct lines l = { text, size, 0 };

	text[0] = '\0';
	if (err && !u->report.error[0])		/* a strategy out of tree may have given no reason */
		add_line(&l, "%s: %s gave no reason: %s%s", u->name, u->strategy ? u->strategy->name : "the unload",
		         errno_text(err), verbose ? "\n" : "");
	else if (err)
		add_line(&l, "%s%s", u->report.error, verbose ? "\n" : "");
	else
		add_success(&l, u, verbose);
	if (verbose)
		add_insiders(&l, &u->report);
}
