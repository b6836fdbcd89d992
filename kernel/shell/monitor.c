/* What is left after a panic, for whoever sits at the console: one CPU with interrupts off,
 * which looks around. The others stopped where they were, with the locks that they held, and
 * nothing in memory is to be trusted. So the monitor takes no lock (the console's are busted),
 * allocates nothing, follows no pointer before the page tables say that it leads somewhere,
 * and has a stack of its own. If it faults all the same, panic() calls it anew. */
#include "lib/boot_option.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "module/module.h"
#include "sched/sched.h"
#include "shell/distrust.h"
#include "shell/panic_report.h"
#include "shell/shell.h"
#include "smp/ipi.h"
#include "unload/graveyard.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/machine.h"
#include "x86/panic.h"
#include "x86/symbols.h"

#define MAX_WORDS    4
#define MAX_SHOWN    256	/* words of memory */

/* -- commands ---------------------------------------------------------------------------- */

/* The CPU that was asked for, or else the one that panicked; NULL: there is nothing to see. */
static const struct cpu *chosen_cpu(int argc, char **argv)
{
	u32 id = this_cpu()->id;

	if (argc > 1 && (parse_u32(argv[1], &id) || id >= nr_cpus)) {
		printk("%s: %s is not a CPU; they are 0 to %u\n", argv[0], argv[1], nr_cpus - 1);
		return NULL;
	}
	if (cpus[id] != this_cpu() && !cpus[id]->stopped_at) {
		printk("%s: CPU %u did not stop\n", argv[0], id);
		return NULL;
	}
	return cpus[id];
}

static void show_backtrace(int argc, char **argv)
{
	const struct cpu *c = chosen_cpu(argc, argv);

	if (c == this_cpu() && !panicked_at.regs)
		backtrace(panicked_at.eip, panicked_at.ebp);
	else if (c)
		backtrace_regs(c == this_cpu() ? panicked_at.regs : c->stopped_at);
}

static void show_regs(int argc, char **argv)
{
	const struct cpu *c = chosen_cpu(argc, argv);
	const struct regs *regs = c == this_cpu() ? panicked_at.regs : c ? c->stopped_at : NULL;

	if (!c)
		return;
	printk("CPU %u (task %s)\n", c->id, cpu_task_name(c->id));
	if (regs)
		print_regs(regs);
	else
		printk("  it called panic(), by no trap; `bt` shows from where\n");
}

static void show_task(const void *element)
{
	const struct task *t = element;

	printk("%4u  %3u  %3u  %-9s %.*s\n", t->id, t->cpu, t->prio,
	       t->state <= TASK_ZOMBIE ? task_state_name(t) : "?", TASK_NAME_LEN, t->name);
}

static void show_tasks(int argc, char **argv)
{
	(void)argc, (void)argv;
	printk("  ID  CPU PRIO  STATE     NAME\n");
	each_readable(&tasklist, offsetof(struct task, all_node), sizeof(struct task), show_task);
}

static void show_module(const void *element)
{
	const struct module *m = element;

	printk("%08x-%08x  %.*s\n", m->owner.base, m->owner.base + m->owner.size, MODULE_NAME_LEN,
	       m->owner.name);
}

static void show_modules(int argc, char **argv)
{
	(void)argc, (void)argv;
	each_readable(&modules, offsetof(struct module, node), sizeof(struct module), show_module);
}

static void show_graves(int argc, char **argv)
{
	struct grave_info g;

	(void)argc, (void)argv;
	for (u32 i = 0; graveyard_peek(i, &g); i++)
		printk("%08x-%08x  %s, unloaded by %s with %s, %u late uses\n", g.base, g.base + g.size,
		       g.name, g.unloader, g.strategy, g.uses);
}

/* Addresses as a backtrace prints them: hexadecimal, with or without 0x. */
static int parse_address(const char *text, u32 *out)
{
	char prefixed[16];

	snprintf(prefixed, sizeof(prefixed), "0x%s", text);
	return parse_u32(text[0] == '0' && text[1] == 'x' ? text : prefixed, out);
}

static void show_memory(int argc, char **argv)
{
	u32 at, n = 16;

	if (argc < 2 || parse_address(argv[1], &at) || (argc > 2 && parse_u32(argv[2], &n)) ||
	    n > MAX_SHOWN) {
		printk("x: wants an address and at most %u as the number of words\n", MAX_SHOWN);
		return;
	}
	at = ALIGN_DOWN(at, sizeof(u32));
	for (u32 i = 0; i < n; i++, at += sizeof(u32)) {
		if (i % 4 == 0)
			printk("%s%08x ", i ? "\n" : "", at);
		if (is_readable((const void *)at, sizeof(u32)))
			printk(" %08x", *(const u32 *)at);
		else
			printk(" ????????");
	}
	printk("\n");
}

static void show_log(int argc, char **argv)
{
	char piece[256];
	u32 pos = 0, n;

	(void)argc, (void)argv;
	while ((n = dmesg_read(&pos, piece, sizeof(piece))))
		console_write(piece, n);
}

static void show_code(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const struct cpu *c;

	if (streq(what, "dmesg"))
		report_log();
	else if (streq(what, "off"))
		console_code(NULL);
	else if (!streq(what, "bt"))
		printk("qr: wants bt, dmesg or off\n");
	else if ((c = chosen_cpu(argc - 1, argv + 1)))
		report_cpu(c);
}

static void panic_again(int argc, char **argv)
{
	(void)argc, (void)argv;
	panic("asked for in the monitor");
}

static void reboot(int argc, char **argv)
{
	(void)argc, (void)argv;
	machine_reboot();
}

static void power_off(int argc, char **argv)
{
	(void)argc, (void)argv;
	machine_poweroff(STATUS_PANIC);
}

static void help(int argc, char **argv);

static const struct {
	const char *name, *usage;
	void (*run)(int argc, char **argv);
} commands_left[] = {
	{ "bt",       "bt [CPU]            what called what, up to where it stopped", show_backtrace },
	{ "regs",     "regs [CPU]          its registers there", show_regs },
	{ "ps",       "ps                  the tasks", show_tasks },
	{ "lsmod",    "lsmod               the modules and their addresses", show_modules },
	{ "graves",   "graves              the modules that are gone, latest first", show_graves },
	{ "x",        "x ADDRESS [WORDS]   memory; ???????? where nothing is mapped", show_memory },
	{ "dmesg",    "dmesg               the kernel's messages so far", show_log },
	{ "qr",       "qr bt [CPU]         the same as a code on the screen, for tools/panic", show_code },
	{ "qr",       "qr dmesg            the last of the messages as a code; qr off: no code", show_code },
	{ "panic",    "panic               again, in here", panic_again },
	{ "reboot",   "reboot", reboot },
	{ "poweroff", "poweroff", power_off },
	{ "help",     "help", help },
};

static void help(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (u32 i = 0; i < ARRAY_SIZE(commands_left); i++)
		printk("  %s\n", commands_left[i].usage);
}

static void run_line(char *line)
{
	char *argv[MAX_WORDS];
	int argc = split_words(line, argv, MAX_WORDS);

	for (u32 i = 0; argc > 0 && i < ARRAY_SIZE(commands_left); i++) {
		if (streq(commands_left[i].name, argv[0])) {
			commands_left[i].run(argc, argv);
			return;
		}
	}
	if (argc)
		printk("no such command; `help` lists them\n");
}

/* -- the console --------------------------------------------------------------------------- */

/* A source that a driver has claimed is polled too, after it let characters lie for a while. */
static char wait_for_key(void)
{
	int c;

	while ((c = console_getc_nonblock()) < 0) {
		console_poll();
		cpu_relax();
	}
	return (char)c;
}

static void read_line(char *line, u32 size)
{
	u32 len = 0;

	for (char c; (c = wait_for_key()) != '\r' && c != '\n';) {
		if ((c == '\b' || c == 0x7f) && len) {
			len--;
			console_write("\b \b", 3);
		} else if (c >= ' ' && c < 0x7f && len < size - 1) {
			line[len++] = c;
			console_write(&c, 1);
		}
	}
	line[len] = '\0';
	console_write("\n", 1);
}

static void converse(void) noreturn;
static void converse(void)
{
	char line[80];

	console_input_hook = NULL;	/* it would wake a reader, and take locks for that */
	while (console_getc_nonblock() >= 0)
		;			/* typed before: meant for somebody else */
	printk("\nThe machine has stopped; this is its monitor: `help`, `reboot`\n");
	for (;;) {
		console_write("monitor> ", 9);
		read_line(line, sizeof(line));
		run_line(line);
	}
}

/* A panic may come from a stack that has overflowed, and the backtrace of it is still wanted. */
static void enter_monitor(void)
{
	static u8 stack[STACK_SIZE] aligned(16);

	__asm__ volatile("movl %0, %%esp; xorl %%ebp, %%ebp; call *%1"
	                 :: "r"(stack + sizeof(stack)), "r"(converse) : "memory");
}

BOOT_OPTION(monitor, BOOT_SWITCH);
/* These two are the prompt's (user/shell/shell.c). */
BOOT_OPTION(run, BOOT_TEXT, .max = sizeof(boot_info.cmdline) - 1);
BOOT_OPTION(stay, BOOT_FLAG);

/* What drives the machine by run= waits for its exit status. */
void monitor_init(void)
{
	bool wanted = monitor.given ? monitor.number : !run.given;

	panic_monitor = wanted ? enter_monitor : NULL;
	panic_report = report_panic;
}
