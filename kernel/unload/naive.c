/* naive: the module counts itself.
 *
 * Who:    Linux up to 2.4, as seeds 000 and 001 speak of it: MOD_INC_USE_COUNT and
 *         MOD_DEC_USE_COUNT in the module's own open() and release().
 * Assumes that the module raises its count before anybody can take it away, and that
 *         whoever lowers it is out of the module with the next few instructions.
 * Leaves open: just that. "A module cannot, in general, manipulate its own reference
 *         count. Because if a module decrements its own count and it goes to zero,
 *         the module could disappear - *poof* - right in the middle of the module's
 *         execution thread" (Peter, LWN, 1 Aug 2003); likewise before the count is
 *         raised, in interrupt handlers, timers and threads, which nobody counts, and
 *         in modules that do not count at all.
 *
 *   CPU 0 (reader)                     CPU 1 (rmmod)
 *   open(): first instruction
 *                                      count is 0: clean-up, free
 *   MOD_INC_USE_COUNT                  (a write to freed memory)
 * and
 *   release(): MOD_DEC_USE_COUNT
 *                                      count is 0: clean-up, free
 *   return                             (a fetch from freed memory)
 */
#include "unload/remove.h"

static int naive_unload(struct unload *u)
{
	int err;

	mutex_lock(&modules_mutex);
	err = look_at_use_count(u);		/* unload looks at the count */
	mutex_unlock(&modules_mutex);
	if (err)
		return err;
	cleanup_module(u);
	remove_module(u);
	return 0;
}

const struct strategy naive_strategy = {
	.name   = "naive",
	.source = "Linux 2.4, the module's own use count",
	.gist   = "the module counts itself; look at the count, clean up, free",
	.module_bytes = USE_COUNT_BYTES,
	.unload = naive_unload,
};
