#pragma once

void library_call_me(void (*fn)(void));		/* h_b15_library */
