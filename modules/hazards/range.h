/* The code of both modules of hazard D2: the same, so that it lies at the same
 * addresses when one gets the range that the other had. ME tells them apart. */
#pragma once
#include "modules/hazards/hazard.h"

static volatile u32 me = ME;

static int range_open(struct file *f)
{
	u32 entered = me;

	sync_point("h_d02:asleep");
	if (me != entered)
		stage_accuse("comes out in a module that it never entered");
	return count_in(f);
}

static const struct chrdev_ops ops = {
	.open = range_open, .release = count_out, .ioctl = answer_probe,
};
