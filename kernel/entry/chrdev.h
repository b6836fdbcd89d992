/* Character devices: the main way of tasks into a driver. */
#pragma once
#include "entry/entry.h"

struct file;
struct turnstile;

/* What a driver offers. NULL: not offered (-ENOTTY, -EINVAL; open and release
 * may be left out). Each returns >= 0 or a negative error. May sleep. */
struct chrdev_ops {
	int  (*open)(struct file *f);
	void (*release)(struct file *f);
	int  (*read)(struct file *f, void *buf, u32 len);
	int  (*write)(struct file *f, const void *buf, u32 len);
	int  (*ioctl)(struct file *f, u32 cmd, u32 arg);
};

#define FILE_NONBLOCK 1u		/* return -EAGAIN instead of waiting, at the gate too */

struct chrdev;			/* outside of entry/ a handle (entry/handle.h): usable, in vain, when its record is gone */

typedef int (*read_fn)(struct file *f, void *buf, u32 len);
typedef int (*write_fn)(struct file *f, const void *buf, u32 len);
typedef int (*ioctl_fn)(struct file *f, u32 cmd, u32 arg);

/* Where calls lead: to the driver, or to stubs of the core. */
struct chrdev_leads {
	read_fn  read;
	write_fn write;
	ioctl_fn ioctl;
};

/* The end of a file: see file_end.c. */
enum file_state {
	FILE_OPENING,		/* the driver's open() has not returned */
	FILE_OPEN,
	FILE_RELEASING,		/* one task is in release(), or about to be */
	FILE_RELEASED,		/* the driver has nothing to do with it any more */
};

struct file {
	/* Fixed after open. */
	struct chrdev *dev;		/* the core's */
	u32 flags;
	u32 task_id;
	u32 party;			/* whose it is, for the gate: see file_holders.c */
	char task_name[TASK_NAME_LEN];	/* a copy: the opener may be gone */
	u64 opened_at;			/* clock_ns() */
	void *dev_private;		/* what chrdev_register() was given */
	struct entry e;			/* opened by a module: a record of that module */
	/* The driver's. */
	void *private;
	/* The task that uses it: a file belongs to one at a time. Others only read. */
	u32 calls;			/* that have begun and not ended, open() included */
	struct task *user;		/* who began the last one; to compare with, not to follow */
	/* Written under registry_lock; each call reads them once, without. */
	const struct chrdev_leads *to;	/* &dev->to until it is cut off */
	bool watched;			/* the end of a call has something to do: file_call_ended() */
	/* Under registry_lock. */
	struct list node;		/* in one of dev->files[] */
	struct list link;		/* used: with others of its party; cut off in a call: busy */
	const struct turnstile *turnstile;	/* that counted it; NULL: none */
	enum file_state state;
	bool counted;			/* in the owner's nr_files */
	bool cut;			/* calls get -ENODEV */
	bool busy;			/* cut off while a call was in progress, which has not ended */
	bool dropped;			/* closed: nobody but who ends it knows it any more */
	bool close_late;		/* closed from inside a call of its own, whose end does it */
};

/* Registers device `name` (copied; as are the functions). Returns a handle or
 * ERR_PTR: -EEXIST, -ENOMEM, -EINVAL (name; or functions and private data of two
 * modules), or as entry_add() says. Its modules are the one that holds the functions and
 * the private data, and the caller; core functions may be among them. Tasks may call
 * before this returns. Any context. */
struct chrdev *chrdev_register(const char *name, const struct chrdev_ops *ops, void *private) must_use;
/* No call of a task begins in the driver any more, not even release() for files
 * that are still open: those get -ENODEV. Calls that have begun are not waited
 * for: a driver that unregisters while it stays loaded keeps what they use, or
 * counts them itself. (At an unload there are none: nobody is inside.) May sleep. 0, or as
 * entry_destroy() says. */
int  chrdev_unregister(struct chrdev *d);
/* What chrdev_register() was given; NULL: the device is gone. In a call on a file it is
 * f->dev_private. Any context. */
void *chrdev_private(const struct chrdev *d);

/* -- for tasks ------------------------------------------------------------ */
/* ERR_PTR: -ENODEV (no such device, or gone while waiting), or the driver's. */
struct file *file_open(const char *name, u32 flags) must_use;
/* Closes it: calls the driver's release(), unless the driver is gone, or the file was cut
 * off and another task is at it. From inside a call on that very file it takes effect when
 * the call returns. A file belongs to one task at a time: nobody else may be using it. May
 * sleep. 0. (A module has a handle instead, and gets an error for one that leads nowhere:
 * module_file.h.) */
int  file_close(struct file *f);
/* Bytes (a driver that claims more than `len` is at fault), or an error; -ENODEV once the driver is gone or the file was revoked.
 * No locked instruction and no write to shared memory on the way in. */
int  file_read(struct file *f, void *buf, u32 len);
int  file_write(struct file *f, const void *buf, u32 len);
int  file_ioctl(struct file *f, u32 cmd, u32 arg);

/* The i-th device's name, for listing and completion; false past the end. */
bool chrdev_nth(u32 i, char *name, u32 size, char *owner, u32 owner_size);

/* For a task that leaves the calls which it has begun without returning from them (its
 * process ended because the driver faulted). Not from a driver. */
void file_calls_left(void);

/* -- for unload/ ---------------------------------------------------------- */
struct file_holder {
	char dev[24];
	u32 task_id;			/* the opener's */
	char task_name[TASK_NAME_LEN];
	char module[MODULE_NAME_LEN];	/* that opened it; "": none did */
	u64 opened_at;
	enum file_state state;
	bool cut;
};
/* One that holds the module by a file: of those that are not cut off, the oldest, else any.
 * False: nobody does. */
bool owner_file_holder(struct owner *o, struct file_holder *out);
/* Files of its devices whose driver has not done with them. Any context. */
u32  owner_open_files(struct owner *o);
/* Cuts off every open file and has them released, while the module is whole: calls in flight are
 * woken and get -ENODEV from their waits, later ones -ENODEV at once; when the last call of a
 * file has ended, the driver's release() is called, in that task, or for files that nobody uses
 * in a task of the core. Does not wait for any of it: owner_wait_files() does. The gate has to
 * be shut (owner_set_draining()). 0; -ENOMEM: no task for the releases, and nothing is cut off;
 * -EIO: a CPU does not answer, so none is released yet: call it again. Adds to *nr how many
 * were cut off. Linear. May sleep. */
int  owner_cut_files(struct owner *o, u32 *nr) must_use;
/* Waits until no file is left, or none has ended for so long (ns), or `deadline`. 0: none is left;
 * -ETIMEDOUT, -EINTR. May sleep. */
int  owner_wait_files(struct owner *o, u64 quiet, u64 deadline) must_use;
/* Starts one more task for releases if some wait for a turn: those at work may be stuck. */
void owner_help_release(struct owner *o);
/* Is `t` in a call on a cut file of `o`, or in the release() of one? Any context. */
bool owner_is_left_by(struct owner *o, const struct task *t);
