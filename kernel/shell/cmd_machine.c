/* The machine at the prompt. */
#include "shell/balance_sheet.h"
#include "shell/commands.h"
#include "entry/entry.h"
#include "entry/irq.h"
#include "entry/notifier.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "user/hardware.h"
#include "user/process.h"
#include "x86/clock.h"
#include "x86/console.h"
#include "x86/machine.h"
#include "x86/panic.h"

static int irqs_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j");
	int err = reject_options(argc, argv);
	struct irq_info line;

	if (err)
		return err;
	if (!json)
		printk("IRQ  GSI  VECTOR  CPU  COUNT     UNHANDLED  STATE\n");
	for (u32 i = 0; irq_nth(i, &line); i++) {
		struct json j;
		if (!json) {
			printk("%3u  %3u    0x%02x  %3u  %-8u  %-9u  %s %s%s%s\n", line.irq, line.gsi, line.vector,
			       line.cpu, line.count, line.unhandled, line.handlers,
			       line.level ? "level" : "edge", line.masked ? " masked" : "",
			       line.polled ? " polled" : "");
			continue;
		}
		json_begin(&j);
		json_u64(&j, "irq", line.irq);
		json_u64(&j, "gsi", line.gsi);
		json_u64(&j, "vector", line.vector);
		json_u64(&j, "cpu", line.cpu);
		json_u64(&j, "count", line.count);
		json_u64(&j, "unhandled", line.unhandled);
		json_bool(&j, "masked", line.masked);
		json_bool(&j, "polled", line.polled);
		json_str(&j, "handlers", line.handlers);
		json_end(&j);
	}
	return 0;
}

const struct command irqs_command = {
	"irqs", "irqs [-j]", "interrupt lines and their handlers", irqs_run, NULL,
};

static int mem_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j");
	int err = reject_options(argc, argv);

	if (err)
		return err;
	wait_for_exits();		/* who waited for a program's end asks for what it gave back */
	if (json) {
		struct json j;
		json_begin(&j);
		json_u64(&j, "frames_total", frame_total());
		json_u64(&j, "frames_free", frame_available());
		json_u64(&j, "frames_cached", heap_frames() + stack_frames() + kmap_table_frames());
		json_u64(&j, "heap_bytes", heap_used_bytes());
		json_u64(&j, "heap_blocks", heap_used_blocks());
		json_u64(&j, "entries", entries_count(NULL));
		json_u64(&j, "tasks", READ_ONCE(nr_tasks));
		json_u64(&j, "stacks", stacks_in_use());
		json_u64(&j, "processes", nr_processes());
		json_u64(&j, "handles", handles_in_use());
		json_u64(&j, "endpoints", endpoints_in_use());
		json_u64(&j, "files", user_files());
		json_u64(&j, "irq_lines", irq_lines_in_use());
		json_end(&j);
		return 0;
	}
	printk("memory:       %u KiB, %u KiB free\n", frame_total() * 4, frame_available() * 4);
	printk("heap:         %u bytes in %u blocks\n", heap_used_bytes(), heap_used_blocks());
	printk("tasks:        %u, %u processes\n", READ_ONCE(nr_tasks), nr_processes());
	printk("of processes: %u handles, %u endpoints, %u files\n", handles_in_use(), endpoints_in_use(), user_files());
	printk("entry points: %u, interrupt lines: %u\n", entries_count(NULL), irq_lines_in_use());
	return 0;
}

const struct command mem_command = { "mem", "mem [-j]", "memory and what it is used for", mem_run, NULL };

static int dmesg_run(int argc, char **argv)
{
	char piece[256];
	u32 pos = 0, n;

	(void)argv;
	if (argc != 1)
		return usage_error("dmesg");
	while ((n = dmesg_read(&pos, piece, sizeof(piece))))
		console_write(piece, n);
	return 0;
}

const struct command dmesg_command = { "dmesg", "dmesg", "the kernel's messages so far", dmesg_run, NULL };

static int panic_run(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return usage_error("panic");
	panic("asked for at the prompt");
}

const struct command panic_command = {
	"panic", "panic", "stop all CPUs and show what each was doing", panic_run, NULL,
};

/* -- sync points ------------------------------------------------------------------------- */

static int sync_list(void)
{
	struct sync_info s;

	for (u32 i = 0; sync_nth(i, &s); i++)
		printk("%-24s %u to hold, %u held, %u passed\n", s.name, s.hits_left, s.held, s.passed);
	return 0;
}

static int sync_run(int argc, char **argv)
{
	u32 hits = 1;
	u64 ns = NSEC_PER_SEC;

	if (argc == 1)
		return sync_list();
	if (streq(argv[1], "reset") && argc == 2) {
		sync_reset();
		return 0;
	}
	if (argc < 3)
		return usage_error("sync");
	if (strlen(argv[2]) >= SYNC_NAME_LEN)
		return shell_error(-ENAMETOOLONG, "sync: %s: names have at most %u characters", argv[2],
		                   SYNC_NAME_LEN - 1);
	if (streq(argv[1], "hold")) {
		if (argc > 3 && parse_u32(argv[3], &hits))
			return shell_error(-EINVAL, "sync: %s is not a number of hits", argv[3]);
		int err = sync_hold(argv[2], hits);
		return err ? shell_error(err, "sync: %s: %s", argv[2], errno_text(err)) : 0;
	}
	if (streq(argv[1], "wait")) {
		if (argc > 3 && parse_duration(argv[3], &ns))
			return shell_error(-EINVAL, "sync: %s is not a time; such as 500ms", argv[3]);
		int err = sync_wait_held(argv[2], clock_ns() + ns);
		if (err == -ENOENT)
			return shell_error(err, "sync: %s is not armed; `sync hold` does that", argv[2]);
		return err ? shell_error(err, "sync: nobody came to %s", argv[2]) : 0;
	}
	if (streq(argv[1], "release")) {
		sync_release(argv[2]);
		return 0;
	}
	return usage_error("sync");
}

const struct command sync_command = {
	"sync", "sync [hold POINT [HITS] | wait POINT [TIME] | release POINT | reset]",
	"hold tasks at named places in the kernel, to force a race", sync_run, NULL,
};
