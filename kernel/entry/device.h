/* What the files about character devices share: the record. */
#pragma once
#include "entry/chrdev.h"

/* Where a file of a device is kept. */
enum {
	FILES_USED,		/* not cut off */
	FILES_CUT,		/* cut off, and not looked at since: a call may have begun before */
	FILES_IDLE,		/* no call is in progress: release() is due */
	FILES_REST,		/* cut off, in a call that has to end first; or in release() */
	FILES_DONE,		/* released, not closed yet */
	FILES_GONE,		/* the device is unregistered */
	NR_FILE_LISTS,
};

struct chrdev {
	struct entry e;
	/* To the driver, or to one of the stubs below. Written under registry_lock; each
	 * call reads its one once, without. */
	struct chrdev_leads to;

	/* Fixed. */
	struct chrdev_ops driver;
	void *private;

	/* Under registry_lock. */
	struct list node;		/* in devices */
	struct list files[NR_FILE_LISTS];
	u32 nr_open;			/* files that the owner counts */
	u32 refs;			/* registration, files, callers of file_open() */
	bool gone;			/* unregistered: e.owner must not be used */
};

/* All that are registered, oldest first. Under registry_lock. */
extern struct list devices;
/* By name; NULL: none. Caller holds registry_lock. */
struct chrdev *device_find(const char *name);
/* Gives a reference back; the last one frees the record. Any context. */
void device_put(struct chrdev *d);
/* The devices of `o` that are registered. Caller holds registry_lock. */
#define for_each_device_of(d, o)                                                \
	list_for_each(d, &devices, node)                                        \
		if ((d)->e.owner == (o))
/* All files of a device. Caller holds registry_lock. */
#define for_each_file_of(f, d)                                                  \
	for (u32 list_ = 0; list_ < NR_FILE_LISTS; list_++)                     \
		list_for_each(f, &(d)->files[list_], node)
/* -ENODEV: unregistered, or cut off. */
extern const struct chrdev_leads leads_nowhere;
/* So many files are dealt with before registry_lock is released. */
#define FILES_AT_ONCE 32

/* -- files: file_end.c --------------------------------------------------------- */
typedef void (*release_fn)(struct file *f);
/* Woken at the end of each file that was cut off. */
extern struct wait_queue file_ends;
/* Makes the end of `f` the caller's, who then calls file_release() and file_ended(): false
 * when it is another's, or a call is in progress. Caller holds registry_lock. */
bool file_claim_end(struct file *f, release_fn *release) must_use;
/* Calls the driver's release(), which may take device and owner apart. May sleep. */
void file_release(struct file *f, release_fn release);
/* The driver has done with it: frees it, if it is closed. */
void file_ended(struct file *f);
/* The same for a caller that holds registry_lock: true, it is his to free. */
bool file_set_ended(struct file *f) must_use;
void file_free(struct file *f);
/* Its device is unregistered: as file_set_ended(), unless somebody is in open() or release(). */
bool file_lost_device(struct file *f) must_use;
/* The end of the last call of a watched file. May sleep. */
void file_call_ended(struct file *f);
/* The driver's open() has returned `err` (0 and above: it is open). Returns it, or -ENODEV when the
 * file was cut off or closed meanwhile; below 0 the file is gone. May sleep. */
int  file_opened(struct file *f, int err) must_use;
/* The two halves of file_close(): the end, unless it is another's; and the memory, now or at
 * the end. May sleep. */
void file_end_by_holder(struct file *f);
void file_drop(struct file *f);

/* -- files: file_holders.c ------------------------------------------------------- */
u32  file_party(void);			/* whom the calling task opens files for */
/* Does `party` hold another file of `o`? Then it passes the gate of opens, since it may have
 * to, to come to an end with that one. Caller holds registry_lock. */
bool file_may_join(const struct owner *o, u32 party);
/* Caller holds registry_lock. */
void file_join_party(struct file *f);
void file_set_busy(struct file *f);	/* cut off in a call: its waits end */
void file_unlink(struct file *f);	/* neither of the two */
void file_move(struct file *f, u32 list);
/* Is the calling task in a call on a file that has been cut off? Any context. */
bool file_call_is_cut(void);

/* -- files: file_cut.c ------------------------------------------------------------ */
/* Cuts off this one, has it released in a task of the core, and waits for that for so long.
 * May sleep. */
void file_take_back(struct file *f);

/* -- the gate (device_gate.c) ------------------------------------------------- */
/* Where calls lead while the device is closed. */
int  held_read(struct file *f, void *buf, u32 len);
int  held_write(struct file *f, const void *buf, u32 len);
int  held_ioctl(struct file *f, u32 cmd, u32 arg);
/* Would a call (for `opening`: an open) be held back now? */
bool gate_is_shut(const struct chrdev *d, bool opening);
/* Waits until it would not. 0; -ENODEV: the module is gone, or *cut; -EINTR; -EAGAIN with
 * FILE_NONBLOCK in `flags`. The caller has a reference to the device. May sleep. */
int  gate_pass(struct chrdev *d, bool opening, const bool *cut, u32 flags) must_use;
