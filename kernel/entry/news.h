/* Modules that come and go, told to those on module_chain by a task of the core: a function of
 * theirs that does not return holds up no load and no unload. */
#pragma once
#include "entry/notifier.h"

/* Tells all on module_chain that module `name` (copied) has become `event`. Waits until they have
 * been told, but a second at most: then it says whose function does not return, and what is
 * queued is delivered when it has. Events are delivered in order. May sleep. */
void module_news(enum owner_state event, const char *name);
