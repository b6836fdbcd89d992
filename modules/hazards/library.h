#pragma once
#include "lib/types.h"

u32 library_add(u32 a, u32 b);		/* h_b11_library */
