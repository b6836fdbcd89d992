/* E4 to E7: what release() may rely on when its file is cut off.
 *
 *   CPU 0 (rmmod -r)                  CPU 1 (holder)
 *   cuts its file off
 *                                     closes it: waits for release()
 *   release() unregisters the device
 *   of this very file (E4): the file
 *   is freed under both
 *
 * E4: the device goes with its last file. E5: release() waits for a timer, which a closed door
 * holds back. E6: release() closes a file of another device of the same module. E7: open() locks
 * a mutex, release() unlocks it. Derived; each is what a driver may do on an ordinary close.
 */
#include "modules/hazards/hazard.h"

static struct chrdev *once;		/* the device of E4 */
static struct timer *transfer;
static volatile bool busy;
static struct mutex exclusive = MUTEX(exclusive, "h_e04");

/* -- E4: h_e04_once ------------------------------------------------------------------ */

static void release_once(struct file *f)
{
	struct chrdev *d = once;

	once = NULL;
	sleep_ns(20 * stage.ms);	/* the holder comes meanwhile */
	chrdev_unregister(d);
	sleep_ns(10 * stage.ms);
	count_out(f);
}

static const struct chrdev_ops once_ops = { .open = count_in, .release = release_once };

/* -- E5: h_e04_drain ------------------------------------------------------------------- */

static void transfer_done(void *arg)
{
	(void)arg;
	busy = false;
}

static int open_drain(struct file *f)
{
	busy = true;
	(void)timer_arm(transfer, 100 * stage.ms);
	return count_in(f);
}

static void release_drain(struct file *f)
{
	while (busy)
		sleep_ns(stage.ms);
	count_out(f);
}

static const struct chrdev_ops drain_ops = { .open = open_drain, .release = release_drain };

/* -- E6: h_e04_pair, which has a file of h_e04_data open --------------------------------- */

/* Not in open(): under a strategy with a mutex around opens it would wait for itself. */
static int read_pair(struct file *f, void *buf, u32 len)
{
	struct file *data = file_open("h_e04_data", 0);

	(void)buf;
	if (IS_ERR(data))
		return PTR_ERR(data);
	f->private = data;
	atomic_add(&stage.at, 1);
	int err = wait_event(&stage.queue, stage.go);
	return err ? err : (int)len;
}

static void release_pair(struct file *f)
{
	if (f->private)
		file_close(f->private);
	count_out(f);
}

static const struct chrdev_ops pair_ops = { .open = count_in, .release = release_pair, .read = read_pair };
static const struct chrdev_ops data_ops = { COUNTED };

/* -- E7: h_e04_lock ------------------------------------------------------------------------ */

static int open_locked(struct file *f)
{
	return mutex_trylock(&exclusive) ? count_in(f) : -EBUSY;
}

static void release_locked(struct file *f)
{
	mutex_unlock(&exclusive);
	count_out(f);
}

static const struct chrdev_ops lock_ops = { .open = open_locked, .release = release_locked };

/* -- life ------------------------------------------------------------------------------------ */

static const struct chrdev_ops ops = { COUNTED, .ioctl = answer_probe };
static struct chrdev *other[4];

static int __init release_init(void)
{
	transfer = timer_create("h_e04", transfer_done, NULL);
	once = chrdev_register("h_e04_once", &once_ops, NULL);
	other[0] = chrdev_register("h_e04_drain", &drain_ops, NULL);
	other[1] = chrdev_register("h_e04_pair", &pair_ops, NULL);
	other[2] = chrdev_register("h_e04_data", &data_ops, NULL);
	other[3] = chrdev_register("h_e04_lock", &lock_ops, NULL);
	if (IS_ERR(transfer) || IS_ERR(once))
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(other); i++) {
		if (IS_ERR(other[i]))
			return PTR_ERR(other[i]);
	}
	return offer("h_e04_release", &ops);
}
module_init(release_init);

static void __exit release_exit(void)
{
	withdraw();
	if (once)
		chrdev_unregister(once);
	for (u32 i = 0; i < ARRAY_SIZE(other); i++)
		chrdev_unregister(other[i]);
	timer_destroy(transfer);
}
module_exit(release_exit);

#define HELD_OPEN(device)                                                        \
	"hold hazard:opened; insmod; call open 1 - " device "; held hazard:opened; " \
	"unload revoke; sleep 10; free hazard:opened; out"
HAZARD("E4", "release-takes-device", "derived", HELD_OPEN("h_e04_once"));
HAZARD("E5", "release-drains", "derived", HELD_OPEN("h_e04_drain"));
HAZARD("E6", "release-closes", "derived",
       "insmod; call read 1 - h_e04_pair; at 1; unload revoke; try; go; wake; out");
HAZARD("E7", "release-unlocks", "derived", HELD_OPEN("h_e04_lock"));
MODULE_DESCRIPTION("Hazards E4 to E7: what release() may do");
MODULE_LICENSE("MIT");
