/* The system calls, as C functions of registers. The headers beside this one have
 * friendlier forms of most of them. */
#pragma once
#include "lib/abi.h"
#include "lib/errno.h"

extern void (*syscall_entry)(void);	/* crt0.asm */

/* With all registers: words in and out, the badge out in *ebx. 0 or more, or a
 * negative error. EBP is the frame pointer, so word 2 travels there by way of ECX. */
static inline int syscall_words(enum syscall number, u32 *ebx, u32 *w0, u32 *w1, u32 *w2)
{
	int result = number;

	__asm__ volatile("push %%ebp; mov %%ecx, %%ebp; call *syscall_entry; mov %%ebp, %%ecx; pop %%ebp"
	                 : "+a"(result), "+b"(*ebx), "+S"(*w0), "+D"(*w1), "+c"(*w2)
	                 : : "edx", "memory", "cc");
	return result;
}

/* Words in only; what a call does not use is 0. */
static inline int syscall(enum syscall number, u32 ebx, u32 w0, u32 w1, u32 w2)
{
	return syscall_words(number, &ebx, &w0, &w1, &w2);
}

/* Addresses travel as words. */
static inline u32 address(const volatile void *p) { return (u32)p; }
