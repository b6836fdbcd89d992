/* Error numbers, with Linux's names and values. Functions return 0 or a
 * negative one of these; pointers carry them through ERR_PTR(). */
#pragma once
#include "lib/types.h"

#define EPERM         1
#define ENOENT        2
#define ESRCH         3
#define EINTR         4
#define EIO           5
#define ENXIO         6
#define E2BIG         7
#define ENOEXEC       8
#define EBADF         9
#define EAGAIN       11
#define EWOULDBLOCK  EAGAIN
#define ENOMEM       12
#define EACCES       13
#define EFAULT       14
#define EBUSY        16
#define EEXIST       17
#define ENODEV       19
#define EINVAL       22
#define EMFILE       24
#define ENOTTY       25
#define ENOSPC       28
#define EPIPE        32
#define ERANGE       34
#define EDEADLK      35
#define ENAMETOOLONG 36
#define ENOSYS       38
#define ELOOP        40
#define ETIME        62
#define EPROTO       71
#define EBADMSG      74
#define EOVERFLOW    75
#define ENOTSUP      95
#define ETIMEDOUT   110
#define ECANCELED   125

#define MAX_ERRNO   255

/* The name of error `err` (either sign): "EBUSY". Never NULL. */
const char *errno_name(int err);
/* What `err` means in a few words: "in use". Never NULL. */
const char *errno_text(int err);

static inline void *ERR_PTR(int err)         { return (void *)(intptr_t)err; }
static inline int   PTR_ERR(const void *p)   { return (int)(intptr_t)p; }
static inline bool  IS_ERR(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)-MAX_ERRNO;
}
