/* Executables: the segments of a static ELF file become memory of their own. Every
 * number of the file is compared with a bound before it is used, as in module/elf.c. */
#include "lib/abi.h"
#include "lib/elf_format.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "user/process.h"
#include "user/uaccess.h"

#define MAX_SEGMENTS 16u
#define MAX_IMAGE    (4u << 20)

static bool inside(u32 start, u32 len, u32 size) { return start <= size && len <= size - start; }

static const char *check_header(const struct elf32_ehdr *h, u32 size)
{
	if (size < sizeof(*h) || memcmp(h->ident, "\177ELF", 4) != 0)
		return "it is not an ELF file";
	if (h->ident[EI_CLASS] != ELFCLASS32 || h->ident[EI_DATA] != ELFDATA2LSB ||
	    h->machine != EM_386 || h->type != ET_EXEC || h->version != EV_CURRENT)
		return "it is not an executable for i386";
	if (h->phentsize != sizeof(struct elf32_phdr) || !h->phnum || h->phnum > MAX_SEGMENTS ||
	    h->phoff % 4 || !inside(h->phoff, h->phnum * sizeof(struct elf32_phdr), size))
		return "its program headers are not in the file, or too many";
	return NULL;
}

static const char *check_segment(const struct elf32_phdr *s, u32 size)
{
	if (!inside(s->offset, s->filesz, size))
		return "a segment is not in the file";
	if (s->filesz > s->memsz || s->memsz > MAX_IMAGE)
		return "a segment is larger in the file than in memory, or larger than 4 MiB";
	if (s->vaddr % PAGE_SIZE || !user_range(s->vaddr, ALIGN_UP(s->memsz, PAGE_SIZE)))
		return "a segment does not begin on a page, or lies outside of ring 3's addresses";
	if ((s->flags & PF_W) && (s->flags & PF_X))
		return "a segment is both writable and executable";
	return NULL;
}

static u32 rights_of(const struct elf32_phdr *s)
{
	return RIGHT_READ | (s->flags & PF_W ? RIGHT_WRITE : 0) | (s->flags & PF_X ? RIGHT_EXECUTE : 0);
}

static int load_segment(struct space *space, const u8 *file, const struct elf32_phdr *s)
{
	struct memory *m = memory_new(ALIGN_UP(s->memsz, PAGE_SIZE) / PAGE_SIZE);
	u32 at;
	int err;

	if (IS_ERR(m))
		return PTR_ERR(m);
	for (u32 done = 0; done < s->filesz; done += PAGE_SIZE)
		memcpy(memory_page(m, done / PAGE_SIZE), file + s->offset + done,
		       MIN(PAGE_SIZE, s->filesz - done));
	err = space_map(space, m, s->vaddr, 0, m->pages, rights_of(s), &at);
	object_put(&m->object);
	return err;
}

int exec_load(struct space *space, const void *file, u32 size, u32 *entry, const char **why)
{
	const struct elf32_ehdr *h = file;
	const char *fault = check_header(h, size);
	const struct elf32_phdr *s;
	int err;

	for (u32 i = 0; !fault && i < h->phnum; i++) {
		s = (const struct elf32_phdr *)((const u8 *)file + h->phoff) + i;
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		fault = check_segment(s, size);
		err = fault ? 0 : load_segment(space, file, s);
		if (err == -EEXIST)
			fault = "two segments lie on the same page";
		else if (err)
			return err;
	}
	if (fault) {
		*why = fault;
		return -ENOEXEC;
	}
	*entry = h->entry;		/* a wrong one is a page fault of its first thread */
	return 0;
}

/* -- what a program says of itself ------------------------------------------------------ */

/* The string at *at of text[len], whole or cut by the text's end; *at moves behind it. */
static void take_string(const char *text, u32 len, u32 *at, char *out, u32 size)
{
	u32 n = strnlen(text + *at, len - *at), kept = MIN(n, size - 1);

	memcpy(out, text + *at, kept);
	out[kept] = '\0';
	*at = MIN(*at + n + 1, len);
}

/* A note at the beginning of part[len]: how many bytes it takes, 0: damaged. */
static u32 read_note(const u8 *part, u32 len, struct info_command *out)
{
	const struct elf32_nhdr *n = (const struct elf32_nhdr *)part;
	u32 text = sizeof(*n), end, at = 0;

	if (len < sizeof(*n) || n->name_len > len || n->len > len)
		return 0;
	text += ALIGN_UP(n->name_len, 4);
	end = text + n->len;
	if (end > len)
		return 0;
	if (n->type == PROGRAM_NOTE_HELP && n->name_len == sizeof(PROGRAM_NOTE) &&
	    !memcmp(part + sizeof(*n), PROGRAM_NOTE, sizeof(PROGRAM_NOTE))) {
		take_string((const char *)part + text, n->len, &at, out->usage, sizeof(out->usage));
		take_string((const char *)part + text, n->len, &at, out->gist, sizeof(out->gist));
	}
	return ALIGN_UP(end, 4);
}

static void read_notes(const u8 *part, u32 len, struct info_command *out)
{
	for (u32 at = 0, n; at < len && (n = read_note(part + at, len - at, out)) != 0; )
		at += n;
}

int exec_help(const char *name, struct info_command *out)
{
	const void *file;
	u32 size;
	int err = program_find(name, &file, &size);

	if (err)
		return err;
	*out = (struct info_command){ 0 };
	strlcpy(out->name, name, sizeof(out->name));
	const struct elf32_ehdr *h = file;
	if (check_header(h, size))
		return 0;
	const struct elf32_phdr *s = (const struct elf32_phdr *)((const u8 *)file + h->phoff);
	for (u32 i = 0; i < h->phnum; i++) {
		if (s[i].type == PT_NOTE && s[i].offset % 4 == 0 && inside(s[i].offset, s[i].filesz, size))
			read_notes((const u8 *)file + s[i].offset, s[i].filesz, out);
	}
	return 0;
}
