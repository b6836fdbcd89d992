/* Notifier chains: "tell me when this happens". Called in task context, in
 * order of priority, highest first. */
#pragma once
#include "entry/entry.h"

struct notifier;
struct notifier_chain {
	const char *name;
	struct list list;		/* under registry_lock */
};
#define NOTIFIER_CHAIN(var, n) { .name = (n), .list = LIST_INIT((var).list) }

typedef void (*notifier_fn)(u32 event, void *data, void *arg);

extern struct notifier_chain reboot_chain;	/* the machine is about to go off */
extern struct notifier_chain module_chain;	/* event: enum owner_state; data: name */

struct notifier *notifier_register(struct notifier_chain *c, const char *name,
                                   notifier_fn fn, void *arg, int prio) must_use;
void notifier_unregister(struct notifier *n);
void notifier_call(struct notifier_chain *c, u32 event, void *data);
