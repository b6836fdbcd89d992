/* Reading memory after a panic, when a pointer may lead anywhere. No lock; nothing here faults. */
#pragma once
#include "lib/list.h"

/* Is [p, p + size), at most a page, memory of the kernel? Devices are not for reading. */
bool is_readable(const void *p, u32 size);
/* Calls show() for each element of the list whose `size` bytes can be read, `offset` bytes before its
 * node; says in a line where the list is broken, or that it does not end. */
void each_readable(const struct list *head, u32 offset, u32 size, void (*show)(const void *element));
