#include "lib/errno.h"

static const struct { const char *name, *text; } error[] = {
#define E(n, t) [n] = { #n, t }
	[0] = { "OK", "success" },
	E(EPERM,        "not permitted"),
	E(ENOENT,       "no such thing"),
	E(ESRCH,        "no such task"),
	E(EINTR,        "interrupted"),
	E(EIO,          "input/output error"),
	E(ENXIO,        "no such device or address"),
	E(E2BIG,        "too long"),
	E(ENOEXEC,      "not a module this kernel can load"),
	E(EBADF,        "bad file"),
	E(EAGAIN,       "not ready, try again"),
	E(ENOMEM,       "out of memory"),
	E(EACCES,       "access denied"),
	E(EFAULT,       "bad address"),
	E(EBUSY,        "in use"),
	E(EEXIST,       "exists already"),
	E(ENODEV,       "no such device"),
	E(EINVAL,       "invalid argument"),
	E(EMFILE,       "too many open files"),
	E(ENOTTY,       "not offered by this device"),
	E(ENOSPC,       "no space left"),
	E(EPIPE,        "nobody reads the other end"),
	E(ERANGE,       "out of range"),
	E(EDEADLK,      "would deadlock"),
	E(ENAMETOOLONG, "name too long"),
	E(ENOSYS,       "not implemented"),
	E(ELOOP,        "goes round in a circle"),
	E(ETIME,        "timer expired"),
	E(EPROTO,       "protocol error"),
	E(EBADMSG,      "damaged data"),
	E(EOVERFLOW,    "value too large"),
	E(ENOTSUP,      "not supported"),
	E(ETIMEDOUT,    "timed out"),
	E(ECANCELED,    "cancelled"),
#undef E
};

/* The entry of `err`, or -1. Unsigned, so that INT_MIN cannot overflow. */
static int index_of(int err)
{
	u32 n = err < 0 ? 0 - (u32)err : (u32)err;

	return n < ARRAY_SIZE(error) && error[n].name ? (int)n : -1;
}

const char *errno_name(int err)
{
	int i = index_of(err);

	return i < 0 ? "E???" : error[i].name;
}

const char *errno_text(int err)
{
	int i = index_of(err);

	return i < 0 ? "unknown error" : error[i].text;
}
