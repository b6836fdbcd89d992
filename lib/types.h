/* The words everything else is written in: fixed-width integers and a few
 * compiler idioms. Used by kernel, modules and host tests alike. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t   s8;
typedef int16_t  s16;
typedef int32_t  s32;
typedef int64_t  s64;

/* A physical address. PAE makes it wider than a pointer. */
typedef u64 paddr_t;

#define ARRAY_SIZE(a)        (sizeof(a) / sizeof((a)[0]))
#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define likely(x)            __builtin_expect(!!(x), 1)
#define unlikely(x)          __builtin_expect(!!(x), 0)
#define must_use             __attribute__((warn_unused_result))
#define noreturn             __attribute__((__noreturn__))
#define packed               __attribute__((__packed__))
#define aligned(n)           __attribute__((__aligned__(n)))
/* Not zeroed on entry (-ftrivial-auto-var-init): for what is large and hot. */
#define uninitialized        __attribute__((__uninitialized__))
#define noinline             __attribute__((__noinline__))
#define always_inline        inline __attribute__((__always_inline__))
/* Left alone by KCSAN=1 and CHECKED=1: reads what others write, or redzones, on purpose. */
#ifdef __clang__
#define unchecked            __attribute__((__no_sanitize__("undefined")))
#else
#define unchecked            __attribute__((__no_sanitize__("thread"), __no_sanitize__("address")))
#endif
/* An inline function of that kind; with KCSAN=1 not inline, or the checks of its callers would apply. */
#ifdef KCSAN
#define unchecked_inline     unchecked noinline
#else
#define unchecked_inline     always_inline
#endif
#define printf_like(f, a)    __attribute__((__format__(__printf__, f, a)))

/* One access, not torn, not repeated, not moved out of a loop by the compiler.
 * Says nothing about order; x86/atomic.h has the forms that do. */
#define READ_ONCE(x)         (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)     (*(volatile __typeof__(x) *)&(x) = (v))

/* x += n where others look without the lock: one load and one store, which x86 has in one instruction that
 * the compiler takes for a plain variable only. */
#ifdef KCSAN
#define add_once(x, n)       WRITE_ONCE(x, (x) + (n))
#else
#define add_once(x, n)       ((x) += (n))
#endif

/* A plain read of a word that may race, whose value is only a hint: the race detector, which does not see
 * into assembly code, passes it over. */
#ifdef KCSAN
#define data_race(x)         ({ __typeof__(x) racing_; _Static_assert(sizeof(x) == 4, "a word"); \
	__asm__ volatile("movl %1, %0" : "=r"(racing_) : "m"(x)); racing_; })
#else
#define data_race(x)         (x)
#endif

#define MIN(a, b)            ((a) < (b) ? (a) : (b))
#define MAX(a, b)            ((a) > (b) ? (a) : (b))
#define ABS(x)               ((x) < 0 ? -(x) : (x))
#define ALIGN_UP(x, n)       (((x) + (n) - 1) & ~((__typeof__(x))(n) - 1))
#define ALIGN_DOWN(x, n)     ((x) & ~((__typeof__(x))(n) - 1))

/* A set of CPUs, one bit each. */
#define NR_CPUS              64
typedef u64 cpumask_t;
#define CPU_BIT(cpu)         (1ull << (cpu))
/* The lowest CPU of a mask that is not empty. In halves: the compiler's own for
 * 64 bits calls its runtime library. */
static inline uint32_t first_cpu(cpumask_t mask)
{
	uint32_t low = (uint32_t)mask;

	return (uint32_t)(low ? __builtin_ctz(low) : 32 + __builtin_ctz((uint32_t)(mask >> 32)));
}

#define for_each_cpu_in(cpu, mask) \
	for (cpumask_t rest_ = (mask); rest_ && ((cpu) = first_cpu(rest_), 1); rest_ &= rest_ - 1)
