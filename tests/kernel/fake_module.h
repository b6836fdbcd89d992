/* A module of one function of the core's, for tests of one kind of record. */
#pragma once
#include "entry/owner.h"

/* Live, owner of the range, or of the first byte of `function`. 0 or what owner_register() says. May sleep. */
int  fake_comes_at(struct owner *o, const char *name, const void *base, u32 size);
int  fake_comes(struct owner *o, const char *name, void *function);
/* The first half of an unload, its roll-back, and all of it: 0, or -EIO after a line that says
 * what was wrong. Nobody may be inside. */
void fake_closes(struct owner *o);
void fake_comes_back(struct owner *o);
int  fake_goes(struct owner *o);
/* What fake_goes() does after the commit. */
int  fake_leaves(struct owner *o);
