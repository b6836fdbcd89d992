#include "module/say.h"
#include "entry/entry.h"
#include "lib/string.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/rawlock.h"

/* What one call has to say besides. */
struct told { bool begins; u32 left_out; char by[MODULE_NAME_LEN]; };

static struct rawlock lock;
/* Under it. */
static u64 second;			/* when it began, ns */
static u32 said, left_out;		/* since then */
static char last[MODULE_NAME_LEN];	/* the one that was last left out: a copy, it may go */

/* May the module at `caller` speak now? */
static bool may_speak(u32 caller, struct told *t)
{
	u32 flags = raw_lock(&lock);
	u64 now = clock_ns();

	if (now - second >= NSEC_PER_SEC) {
		t->left_out = left_out;
		strlcpy(t->by, last, sizeof(t->by));
		second = now;
		said = left_out = 0;
	}
	bool yes = said < SAY_LINES;
	if (yes) {
		said++;
	} else {
		strlcpy(last, owner_of(caller)->name, sizeof(last));
		t->begins = !left_out++;
		if (t->begins)
			strlcpy(t->by, last, sizeof(t->by));
	}
	raw_unlock(&lock, flags);
	return yes;
}

static void speak(u32 caller, const char *fmt, va_list args)
{
	struct told t = { .begins = false };
	bool yes = may_speak(caller, &t);

	if (t.left_out)
		printk("printk: %u lines were left out, the last of them of %s\n", t.left_out, t.by);
	if (t.begins)
		printk("printk: modules have said %u lines in a second, %s the last: what more they say in it is left out\n",
		       SAY_LINES, t.by);
	if (yes)
		vprintk(fmt, args);
}

noinline void module_printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	speak((u32)__builtin_return_address(0), fmt, args);
	va_end(args);
}

noinline void module_vprintk(const char *fmt, va_list args)
{
	speak((u32)__builtin_return_address(0), fmt, args);
}
