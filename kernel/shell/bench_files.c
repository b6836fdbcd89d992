/* bench files: what `rmmod -r` costs when many files are open. */
#include "entry/chrdev.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "shell/bench.h"
#include "shell/commands.h"

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
static int revoke(struct bench *b, struct file **file, u32 nr, u32 *took)
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
	*took = figure(b, cycles);
	return 0;
}

static void print_one(struct bench *b, const char *what, u32 value)
{
	struct stats s;

	stats_init(&s, b->sample, SAMPLES);
	stats_add(&s, value);
	print_figure(b, what, &s, unit(b));
}

/* One line for each number of files, and the slope between the last two. */
static int revoke_all(struct bench *b, struct file **file)
{
	u32 took = 0, before = 0, n = 0, i;
	char what[40];
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(points) && !err && !shell_interrupted(); i++) {
		before = took;
		n = points[i];
		err = revoke(b, file, n, &took);
		snprintf(what, sizeof(what), "rmmod -r, %u open files", n);
		if (!err)
			print_one(b, what, took);
	}
	if (!err && i == ARRAY_SIZE(points))
		print_one(b, "rmmod -r, each further open file", (took - before) / (n - points[i - 2]));
	return err;
}

int bench_files(struct bench *b)
{
	struct file **file = kmalloc(MOST * sizeof(struct file *));
	int err = file ? 0 : shell_error(-ENOMEM, "bench: no memory for a list of files");

	if (!err)
		err = revoke_all(b, file);
	kfree(file);
	return err;
}
