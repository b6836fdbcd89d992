#include "x86/panic.h"
#include "lib/format.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/symbols.h"

#define MAX_NESTED 12		/* panics of its steps and of the monitor that are survived */

void (*panic_stop_others)(void);
void (*panic_report)(void);
void (*panic_monitor)(void);
struct panic_place panicked_at;
char panic_message[384], panic_cpu[48];

static u32 panicking;			/* atomic: who_am_i() of the CPU that panics */
/* That CPU only. */
static u32 depth;
static u32 next_step;

static void stay_here(void) noreturn;
static void stay_here(void)
{
	for (;;) {
		irq_disable();
		halt();
	}
}

/* Each CPU has a GDT of its own, so its address tells CPUs apart, whatever else
 * is broken. */
static u32 who_am_i(void)
{
	struct { u16 limit; u32 base; } packed gdtr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	return gdtr.base;
}

/* -- the steps --------------------------------------------------------------------- */

/* Before anything else may fail: that alone may be all that is ever seen. */
static void say_it(void)
{
	console_mark();
	printk("panic: %s\n", panic_message);
}

static void stop_others(void)
{
	if (panic_stop_others)
		panic_stop_others();
}

/* Last, so that it is on the screen however much the other CPUs had to show. */
static void show_self(void)
{
	const struct regs *regs = panicked_at.regs;

	if (panic_cpu[0]) {
		console_mark();
		printk("%s panicked: %s\n", panic_cpu, panic_message);
	} else if (depth > 1) {
		printk("the first panic: %s\n", panic_message);
	}
	if (regs) {
		print_regs(regs);
		printk("  cr0 %08x  cr2 %08x  cr3 %08x  cr4 %08x\n", read_cr0(), panicked_at.cr2,
		       read_cr3(), read_cr4());
	}
	if (regs)
		backtrace_regs(regs);
	else
		backtrace(panicked_at.eip, panicked_at.ebp);
}

/* For a reader elsewhere. All text is out by now. */
static void report(void)
{
	if (panic_report)
		panic_report();
}

static void (*const steps[])(void) = { say_it, stop_others, show_self, report };

/* A step that panics itself is given up: panic() comes here again, and the next one begins. */
static void go_on(void) noreturn;
static void go_on(void)
{
	while (next_step < ARRAY_SIZE(steps)) {
		console_route(CONSOLE_TO_ALL);
		steps[next_step++]();
	}
	console_route(CONSOLE_TO_ALL);
	if (panic_monitor)
		panic_monitor();
	machine_poweroff(STATUS_PANIC);
}

static void say_nested(u32 eip, const char *fmt, va_list args)
{
	char where[64];

	console_route(CONSOLE_TO_ALL);
	symbolise(eip, where, sizeof(where));
	printk("panic inside panic, at %s: ", where);
	vprintk(fmt, args);
	printk("\n");
}

/* -- the way in -------------------------------------------------------------------- */

/* Goes on on one CPU. Another one that panics waits for the NMI that shows its registers.
 * A panic inside the panic gets one line. */
static void begin(const struct panic_place *place, const char *fmt, va_list args) noreturn;
static void begin(const struct panic_place *place, const char *fmt, va_list args)
{
	irq_disable();
	if (!atomic_cmpxchg(&panicking, 0u, who_am_i()) && READ_ONCE(panicking) != who_am_i())
		stay_here();
	console_bust_locks();
	if (!depth++) {
		panicked_at = *place;
		vsnprintf(panic_message, sizeof(panic_message), fmt, args);
		go_on();
	}
	if (depth > MAX_NESTED + 1)
		stay_here();
	say_nested(place->eip, fmt, args);
	go_on();
}

void panic(const char *fmt, ...)
{
	struct panic_place place = {
		.eip = (u32)__builtin_return_address(0) - 1,
		.ebp = *(u32 *)__builtin_frame_address(0),
	};
	va_list args;

	va_start(args, fmt);
	begin(&place, fmt, args);
}

void panic_regs(const struct regs *regs, const char *fmt, ...)
{
	struct panic_place place = { .regs = regs, .eip = regs->eip, .ebp = regs->ebp, .cr2 = read_cr2() };
	va_list args;

	va_start(args, fmt);
	begin(&place, fmt, args);
}
