/* Notifier chains: "tell me when this happens". Called in task context, in
 * order of priority, highest first. */
#pragma once
#include "entry/entry.h"

struct notifier;		/* a handle (entry/handle.h): usable, in vain, when its record is gone */
struct notifier_chain {
	const char *name;
	struct list list;		/* under registry_lock */
};
#define NOTIFIER_CHAIN(var, n) { .name = (n), .list = LIST_INIT((var).list) }

typedef void (*notifier_fn)(u32 event, void *data, void *arg);

extern struct notifier_chain reboot_chain;	/* the machine is about to go off */
extern struct notifier_chain module_chain;	/* event: enum owner_state; data: name (news.h) */

/* ERR_PTR: as entry_add(), -ENOMEM. Any context. */
struct notifier *notifier_register(struct notifier_chain *c, const char *name,
                                   notifier_fn fn, void *arg, int prio) must_use;
/* Takes it off the chain, and waits until its function does not run any more; so not from
 * there. May sleep. 0, or as entry_destroy() says. */
int  notifier_unregister(struct notifier *n);
/* Any context. */
bool notifier_chain_is_empty(const struct notifier_chain *c);
/* The name of one on it whose function is running; "" if none is. Any context. */
void notifier_chain_calling(const struct notifier_chain *c, char *name, u32 size);
/* May sleep, if those on the chain do. */
void notifier_call(struct notifier_chain *c, u32 event, void *data);
