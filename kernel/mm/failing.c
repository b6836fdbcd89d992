/* Memory that runs out exactly where a test wants it to. */
#include "mm/frame.h"
#include "smp/percpu.h"

/* `task` is written last and read first; the rest belongs to that task. */
static struct {
	struct task *task;		/* NULL: off */
	u32 left;			/* allocations until the one that fails */
	bool delivered;
} failing;

void alloc_fail_nth(u32 n)
{
	WRITE_ONCE(failing.task, NULL);
	barrier();
	failing.left = n;
	failing.delivered = false;
	barrier();
	WRITE_ONCE(failing.task, n ? current : NULL);
}

bool alloc_fail_delivered(void)
{
	return failing.delivered;
}

bool alloc_should_fail(void)
{
	struct task *task = READ_ONCE(failing.task);

	/* An interrupt on this task's stack is not its doing. */
	if (likely(!task) || task != current || in_interrupt())
		return false;
	if (--failing.left)
		return false;
	failing.delivered = true;
	WRITE_ONCE(failing.task, NULL);
	return true;
}
