/* What h_b15_library offers. */
#pragma once
#include "entry/callback.h"

int  library_call_me(callback_fn fn);		/* keeps it as a record of the core */
void library_call_me_bare(callback_fn fn);	/* keeps the bare pointer */
