#include "shell/balance_sheet.h"
#include "entry/entry.h"
#include "entry/irq.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "unload/graveyard.h"
#include "user/hardware.h"
#include "user/process.h"
#include "x86/clock.h"
#include "x86/console.h"

/* Somebody may keep the record of one that has ended for as long as he likes. */
#define EXITS_NS (NSEC_PER_SEC / 4)

void wait_for_exits(void)
{
	u64 end = clock_ns() + EXITS_NS;

	while (READ_ONCE(nr_exiting) && !clock_passed(end))
		sleep_ns(NSEC_PER_MSEC);
}

struct balance_sheet balance_take(void)
{
	struct balance_sheet b;
	struct module *m;

	wait_for_exits();
	graveyard_clear();
	b = (struct balance_sheet){
		.frames = frame_total() - frame_available() - heap_frames() - stack_frames() -
		          kmap_table_frames(),
		.heap_blocks = heap_used_blocks(),
		.heap_bytes = heap_used_bytes(),
		.entries = entries_count(NULL),
		.tasks = READ_ONCE(nr_tasks),
		.processes = nr_processes(),
		.stacks = stacks_in_use(),
		.handles = handles_in_use(),
		.endpoints = endpoints_in_use(),
		.files = user_files(),
		.irq_lines = irq_lines_in_use(),
	};
	mutex_lock(&modules_mutex);
	list_for_each(m, &modules, node)
		b.modules++;
	mutex_unlock(&modules_mutex);
	return b;
}

struct balance_sheet balance_before(void)
{
	u64 end = clock_ns() + 2 * NSEC_PER_SEC;
	struct balance_sheet now = balance_take(), last;

	do {
		last = now;
		sleep_ns(30 * NSEC_PER_MSEC);
		now = balance_take();
	} while (memcmp(&now, &last, sizeof(now)) && !clock_passed(end));
	return now;
}

struct balance_sheet balance_after(const struct balance_sheet *before, u64 patience_ns)
{
	u64 end = clock_ns() + patience_ns;
	struct balance_sheet now = balance_take();

	while (memcmp(&now, before, sizeof(now)) && !clock_passed(end)) {
		sleep_ns(5 * NSEC_PER_MSEC);
		now = balance_take();
	}
	return now;
}

static bool same(const char *who, const char *what, u32 before, u32 after)
{
	if (before == after)
		return true;
	printk("%s: %s: %u before, %u after\n", who, what, before, after);
	return false;
}

bool balance_compare(const char *who, const struct balance_sheet *before,
                     const struct balance_sheet *after)
{
	bool ok = true;

	ok &= same(who, "frames in use", before->frames, after->frames);
	ok &= same(who, "heap blocks", before->heap_blocks, after->heap_blocks);
	ok &= same(who, "heap bytes", before->heap_bytes, after->heap_bytes);
	ok &= same(who, "entry points", before->entries, after->entries);
	ok &= same(who, "tasks", before->tasks, after->tasks);
	ok &= same(who, "processes", before->processes, after->processes);
	ok &= same(who, "stacks", before->stacks, after->stacks);
	ok &= same(who, "handles", before->handles, after->handles);
	ok &= same(who, "endpoints", before->endpoints, after->endpoints);
	ok &= same(who, "files of processes", before->files, after->files);
	ok &= same(who, "interrupt lines", before->irq_lines, after->irq_lines);
	ok &= same(who, "modules", before->modules, after->modules);
	return ok;
}
