/* What libFuzzer, and standalone.c in its place, have for fuzzers with changes of their own. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Changes the input at `data` as bytes, in at most `max_size` of them. Returns its new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
/* The same, defined by a fuzzer that knows better; `seed` decides all of it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
