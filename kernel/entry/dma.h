/* Memory that a module gives to a device. A device writes whenever it likes, and no
 * inspection of CPUs and stacks will find it; so its driver says how it is stopped,
 * and the core sees to it that it is before the memory goes. */
#pragma once
#include "entry/entry.h"

struct dma;			/* a handle (entry/handle.h): usable, in vain, when its record is gone */

/* Gives `len` bytes at `buf`, a module's own and within one page, to a device.
 * stop(arg) makes the device quiet: when it returns, the device
 * writes no more. It may sleep and is called once, by dma_unmap() or, when exit has
 * forgotten that, after exit: so it looks at the device and at nothing that exit has
 * freed. ERR_PTR: -EINVAL (no stop, no module's memory, crosses a page), -ENOMEM, or as
 * entry_add() says. Task context. */
struct dma *dma_map(const char *name, void *buf, u32 len, void (*stop)(void *arg),
                    void *arg) must_use;
/* What the device is told. On a PC a bus address is a physical one. 0: the record is gone.
 * Any context. */
u64  dma_address(const struct dma *d);
/* Stops the device; the memory is the driver's alone again. May sleep; not from stop(). 0, or
 * as entry_destroy() says. */
int  dma_unmap(struct dma *d);
