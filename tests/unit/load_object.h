/* Takes an object through all that elf.h offers, as load.c does, in memory of
 * exactly the size it needs, so that the address sanitizer sees the first byte
 * beyond. For the unit test and for the fuzzer. */
#pragma once
#include <stdlib.h>
#include <string.h>
#include "lib/errno.h"
#include "module/elf.h"

#define LOAD_BASE 0xe0001000u
#define FIRST_FOREIGN 0xc0100000u	/* undefined symbols: this, then 16 more each */

struct loaded {
	struct elf_view view;
	struct load_error err;
	u8 *file, *image;
	u32 *value;
	u32 asked;			/* undefined symbols */
};

static int give_value(void *ctx, const char *name, u32 *value)
{
	struct loaded *o = ctx;

	if (strncmp(name, "missing", 7) == 0)
		return -ENOENT;
	*value = FIRST_FOREIGN + 16 * o->asked++;
	return 0;
}

static int load_object(struct loaded *o, const void *bytes, u32 size)
{
	int e;

	*o = (struct loaded){ .file = malloc(size ? size : 1) };
	if (size)
		memcpy(o->file, bytes, size);
	e = elf_check(o->file, size, &o->view, &o->err);
	if (!e)
		e = elf_layout(&o->view, &o->err);
	if (e)
		return e;
	o->value = malloc(o->view.nr_symbols * sizeof(u32));
	e = elf_resolve(&o->view, LOAD_BASE, o->value, give_value, o, &o->err);
	if (e)
		return e;
	o->image = calloc(1, o->view.image_size ? o->view.image_size : 1);
	elf_place(&o->view, o->image);
	elf_relocate(&o->view, o->image, LOAD_BASE, o->value);
	return 0;
}

static void unload_object(struct loaded *o)
{
	free(o->file);
	free(o->image);
	free(o->value);
}
