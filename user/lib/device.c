#include "user/lib/device.h"
#include "lib/string.h"
#include "user/lib/service.h"
#include "user/lib/syscall.h"

/* A server that has ended is a device that is not there. */
static int call_server(u32 endpoint, u32 flags, struct message *m)
{
	int err = ipc_call(endpoint, flags, m);

	return err == -EPIPE ? -ENODEV : err < 0 ? err : (int)m->w0;
}

int device_open_at(struct device *d, u32 service, u32 flags)
{
	struct message m = { DEVICE_OPEN, flags, 0, 0 };
	int err = call_server(service, 0, &m);

	*d = (struct device){ .home = HOME_NONE };
	if (err >= 0 && !m.gift)
		err = -EIO;		/* that is no driver */
	if (err >= 0)
		*d = (struct device){ .home = HOME_SERVER, .file = m.gift };
	else if (m.gift)
		handle_close(m.gift);
	return MIN(err, 0);
}

static int open_server(struct device *d, const char *name, u32 flags)
{
	int service = service_lookup(name);

	if (service < 0)	/* -EPERM: a device, and we have no right to devices */
		return service == -EPERM ? service : -ENOENT;	/* also without the name service */
	int err = device_open_at(d, (u32)service, flags);
	handle_close((u32)service);
	return err;
}

static int open_module(struct device *d, const char *name, u32 flags)
{
	int file = syscall(SYS_OPEN, HANDLE_KERNEL, address(name), strlen(name), flags);

	if (file < 0)
		return file;
	*d = (struct device){ .home = HOME_MODULE, .file = (u32)file };
	return 0;
}

int device_open(struct device *d, const char *name, u32 flags)
{
	*d = (struct device){ .home = HOME_NONE };
	if (strlen(name) >= sizeof(d->name))
		return -ENODEV;
	int err = open_server(d, name, flags);
	if (err == -ENOENT)
		err = open_module(d, name, flags);
	strlcpy(d->name, name, sizeof(d->name));
	return err;
}

void device_close(struct device *d)
{
	if (d->home == HOME_SERVER)
		(void)!ipc_ask(d->file, DEVICE_CLOSE, 0, 0);	/* a server that has ended has closed it */
	if (d->home != HOME_NONE)
		handle_close(d->file);
	d->home = HOME_NONE;
}

static int transfer(const struct device *d, enum device_call what, enum syscall number, u32 flags,
                    const void *buf, u32 len)
{
	struct message m = { what, address(buf), len, 0 };

	switch (d->home) {
	case HOME_SERVER: return call_server(d->file, flags, &m);
	case HOME_MODULE: return syscall(number, d->file, address(buf), len, 0);
	default:          return -ENODEV;
	}
}

int device_read(const struct device *d, void *buf, u32 len)
{
	return transfer(d, DEVICE_READ, SYS_READ, MSG_GRANT_WRITE, buf, len);
}

int device_write(const struct device *d, const void *buf, u32 len)
{
	return transfer(d, DEVICE_WRITE, SYS_WRITE, MSG_GRANT_READ, buf, len);
}

int device_ioctl(const struct device *d, u32 cmd, u32 arg)
{
	struct message m = { DEVICE_IOCTL, cmd, arg, 0 };

	switch (d->home) {
	case HOME_SERVER: return call_server(d->file, 0, &m);
	case HOME_MODULE: return syscall(SYS_IOCTL, d->file, cmd, arg, 0);
	default:          return -ENODEV;
	}
}

int device_use(const char *name, struct device_use *out)
{
	struct message m = { DEVICE_USE, 0, 0, 0 };
	int service = service_lookup(name);

	if (service < 0)
		return service;
	int err = call_server((u32)service, 0, &m);
	handle_close((u32)service);
	*out = (struct device_use){ m.w1, m.w2 };
	return err;
}
