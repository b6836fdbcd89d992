/* file_open() and friends as modules have them (exports.c): a file is a record of the module
 * that opened it, and what the module holds is a handle (entry/handle.h). */
#pragma once
#include "entry/chrdev.h"

/* As file_open(), and -ENODEV when the calling module is going. */
struct file *module_file_open(const char *name, u32 flags) must_use;
/* As file_read() and so on. -ENODEV as well when the module that opened the file is gone, or
 * the file was closed; -EBUSY when another task is in a call on it. May sleep. */
int  module_file_read(struct file *handle, void *buf, u32 len);
int  module_file_write(struct file *handle, const void *buf, u32 len);
int  module_file_ioctl(struct file *handle, u32 cmd, u32 arg);
/* 0; -ENODEV: it is closed already, or its opener is gone; -EBUSY; -EDEADLK, after a message:
 * the caller may not sleep. From inside a call on that very file it takes effect when the
 * call returns. */
int  module_file_close(struct file *handle);
