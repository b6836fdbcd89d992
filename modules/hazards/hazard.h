/* What the hazard modules share. `hazard` at the prompt finds them by their
 * modinfo and plays their scripts; kernel/shell/hazard_script.c has the steps. */
#pragma once
#include "module/api.h"
#include "entry/stage.h"

/* One experiment: its id in the catalogue, name, who said it first, and its script. */
#define HAZARD(id, name, source, script) MODINFO("hazard", id "|" name "|" source "|" script)

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

/* A driver of 2.4 counts itself; strategies of that time look at it. */
MODULE_COUNTS_ITSELF();

static inline int count_in(struct file *f)
{
	(void)f;
	MOD_INC_USE_COUNT;
	return 0;
}

static inline void count_out(struct file *f)
{
	(void)f;
	MOD_DEC_USE_COUNT;
}

#define COUNTED .open = count_in, .release = count_out

static struct chrdev *offered;
static const char *offered_name;
static const struct chrdev_ops *offered_ops;

static int offer(const char *name, const struct chrdev_ops *ops)
{
	struct chrdev *device = chrdev_register(name, ops, NULL);

	if (IS_ERR(device))
		return PTR_ERR(device);
	offered = device;
	offered_name = name;
	offered_ops = ops;
	return 0;
}

/* What exit has to undo; a module that does not call it forgets its device. Owens has
 * it done before. */
static inline void withdraw(void)
{
	if (offered)
		chrdev_unregister(offered);
	offered = NULL;
}

/* The two halves that Keith Owens asks for: "this only removes externally visible
 * interfaces, it does not delete module structures". */
static void split_unregister(void)
{
	withdraw();
}
module_unregister(split_unregister);

static int split_reregister(void)
{
	return offer(offered_name, offered_ops);
}
module_reregister(split_reregister);
