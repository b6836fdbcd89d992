/* What GCC calls with -fsanitize=thread. The names and arguments are the compiler's. */
#include "check/kcsan.h"
#include "x86/atomic.h"

#define HERE   (u32)__builtin_return_address(0), *(const u32 *)__builtin_frame_address(0)

#define ACCESS(name, n, kind)                                                   \
void __tsan_##name##n(const void *p);                                           \
void __tsan_##name##n(const void *p) { kcsan_check((u32)p, n, kind, HERE); }

#define ACCESSES(n)                                                             \
	ACCESS(read, n, 0)                                                      \
	ACCESS(write, n, KCSAN_WRITE)                                           \
	ACCESS(unaligned_read, n, 0)                                            \
	ACCESS(unaligned_write, n, KCSAN_WRITE)                                 \
	ACCESS(volatile_read, n, KCSAN_MARKED)                                  \
	ACCESS(volatile_write, n, KCSAN_MARKED | KCSAN_WRITE)                   \
	ACCESS(unaligned_volatile_read, n, KCSAN_MARKED)                        \
	ACCESS(unaligned_volatile_write, n, KCSAN_MARKED | KCSAN_WRITE)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(const void *p, u32 size);
void __tsan_read_range(const void *p, u32 size)  { kcsan_check((u32)p, size, 0, HERE); }
void __tsan_write_range(const void *p, u32 size);
void __tsan_write_range(const void *p, u32 size) { kcsan_check((u32)p, size, KCSAN_WRITE, HERE); }

/* Called by a constructor of each file, which is never run. */
void __tsan_init(void);
void __tsan_init(void) { }

/* -- atomic operations: done here, in place of the compiler's own ------------------------- */

#define MARKED_READ  kcsan_check((u32)p, sizeof(*p), KCSAN_MARKED, HERE)
#define MARKED_WRITE kcsan_check((u32)p, sizeof(*p), KCSAN_MARKED | KCSAN_WRITE, HERE)

/* All of them in the strongest order: the argument is not a constant here. */
#define FETCH(type, bits, op)                                                   \
type __tsan_atomic##bits##_fetch_##op(type *p, type v, int order);              \
type __tsan_atomic##bits##_fetch_##op(type *p, type v, int order)               \
{ (void)order; MARKED_WRITE; return __atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST); }

#define ATOMICS(type, bits)                                                     \
type __tsan_atomic##bits##_load(const type *p, int order);                      \
type __tsan_atomic##bits##_load(const type *p, int order)                       \
{ (void)order; MARKED_READ; return __atomic_load_n(p, __ATOMIC_SEQ_CST); }      \
void __tsan_atomic##bits##_store(type *p, type v, int order);                   \
void __tsan_atomic##bits##_store(type *p, type v, int order)                    \
{ MARKED_WRITE;                                                                 \
  if (order == __ATOMIC_SEQ_CST) __atomic_store_n(p, v, __ATOMIC_SEQ_CST);      \
  else __atomic_store_n(p, v, __ATOMIC_RELEASE); }                              \
type __tsan_atomic##bits##_exchange(type *p, type v, int order);                \
type __tsan_atomic##bits##_exchange(type *p, type v, int order)                 \
{ (void)order; MARKED_WRITE; return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); } \
int __tsan_atomic##bits##_compare_exchange_strong(type *p, type *old, type v, int order, int failed); \
int __tsan_atomic##bits##_compare_exchange_strong(type *p, type *old, type v, int order, int failed)  \
{ (void)order; (void)failed; MARKED_WRITE;                                      \
  return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
FETCH(type, bits, add) FETCH(type, bits, sub) FETCH(type, bits, or) FETCH(type, bits, and) FETCH(type, bits, xor)
ATOMICS(u8, 8)
ATOMICS(u16, 16)
ATOMICS(u32, 32)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order) { (void)order; smp_mb(); }
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order) { (void)order; }
