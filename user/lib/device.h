/* Devices by name, wherever their driver lives: in a server, which init's name service
 * knows, or in a module of the kernel, which takes AUTH_DEVICES in HANDLE_KERNEL. */
#pragma once
#include "user/lib/ipc.h"

#define DEVICE_NAME_LEN 24

enum device_home { HOME_NONE, HOME_MODULE, HOME_SERVER };

struct device {
	char name[DEVICE_NAME_LEN];
	enum device_home home;		/* HOME_NONE: not open */
	u32 file;			/* handle; a server closes the file when it has no copy left */
};

/* `flags`: DEVICE_NONBLOCK. 0; -ENODEV: neither a server nor a module offers it, at the moment; -EPERM; or what the
 * driver says. Waits while the server is being started again. */
int  device_open(struct device *d, const char *name, u32 flags) must_use;
/* The same of a server whose endpoint is at hand. */
int  device_open_at(struct device *d, u32 service, u32 flags) must_use;
void device_close(struct device *d);
/* Bytes, or the driver's answer; -ENODEV: the driver has gone, and whether it has done
 * what was asked for is not known. Close, and open again: it may be back, or in its other
 * home. At most DEVICE_PIECE bytes are moved at a time. */
int  device_read(const struct device *d, void *buf, u32 len) must_use;
int  device_write(const struct device *d, const void *buf, u32 len) must_use;
int  device_ioctl(const struct device *d, u32 cmd, u32 arg) must_use;

/* What a driver that is a server has to do at the moment. */
struct device_use { u32 files, calls; };
/* 0; -ENOENT: no server offers it (a module may: lsmod); -EPERM; what else the server says. */
int  device_use(const char *name, struct device_use *out) must_use;

/* -- what servers of devices answer to (user/driver) --------------------------------- */

#define DEVICE_PIECE 4096u

enum device_call {			/* w0 */
	DEVICE_OPEN = 1,	/* at the service. w1 flags. Answer: w2 is an endpoint, given, that stands for
				 * the open file; READ to CLOSE go there */
	DEVICE_READ,		/* grant to write; the answer is the number of bytes */
	DEVICE_WRITE,		/* grant to read */
	DEVICE_IOCTL,		/* w1 command, w2 argument */
	DEVICE_CLOSE,
	DEVICE_USE,		/* at the service. Answer: w1 open files, w2 calls that wait in the driver */
};
