#include "sched/runqueue.h"

void runqueue_init(struct runqueue *q)
{
	q->map = 0;
	q->nr = 0;
	for (u32 p = 0; p < NR_PRIOS; p++)
		list_init(&q->list[p]);
}
