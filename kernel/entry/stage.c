#include "entry/stage.h"

struct stage stage = {
	.queue = WAIT_QUEUE(stage.queue, "stage"),
	.chain = NOTIFIER_CHAIN(stage.chain, "stage"),
};
