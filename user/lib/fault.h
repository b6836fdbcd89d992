/* What a supervisor makes of the faults that the kernel calls it with. */
#pragma once
#include "user/lib/ipc.h"

static inline bool is_fault(const struct call *c) { return c->w0 >> 28 == 0xf; }

/* "page fault: wrote 0x00000000 at 0x00401234": one line without its end. */
void fault_text(const struct call *c, char *out, u32 size);
