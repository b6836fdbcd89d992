/* Included before all else, in the kernel, modules and programs (Makefile): nobody saves
 * floating point registers, so its types are refused where they are written. GCC and clang
 * would otherwise call a library that is not there. Floating constants have no word to
 * refuse: see -Wfloat-conversion and `soft_float` in the Makefile. */
#pragma once
#ifndef __ASSEMBLER__
#include <stddef.h>	/* max_align_t has a long double */
#pragma GCC poison float double _Complex __complex__
#pragma GCC poison _Float16 _Float32 _Float32x _Float64 _Float64x _Float128
#pragma GCC poison __float80 __float128 __fp16 __bf16
#endif
