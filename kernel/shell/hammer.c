/* hammer: devices under load, in the background. */
#include "shell/commands.h"
#include "entry/chrdev.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/mutex.h"
#include "shell/users.h"
#include "x86/console.h"

static struct mutex hammer_mutex = MUTEX(hammer_mutex, "hammer");
static struct users *hammer;		/* under hammer_mutex; NULL: idle */

static int print_counts(const struct user_counts *c, u32 nr, bool json)
{
	if (json) {
		struct json j;
		json_begin(&j);
		json_u64(&j, "tasks", nr);
		json_u64(&j, "opens", c->opens);
		json_u64(&j, "calls", c->calls);
		json_u64(&j, "refused", c->refused);
		json_u64(&j, "cut_off", c->cut_off);
		json_end(&j);
	} else {
		printk("hammer: %u tasks, %u opens, %u calls, %u opens refused, %u calls cut off\n", nr,
		       c->opens, c->calls, c->refused, c->cut_off);
	}
	return 0;
}

/* Caller holds hammer_mutex. */
static int hammer_stop(bool json)
{
	if (!hammer)
		return shell_error(-ENOENT, "hammer: it is not running");
	u32 nr = hammer->nr;
	struct user_counts sum = users_stop(hammer);
	kfree(hammer);
	hammer = NULL;
	return print_counts(&sum, nr, json);
}

static int hammer_start(const char *device, u32 nr)
{
	if (hammer)
		return shell_error(-EBUSY, "hammer: it is running already; `hammer -s` stops it");
	hammer = kzalloc(sizeof(*hammer));
	if (!hammer)
		return shell_error(-ENOMEM, "hammer: no memory");
	int err = users_start(hammer, nr, device, 1, USERS_HARD);
	if (err) {
		kfree(hammer);
		hammer = NULL;
		return shell_error(err, "hammer: no memory for %u tasks", nr);
	}
	return 0;
}

static bool complete_device(u32 i, char *out, u32 size)
{
	return chrdev_nth(i, out, size, NULL, 0);
}

static int hammer_run(int argc, char **argv)
{
	bool stop = take_flag(&argc, argv, "-s"), json = take_flag(&argc, argv, "-j"), missing;
	const char *count = take_option(&argc, argv, "-n", &missing);
	u32 nr = 2 * nr_cpus;
	int err;

	if (missing || (count && (parse_u32(count, &nr) || !nr || nr > MAX_USERS)))
		return shell_error(-EINVAL, "hammer: -n wants a number of tasks from 1 to %u", MAX_USERS);
	err = reject_options(argc, argv);
	if (err)
		return err;
	if (argc > 2)
		return usage_error("hammer");
	mutex_lock(&hammer_mutex);
	if (stop) {
		err = hammer_stop(json);
	} else if (argc == 1 && hammer) {
		struct user_counts sum = users_counts(hammer);
		err = print_counts(&sum, hammer->nr, json);
	} else {
		err = hammer_start(argc == 2 ? argv[1] : NULL, nr);
	}
	mutex_unlock(&hammer_mutex);
	return err;
}

const struct command hammer_command = {
	"hammer", "hammer [-n TASKS] [DEVICE] | -s [-j]",
	"use a device (or all) from all CPUs, in the background; -s: stop and count",
	hammer_run, complete_device,
};
