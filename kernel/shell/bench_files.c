/* bench files: what `rmmod -r` costs when many files are open. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "shell/bench.h"
#include "shell/commands.h"
#include "x86/console.h"

static const u32 points[] = { 10, 100, 1000, 10000 };
#define MOST 10000u

/* How many were opened. */
static u32 open_files(struct file **file, u32 nr)
{
	u32 n = 0;

	while (n < nr) {
		struct file *f = file_open("null", 0);

		if (IS_ERR(f))
			break;
		file[n++] = f;
	}
	return n;
}

static void close_files(struct file **file, u32 nr)
{
	while (nr)
		file_close(file[--nr]);
}

/* One revoke with `nr` files open, none of them in a call. */
static int revoke(struct bench *b, struct file **file, u32 nr, struct stats *s)
{
	u64 cycles;
	int err = bench_load(b, "null", "", &cycles);

	if (err)
		return err;
	u32 opened = open_files(file, nr);
	err = bench_remove(b, "null", UNLOAD_REVOKE, NSEC_PER_SEC * 10, &cycles);
	close_files(file, opened);
	if (err)
		return shell_error(err, "bench: %s", b->unload.report.error);
	if (opened < nr)
		return shell_error(-ENOMEM, "bench: no memory for %u open files", nr);
	stats_add(s, figure(b, cycles));
	return 0;
}

int bench_files(struct bench *b)
{
	struct file **file = kmalloc(MOST * sizeof(struct file *));
	char what[40];
	int err = file ? 0 : shell_error(-ENOMEM, "bench: no memory for a list of files");

	console_mute(true);
	for (u32 i = 0; i < ARRAY_SIZE(points) && !err && !shell_interrupted(); i++) {
		struct stats s;

		stats_init(&s, b->sample, SAMPLES);
		err = revoke(b, file, points[i], &s);
		console_mute(false);
		snprintf(what, sizeof(what), "rmmod -r, %u open files", points[i]);
		if (!err)
			print_figure(b, what, &s, unit(b));
		console_mute(true);
	}
	console_mute(false);
	kfree(file);
	return err;
}
