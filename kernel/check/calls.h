/* The calls that the compiler makes in a checked build, for the list of what modules may call. */
#pragma once

#ifdef KCSAN
#define TSAN_SIZES(X, name) X(name##1) X(name##2) X(name##4) X(name##8) X(name##16)
#define TSAN_ATOMIC(X, bits)                                                    \
	X(__tsan_atomic##bits##_load) X(__tsan_atomic##bits##_store)            \
	X(__tsan_atomic##bits##_exchange) X(__tsan_atomic##bits##_compare_exchange_strong) \
	X(__tsan_atomic##bits##_fetch_add) X(__tsan_atomic##bits##_fetch_sub)   \
	X(__tsan_atomic##bits##_fetch_or) X(__tsan_atomic##bits##_fetch_and)    \
	X(__tsan_atomic##bits##_fetch_xor)
#define COMPILER_CALLS(X)                                                       \
	TSAN_SIZES(X, __tsan_read) TSAN_SIZES(X, __tsan_write)                  \
	TSAN_SIZES(X, __tsan_unaligned_read) TSAN_SIZES(X, __tsan_unaligned_write) \
	TSAN_SIZES(X, __tsan_volatile_read) TSAN_SIZES(X, __tsan_volatile_write) \
	TSAN_SIZES(X, __tsan_unaligned_volatile_read)                           \
	TSAN_SIZES(X, __tsan_unaligned_volatile_write)                          \
	X(__tsan_read_range) X(__tsan_write_range) X(__tsan_init)               \
	TSAN_ATOMIC(X, 8) TSAN_ATOMIC(X, 16) TSAN_ATOMIC(X, 32)                 \
	X(__tsan_atomic_thread_fence) X(__tsan_atomic_signal_fence)
#elif defined(CHECKED)
#ifdef CHECKED_MEMORY
#define ASAN_CALLS(X)                                                           \
	X(__asan_load1_noabort) X(__asan_load2_noabort) X(__asan_load4_noabort) \
	X(__asan_load8_noabort) X(__asan_load16_noabort) X(__asan_loadN_noabort) \
	X(__asan_store1_noabort) X(__asan_store2_noabort) X(__asan_store4_noabort) \
	X(__asan_store8_noabort) X(__asan_store16_noabort) X(__asan_storeN_noabort) \
	X(__asan_handle_no_return)                                              \
	X(checked_memcpy) X(checked_memmove) X(checked_memset) X(checked_strlcpy)
#else
#define ASAN_CALLS(X)
#endif
#define COMPILER_CALLS(X) ASAN_CALLS(X)                                         \
	X(__ubsan_handle_out_of_bounds) X(__ubsan_handle_shift_out_of_bounds)   \
	X(__ubsan_handle_divrem_overflow) X(__ubsan_handle_load_invalid_value)  \
	X(__ubsan_handle_builtin_unreachable)
#else
#define COMPILER_CALLS(X)
#endif

/* By the assembler's name: the compiler has types of its own for them. */
#define DECLARE_CALL(name) extern const char call_##name[] __asm__(#name);
COMPILER_CALLS(DECLARE_CALL)
