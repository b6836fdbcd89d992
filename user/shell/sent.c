#include "user/shell/sent.h"
#include "lib/abi.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "user/lib/ipc.h"
#include "user/lib/syscall.h"

#define PAGE 4096u

static struct sent files[MAX_SENT];

/* -- names -------------------------------------------------------------------------- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool sent_name(const char *file_name, char name[SENT_NAME], bool *program)
{
	u32 len = strlen(file_name);

	*program = len <= 3 || !streq(file_name + len - 3, ".ko");
	if (!*program)
		len -= 3;
	if (!len || len >= SENT_NAME)
		return false;
	for (u32 i = 0; i < len; i++) {
		if (!is_plain(file_name[i]))
			return false;
		name[i] = file_name[i] == '-' && !*program ? '_' : file_name[i];
	}
	name[len] = '\0';
	return true;
}

/* -- the table ---------------------------------------------------------------------- */

static struct sent *find(const char *name, bool program)
{
	char wanted[SENT_NAME], file[SENT_NAME + 3];
	bool is_program;

	strlcpy(file, name, sizeof(file));
	if (!program && !strchr(file, '.'))
		strlcpy(file + strlen(file), ".ko", sizeof(file) - strlen(file));
	if (!sent_name(file, wanted, &is_program) || is_program != program)
		return NULL;
	for (u32 i = 0; i < MAX_SENT; i++) {
		if (files[i].memory && files[i].program == program && streq(files[i].name, wanted))
			return &files[i];
	}
	return NULL;
}

const struct sent *sent_find(const char *name, bool program) { return find(name, program); }

const struct sent *sent_nth(u32 n)
{
	for (u32 i = 0; i < MAX_SENT; i++) {
		if (files[i].memory && n-- == 0)
			return &files[i];
	}
	return NULL;
}

static u32 pages_of(const struct sent *s) { return 1 + (s->len + PAGE - 1) / PAGE; }

static struct sent *record_in(const struct sent *s) { return (struct sent *)(s->data - PAGE); }

static int map(struct sent *s, u32 rights)
{
	struct map_args args = { .memory = s->memory, .pages = pages_of(s), .rights = rights };
	void *at = (void *)syscall(SYS_MAP, 0, address(&args), 0, 0);

	if (IS_ERR(at))
		return PTR_ERR(at);
	s->data = (const u8 *)at + PAGE;
	return 0;
}

int sent_new(struct sent *s, u8 **data)
{
	int memory = syscall(SYS_MEMORY, 0, pages_of(s), 0, 0);

	if (memory < 0)
		return memory;
	s->memory = (u32)memory;
	int err = map(s, RIGHT_READ | RIGHT_WRITE);
	if (err) {
		handle_close(s->memory);
		return err;
	}
	*data = (u8 *)s->data;
	return 0;
}

int sent_keep(struct sent *s)
{
	struct sent *old = find(s->name, s->program), *place = NULL;

	if (old)
		sent_drop(old);
	for (u32 i = 0; i < MAX_SENT && !place; i++) {
		if (!files[i].memory)
			place = &files[i];
	}
	if (!place)
		return -ENOSPC;
	*record_in(s) = *s;
	*place = *s;
	return 0;
}

void sent_drop(struct sent *s)
{
	(void)syscall(SYS_UNMAP, 0, address(record_in(s)), pages_of(s), 0);
	handle_close(s->memory);
	s->memory = 0;
}

bool sent_forget(const char *name)
{
	struct sent *s = find(name, false);

	s = s ?: find(name, true);
	if (s)
		sent_drop(s);
	return s;
}

/* -- for a command ------------------------------------------------------------------ */

void sent_inherit(void)
{
	struct map_args first = { .memory = HANDLE_SENT, .pages = 1, .rights = RIGHT_READ };
	const struct sent *record = (const struct sent *)syscall(SYS_MAP, 0, address(&first), 0, 0);

	if (IS_ERR(record))		/* nothing was given */
		return;
	files[0] = *record;
	files[0].memory = HANDLE_SENT;
	(void)syscall(SYS_UNMAP, 0, address(record), 1, 0);
	if (map(&files[0], RIGHT_READ))
		files[0].memory = 0;
}
