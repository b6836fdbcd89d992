/* The report, a line for each thing, the most important first: a code that has no room for all of it
 * is cut off at the end of a line, and lacks the last one.
 *
 *	Quiesce panic, build 1f2e3d4c
 *	page fault: reading from 0x00000000 (a null pointer)
 *	CPU 1 (task insmod), 4 CPUs
 *	at e0001012 c0101234 ...		where it was, and its callers
 *	mod oops e0001000 3000 5b6a7988		name, address, bytes, build
 *	eip e0001012  esp ...
 *	mod ...					those that are not in the backtrace
 *	end
 */
#include "shell/panic_report.h"
#include "lib/format.h"
#include "lib/qr.h"
#include "lib/string.h"
#include "module/module.h"
#include "shell/distrust.h"
#include "smp/ipi.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define MAX_CALLERS 24
#define MAX_MESSAGE "200"

static char text[QR_MAX_BYTES + 1];
static u32 used;
static struct qr qr;
static u32 caller[MAX_CALLERS], nr_callers;

/* -- the text ------------------------------------------------------------------------- */

/* A line that does not fit is left out as a whole. */
static void add(const char *fmt, ...) printf_like(1, 2);
static void add(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text + used, sizeof(text) - used, fmt, args);
	va_end(args);
	if (n >= 0 && used + (u32)n < sizeof(text))
		used += (u32)n;
	text[used] = '\0';
}

static u32 build_id(void)
{
	extern const char __build_id[];		/* linker.ld */

	return build_id_of_note(__build_id, 20);
}

static void add_caller(u32 eip)
{
	caller[nr_callers++] = eip;
	add(" %x", eip);
}

static void add_callers(const struct regs *r, u32 eip, u32 ebp)
{
	u32 hidden = r && !regs_from_user(r) ? hidden_caller(eip, regs_sp(r), ebp) : 0;

	add("at");
	nr_callers = 0;
	add_caller(eip);
	if (hidden)
		add_caller(hidden - 1);
	while (nr_callers < MAX_CALLERS && frame_up(&ebp, &eip))
		add_caller(eip);
	add("\n");
}

static void add_registers(const struct regs *r)
{
	if (!r)
		return;
	add("eip %x  esp %x  ebp %x  eflags %x  vector %u  error %x\n", r->eip, regs_sp(r), r->ebp,
	    r->eflags, r->vector, r->error);
	add("eax %x  ebx %x  ecx %x  edx %x  esi %x  edi %x\n", r->eax, r->ebx, r->ecx, r->edx, r->esi, r->edi);
}

static bool in_backtrace(const struct module *m)
{
	for (u32 i = 0; i < nr_callers; i++)
		if (caller[i] - m->owner.base < m->owner.size)
			return true;
	return false;
}

static void add_module(const struct module *m)
{
	add("mod %.*s %x %x %08x\n", MODULE_NAME_LEN, m->owner.name, m->owner.base,
	    m->image_pages * PAGE_SIZE, m->build_id);
}

static void add_if_inside(const void *m)  { if (in_backtrace(m)) add_module(m); }
static void add_if_outside(const void *m) { if (!in_backtrace(m)) add_module(m); }

static void add_modules(void (*add_one)(const void *m))
{
	each_readable(&modules, offsetof(struct module, node), sizeof(struct module), add_one);
}

static void make_report(const char *kind, const char *said, const char *cpu, const struct regs *regs, u32 eip, u32 ebp)
{
	used = 0;
	add("Quiesce %s, build %08x\n", kind, build_id());
	if (said)
		add("%." MAX_MESSAGE "s\n", said);
	add("%s, %u CPUs\n", cpu, nr_cpus);
	add_callers(regs, eip, ebp);
	add_modules(add_if_inside);
	add_registers(regs);
	if (said && regs)
		add("cr2 %x\n", panicked_at.cr2);
	add_modules(add_if_outside);
	add("end\n");
}

/* -- the code --------------------------------------------------------------------------- */

/* The lines from the beginning on that fit. */
static u32 whole_lines(u32 room)
{
	u32 len = MIN(used, room);

	while (len && len < used && text[len - 1] != '\n')
		len--;
	return len;
}

static bool show_code(const char *from, u32 len, u32 version)
{
	if (!qr_encode(&qr, from, len, version))
		return false;
	console_code(&qr);
	return true;
}

static u32 version_or_complain(void)
{
	u32 version = console_code_version();

	if (!version)
		printk("qr: there is no screen that could show a code\n");
	return version;
}

void report_panic(void)
{
	u32 version = console_code_version();

	make_report("panic", panic_message, panic_cpu[0] ? panic_cpu : "CPU 0 (early)", panicked_at.regs,
	            panicked_at.eip, panicked_at.ebp);
	console_route(CONSOLE_TO_LOG);
	printk("\n%s", text);
	if (!version || !show_code(text, whole_lines(qr_capacity(version)), version))
		return;
	console_route(CONSOLE_TO_SCREEN);
	printk("To report it: photograph the code; a phone reads it as text.\n");
}

void report_cpu(const struct cpu *c)
{
	bool me = c == this_cpu();
	const struct regs *regs = me ? panicked_at.regs : c->stopped_at;
	u32 version = version_or_complain();
	char name[48];

	if (!version)
		return;
	snprintf(name, sizeof(name), "CPU %u (task %s)", c->id, cpu_task_name(c->id));
	make_report("backtrace", NULL, name, regs, me ? panicked_at.eip : regs->eip, me ? panicked_at.ebp : regs->ebp);
	(void)show_code(text, whole_lines(qr_capacity(version)), version);
}

void report_log(void)
{
	u32 version = version_or_complain(), pos = 0, n;

	if (!version)
		return;
	while ((n = dmesg_read(&pos, text, sizeof(text))))
		;
	pos -= qr_capacity(version);		/* of a shorter log: all of it */
	used = dmesg_read(&pos, text, qr_capacity(version));
	const char *from = text, *line = strchr(text, '\n');
	if (used == qr_capacity(version) && line)
		from = line + 1;
	(void)show_code(from, used - (u32)(from - text), version);
}
