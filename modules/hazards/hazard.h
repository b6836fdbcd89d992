/* What the hazard modules share. `hazard` at the prompt finds them by their
 * modinfo and plays their scripts; kernel/shell/hazard_script.c has the steps. */
#pragma once
#include "module/api.h"
#include "entry/stage.h"

/* One experiment: its id in the catalogue, name, who said it first, and its script. */
#define HAZARD(id, name, source, script) MODINFO("hazard", id "|" name "|" source "|" script)

#define HAZARD_ALIVE 0x900d	/* what a usable module answers to ioctl 0 */

/* Stands in this very function until the director says go: EIP is in the module. */
static inline void stand(void)
{
	atomic_add(&stage.at, 1);
	while (!stage.go)
		cpu_relax();
}

/* For drivers whose device is there to be probed only. */
static inline int answer_probe(struct file *f, u32 cmd, u32 arg)
{
	(void)f, (void)arg;
	return cmd == 0 ? HAZARD_ALIVE : -EINVAL;
}

static inline int offer(const char *name, const struct chrdev_ops *ops)
{
	struct chrdev *device = chrdev_register(name, ops, NULL);

	return IS_ERR(device) ? PTR_ERR(device) : 0;
}
