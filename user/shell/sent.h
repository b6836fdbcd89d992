/* Files that came over the console while the machine ran (receive.c). They go before those of the boot
 * archive that have the same name, for commands of the prompt: the kernel and init know the archive alone. */
#pragma once
#include "lib/types.h"

#define MAX_SENT  16u
#define SENT_NAME 32u

struct sent {
	char name[SENT_NAME];		/* a module's without .ko and with '_' for '-', as the kernel has it */
	bool program;
	u32 len, crc;
	u32 memory;			/* handle of the pages: one for this record, then the file's; 0: none */
	const u8 *data;			/* them, in here: for modules to be loaded, programs to be started */
};

/* Is it a name that a module or program can have? "blink.ko" is a module. */
bool sent_name(const char *file_name, char name[SENT_NAME], bool *program);
/* By module's name, in any of its forms, or program's. NULL: none was sent. */
const struct sent *sent_find(const char *name, bool program);
const struct sent *sent_nth(u32 i);	/* NULL: beyond the last */
/* Pages for a file of that length, of which *data can be written: 0, -ENOMEM. */
int  sent_new(struct sent *s, u8 **data) must_use;
/* It counts from now on, and the old one of its name is forgotten. -ENOSPC: MAX_SENT are held. */
int  sent_keep(struct sent *s) must_use;
/* Gives its pages back; one that is kept counts no more. */
void sent_drop(struct sent *s);
bool sent_forget(const char *name);	/* false: there is none */

/* The pages go to the process of a command in this slot, from which it takes them at its beginning. */
#define HANDLE_SENT HANDLE_FIRST_FREE
void sent_inherit(void);
