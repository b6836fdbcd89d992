/* What the library of group E (h_e_library.c) does for its users: in each case the core is led
 * from one module into another. */
#pragma once
#include "module/api.h"

struct e_object { volatile u32 touched; };	/* a user's */

/* What is made, and afterwards what ioctl does with it. */
enum e_kind {
	E_TIMER = 1, E_WORK, E_NOTIFIER, E_CALLBACK, E_IRQ, E_THREAD,
	E_HANDLE,		/* of a timer of its user's */
	E_REMEMBERED, E_FORGET,	/* an address */
	E_HANDLE_LOOP,		/* E_HANDLE again and again, until stage.go */
};

/* A record whose function is the library's and whose argument is `o`. 0 or an error. May sleep. */
int  e_watch(enum e_kind kind, struct e_object *o);
/* A timer of the user's function, whose handle the library keeps. */
int  e_keep(void (*fn)(void *arg));
/* Waits for stage.go in a function of the library. */
int  e_wait(void);
/* Leaves `p` in a freed block of the library's heap. */
void e_scratch(const void *p);
/* Remembers `p`; ioctl E_REMEMBERED reads what is there, until E_FORGET. */
void e_remember(const volatile u32 *p);
