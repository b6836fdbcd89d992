#include "x86/panic.h"
#include "lib/format.h"
#include "x86/atomic.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/machine.h"
#include "x86/symbols.h"

#define MAX_NESTED 8		/* panics of the monitor that it comes back from */

void (*panic_stop_others)(void);
void (*panic_monitor)(void);
struct panic_place panicked_at;

static u32 panicking;			/* atomic: who_am_i() of the CPU that panics */
/* That CPU only. */
static u32 depth;
static char message[384];

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

static void end_panic(void) noreturn;
static void end_panic(void)
{
	if (panic_monitor)
		panic_monitor();
	machine_poweroff(STATUS_PANIC);
}

/* Returns on the one CPU whose panic it is, once. Another CPU waits for the NMI
 * that shows its registers. What fails inside a panic gets one line. */
static void enter_panic(const char *fmt, va_list args)
{
	irq_disable();
	if (!atomic_cmpxchg(&panicking, 0u, who_am_i()) && READ_ONCE(panicking) != who_am_i())
		stay_here();
	console_bust_locks();
	vsnprintf(message, sizeof(message), fmt, args);
	if (!depth++)
		return;
	if (depth > (panic_monitor ? MAX_NESTED + 1 : 2))
		stay_here();
	printk("panic inside panic: %s\n", message);
	end_panic();
}

static void finish_panic(const struct regs *regs, u32 eip, u32 ebp) noreturn;
static void finish_panic(const struct regs *regs, u32 eip, u32 ebp)
{
	panicked_at = (struct panic_place){ regs, eip, ebp };
	backtrace(eip, ebp);
	if (panic_stop_others)
		panic_stop_others();
	end_panic();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	enter_panic(fmt, args);
	va_end(args);
	printk("panic: %s\n", message);
	finish_panic(NULL, (u32)__builtin_return_address(0) - 1, *(u32 *)__builtin_frame_address(0));
}

void panic_regs(const struct regs *regs, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	enter_panic(fmt, args);
	va_end(args);
	printk("panic: %s\n", message);
	print_regs(regs);
	printk("  cr0 %08x  cr2 %08x  cr3 %08x  cr4 %08x\n", read_cr0(), read_cr2(), read_cr3(),
	       read_cr4());
	finish_panic(regs, regs->eip, regs->ebp);
}
