/* What the files about character devices share: the record. */
#pragma once
#include "entry/chrdev.h"

typedef int (*read_fn)(struct file *f, void *buf, u32 len);
typedef int (*write_fn)(struct file *f, const void *buf, u32 len);
typedef int (*ioctl_fn)(struct file *f, u32 cmd, u32 arg);

struct chrdev {
	struct entry e;
	/* Where calls lead: to the driver, or to one of the stubs below. Written
	 * under registry_lock; each call reads its one once, without. */
	read_fn  read;
	write_fn write;
	ioctl_fn ioctl;

	/* Fixed. */
	struct chrdev_ops driver;
	void *private;

	/* Under registry_lock. */
	struct list node;		/* in devices */
	struct list files;
	u32 refs;			/* registration, files, callers of file_open() */
	bool gone;			/* unregistered: e.owner must not be used */
};

/* All that are registered, oldest first. Under registry_lock. */
extern struct list devices;
/* By name; NULL: none. Caller holds registry_lock. */
struct chrdev *device_find(const char *name);
/* Gives a reference back; the last one frees the record. Any context. */
void device_put(struct chrdev *d);
/* Open files that are not cut off. Caller holds registry_lock. */
u32  device_count_files(const struct chrdev *d);

/* -- the gate (device_gate.c) ------------------------------------------------- */
/* Where calls lead while the device is closed. */
int  held_read(struct file *f, void *buf, u32 len);
int  held_write(struct file *f, const void *buf, u32 len);
int  held_ioctl(struct file *f, u32 cmd, u32 arg);
/* Would a call (for `opening`: an open) be held back now? */
bool gate_is_shut(const struct chrdev *d, bool opening);
/* Waits until it would not. 0; -ENODEV: the module is gone, or *cut; -EINTR. The
 * caller has a reference to the device. May sleep. */
int  gate_pass(struct chrdev *d, bool opening, const bool *cut) must_use;
