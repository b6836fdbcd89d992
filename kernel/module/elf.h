/* Relocatable ELF objects (.ko): checks, layout, relocation. Pure: also built
 * for the host and fuzzed there, so nothing here trusts a byte of the file.
 * elf_check() finds every fault; after it the rest cannot fail on bad bytes.
 * elf.c checks and answers questions, elf_image.c makes the image. */
#pragma once
#include "lib/load_error.h"
#include "lib/types.h"

/* Parts of the image, in this order, each starting on a page of its own. */
enum part { PART_TEXT, PART_RODATA, PART_DATA, PART_INIT_TEXT, PART_INIT_DATA, NR_PARTS };
#define PART_NONE NR_PARTS		/* not loaded */

#define ELF_MAX_FILE     (16u << 20)
#define ELF_MAX_SECTIONS 256
#define ELF_MAX_SYMBOLS  65536
#define ELF_MAX_IMAGE    (4u << 20)
#define ELF_MAX_NAME     256		/* of an undefined symbol, with its NUL */
#define ELF_MAX_MODINFO  (16u << 10)
#define ELF_PAGE         4096u

struct elf32_shdr;
struct elf32_sym;

struct elf_view {			/* a file that passed elf_check() */
	const u8 *file;
	u32 size;
	const struct elf32_shdr *section;
	u32 nr_sections;
	const struct elf32_sym *symbol;
	u32 nr_symbols, first_global;
	const char *names, *section_names;	/* string tables, ended by a NUL */
	u32 names_size, section_names_size;
	u32 symtab;				/* section numbers; 0: none */
	u32 modinfo, stamp, probes;
	u32 build_id;				/* the beginning of the linker's; 0: none */
	u32 nr_got;				/* relocations that want a GOT slot */
	u8  part[ELF_MAX_SECTIONS];		/* enum part of each section */
	/* Filled in by elf_layout(): where each section goes, relative to the
	 * image; ~0: not loaded. */
	u32 offset[ELF_MAX_SECTIONS];
	u32 part_start[NR_PARTS], part_size[NR_PARTS];	/* bytes; starts page aligned */
	u32 got_offset, got_size;	/* a table for R_386_GOT32/GOT32X, in PART_RODATA */
	u32 image_size;			/* bytes, page aligned */
};

/* Class, machine, type, header bounds, section bounds and overlaps, string
 * tables, symbols, relocation targets. `file` is aligned to 4 bytes and stays
 * as it is while *v is used. 0, -ENOEXEC, -E2BIG. */
int elf_check(const void *file, u32 size, struct elf_view *v, struct load_error *err) must_use;
/* The first four bytes, as they are read and written (so the first is the highest), of the ID in a
 * note that `ld --build-id` made; 0: too short for one. */
u32 build_id_of_note(const void *note, u32 size);
/* Decides where everything goes. 0, -E2BIG. */
int elf_layout(struct elf_view *v, struct load_error *err) must_use;
/* Copies the sections to `image` (image_size writable bytes, zeroed). */
void elf_place(const struct elf_view *v, void *image);

/* Value of an undefined symbol: 0, -ENOENT: nobody has it, or another error,
 * which ends the search, with its line in the load_error. */
typedef int (*elf_resolver)(void *ctx, const char *name, u32 *value);
/* Works out what every symbol is worth in an image that will run at `base`,
 * into value[nr_symbols]. Each undefined symbol is asked for once. 0, -ENOENT
 * (every missing name is in the error, as far as it fits), or the resolver's. */
int elf_resolve(const struct elf_view *v, u32 base, u32 *value,
                elf_resolver resolve, void *ctx, struct load_error *err) must_use;
/* Relocates the copy at `image`, which will run at `base`: R_386_NONE, 32, PC32,
 * PLT32, GOT32, GOT32X, GOTOFF, GOTPC. */
void elf_relocate(const struct elf_view *v, void *image, u32 base, const u32 *value);

/* A loaded section by name: bytes and offset in the image; false if absent. */
bool elf_section(const struct elf_view *v, const char *name, u32 *offset, u32 *size);
/* A defined global symbol by name: offset in the image. */
bool elf_symbol(const struct elf_view *v, const char *name, u32 *offset);
/* Goes through the functions and objects of the image, for backtraces; start
 * with *cursor = 0; false past the end. */
struct elf_symbol_info { const char *name; u32 offset, size; enum part part; };
bool elf_symbol_next(const struct elf_view *v, u32 *cursor, struct elf_symbol_info *out);
/* Go through what module/stamp.h has left in the file, which is not loaded: the texts in .stamp, and the
 * functions in .stamp.text. Start with *cursor = 0; NULL or false past the end. */
const char *elf_stamp_next(const struct elf_view *v, u32 *cursor);
struct elf_code { const char *name; const u8 *bytes; u32 size; };
bool elf_probe_next(const struct elf_view *v, u32 *cursor, struct elf_code *out);
/* Value of `key` in .modinfo ("key=value\0"...); NULL when absent.
 * With several of one key, the n-th (from 0). */
const char *elf_modinfo(const struct elf_view *v, const char *key, u32 n);
/* One after the other; start with *cursor = 0. NULL: no more. */
const char *elf_modinfo_next(const struct elf_view *v, const char *key, u32 *cursor);
/* -ENOEXEC, and why: a file without an ABI stamp. Any context. */
int load_fail_foreign(const struct elf_view *v, struct load_error *err) must_use;
