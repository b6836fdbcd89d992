/* I/O ports, for whoever has the right to them: inb(), outb() and so on. */
#pragma once
#include "lib/types.h"

#define DEFINE_PORT(type, suffix)                                               \
static always_inline type in##suffix(u16 port)                                  \
{ type v; __asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory"); return v; } \
static always_inline void out##suffix(u16 port, type v)                         \
{ __asm__ volatile("out" #suffix " %0, %1" :: "a"(v), "Nd"(port) : "memory"); }
DEFINE_PORT(u8, b)
DEFINE_PORT(u16, w)
DEFINE_PORT(u32, l)
#undef DEFINE_PORT
