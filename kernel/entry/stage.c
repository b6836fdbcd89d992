#include "entry/stage.h"
#include "lib/format.h"
#include "x86/atomic.h"
#include "x86/symbols.h"

struct stage stage = {
	.queue = WAIT_QUEUE(stage.queue, "stage"),
	.chain = NOTIFIER_CHAIN(stage.chain, "stage"),
};

noinline void stage_accuse(const char *what)
{
	char where[48];

	if (atomic_add(&stage.nr_accused, 1) > 1)
		return;
	symbolise((u32)__builtin_return_address(0), where, sizeof(where));
	snprintf(stage.accusation, sizeof(stage.accusation), "CPU %u, task %u (%s) %s, at %s",
	         this_cpu()->id, current->id, current->name, what, where);
}
