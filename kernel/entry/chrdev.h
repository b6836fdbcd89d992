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

#define FILE_NONBLOCK 1u		/* return -EAGAIN instead of waiting */

struct chrdev;			/* outside of entry/ a handle (entry/handle.h): usable, in vain, when its record is gone */

struct file {
	/* Fixed after open. */
	struct chrdev *dev;		/* the core's */
	u32 flags;
	u32 task_id;
	char task_name[TASK_NAME_LEN];	/* a copy: the opener may be gone */
	u64 opened_at;			/* clock_ns() */
	void *dev_private;		/* what chrdev_register() was given */
	/* The driver's. */
	void *private;
	/* Under registry_lock. */
	struct list node;		/* in dev->files */
	const struct turnstile *turnstile;	/* that counted it; NULL: none */
	enum { FILE_OPEN, FILE_RELEASING, FILE_RELEASED } release;	/* has the driver been told? */
	/* Written once, under registry_lock; read without. */
	bool revoked;
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
/* A file belongs to one task at a time: nobody else may be using it. May sleep. */
void file_close(struct file *f);
/* Bytes (a driver that claims more than `len` is at fault), or an error; -ENODEV once the driver is gone or the file was revoked.
 * No locked instruction and no write to shared memory on the way in. */
int  file_read(struct file *f, void *buf, u32 len);
int  file_write(struct file *f, const void *buf, u32 len);
int  file_ioctl(struct file *f, u32 cmd, u32 arg);

/* The i-th device's name, for listing and completion; false past the end. */
bool chrdev_nth(u32 i, char *name, u32 size, char *owner, u32 owner_size);

/* -- for unload/ ---------------------------------------------------------- */
struct file_holder { char dev[24]; u32 task_id; char task_name[TASK_NAME_LEN]; u64 opened_at; };
/* The i-th open, unrevoked file of the module's devices; false past the end. */
bool owner_file_holder(struct owner *o, u32 i, struct file_holder *out);
u32  owner_open_files(struct owner *o);
/* Cuts off every open file: calls in flight are woken, later ones get -ENODEV. */
u32  owner_revoke_files(struct owner *o);
/* After the commit and before the module's exit: calls the driver's release for
 * each file still open (in the caller's task), so that it can let go of what it
 * keeps per file. */
void owner_release_files(struct owner *o);
