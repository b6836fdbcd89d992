/* Checking a relocatable object. Every number in the file is an enemy's until
 * it was compared with a bound; sums are never formed before it is known that
 * they do not wrap. All loops are linear in the file, but for the sections,
 * of which there are at most ELF_MAX_SECTIONS. */
#include "module/elf.h"
#include "lib/elf_format.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BUILD_ID_SECTION ".note.gnu.build-id"
#define NAME "%.40s"			/* names in messages are cut */

/* Does [start, start + len) lie within `size` bytes? */
static bool inside(u32 start, u32 len, u32 size)
{
	return start <= size && len <= size - start;
}

static const char *section_name(const struct elf_view *v, u32 i)
{
	return v->section_names + v->section[i].name;
}

static int bad_section(const struct elf_view *v, u32 i, struct load_error *err, const char *why)
{
	return load_fail(err, -ENOEXEC, "section %u (" NAME "): %s", i, section_name(v, i), why);
}

/* -- header -------------------------------------------------------------- */

static int check_ident(const struct elf_view *v, struct load_error *err)
{
	const u8 *ident = v->file;

	if (v->size > ELF_MAX_FILE)
		return load_fail(err, -E2BIG, "the file has %u bytes, at most %u are allowed",
		                 v->size, ELF_MAX_FILE);
	if (v->size < sizeof(struct elf32_ehdr))
		return load_fail(err, -ENOEXEC, "truncated: %u bytes are no ELF header", v->size);
	if (memcmp(ident, "BC\xc0\xde", 4) == 0)
		return load_fail(err, -ENOEXEC, "LLVM bitcode, no machine code; build it without -flto");
	if (memcmp(ident, "\177ELF", 4) != 0)
		return load_fail(err, -ENOEXEC, "not an ELF file");
	if (ident[EI_CLASS] == ELFCLASS64)
		return load_fail(err, -ENOEXEC, "a 64-bit object; build it for i386 (make M=folder)");
	if (ident[EI_CLASS] != ELFCLASS32)
		return load_fail(err, -ENOEXEC, "header: unknown class %u", ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return load_fail(err, -ENOEXEC, "header: not little-endian");
	if (ident[EI_VERSION] != EV_CURRENT)
		return load_fail(err, -ENOEXEC, "header: unknown ELF version %u", ident[EI_VERSION]);
	return 0;
}

static int check_section_table(struct elf_view *v, const struct elf32_ehdr *h,
                               struct load_error *err)
{
	/* With 0xff00 sections or more the true numbers stand in section 0
	 * (System V ABI); no honest module has as many. */
	if (h->shnum == 0 || h->shnum > ELF_MAX_SECTIONS)
		return load_fail(err, -ENOEXEC, "header: %u sections, 1 to %u are allowed",
		                 h->shnum, ELF_MAX_SECTIONS);
	if (h->shentsize != sizeof(struct elf32_shdr))
		return load_fail(err, -ENOEXEC, "header: section headers of %u bytes instead of 40",
		                 h->shentsize);
	if (h->shoff % 4)
		return load_fail(err, -ENOEXEC, "header: section table at odd place 0x%x", h->shoff);
	if (h->shoff < sizeof(*h) || !inside(h->shoff, h->shnum * 40u, v->size))
		return load_fail(err, -ENOEXEC,
		                 "truncated: section table at 0x%x, the file has 0x%x bytes",
		                 h->shoff, v->size);
	v->section = (const void *)(v->file + h->shoff);
	v->nr_sections = h->shnum;
	return 0;
}

static int check_header(struct elf_view *v, struct load_error *err)
{
	const struct elf32_ehdr *h = (const void *)v->file;
	int e = check_ident(v, err);

	if (e)
		return e;
	if (h->machine != EM_386)
		return load_fail(err, -ENOEXEC, "built for machine %u, not for i386 (3)", h->machine);
	if (h->type != ET_REL)
		return load_fail(err, -ENOEXEC,
		                 "header: type %u, not a relocatable object (1); link with ld -r",
		                 h->type);
	if (h->version != EV_CURRENT)
		return load_fail(err, -ENOEXEC, "header: unknown object version %u", h->version);
	if (h->ehsize != sizeof(*h))
		return load_fail(err, -ENOEXEC, "header: says it has %u bytes instead of 52", h->ehsize);
	return check_section_table(v, h, err);
}

/* -- sections ------------------------------------------------------------ */

/* A string table that may be read from any offset: within the file, and with a
 * NUL at its end. */
static int check_strings(const struct elf_view *v, u32 i, const char *what,
                         struct load_error *err)
{
	const struct elf32_shdr *s;

	if (i == 0 || i >= v->nr_sections || v->section[i].type != SHT_STRTAB)
		return load_fail(err, -ENOEXEC, "%s: section %u is no string table", what, i);
	s = &v->section[i];
	if (!inside(s->offset, s->size, v->size))
		return load_fail(err, -ENOEXEC, "%s: section %u leaves the file (0x%x bytes)",
		                 what, i, v->size);
	if (s->size == 0 || v->file[s->offset + s->size - 1] != '\0')
		return load_fail(err, -ENOEXEC, "%s: section %u does not end with a NUL", what, i);
	return 0;
}

static int check_section_names(struct elf_view *v, struct load_error *err)
{
	u32 index = ((const struct elf32_ehdr *)v->file)->shstrndx;
	int e = check_strings(v, index, "section names", err);

	if (e)
		return e;
	v->section_names = (const char *)v->file + v->section[index].offset;
	v->section_names_size = v->section[index].size;
	for (u32 i = 0; i < v->nr_sections; i++)
		if (v->section[i].name >= v->section_names_size)
			return load_fail(err, -ENOEXEC, "section %u: name at 0x%x, beyond the table (0x%x)",
			                 i, v->section[i].name, v->section_names_size);
	return 0;
}

static int check_place(const struct elf_view *v, u32 i, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[i];

	if (s->type != SHT_NOBITS && !inside(s->offset, s->size, v->size))
		return load_fail(err, -ENOEXEC,
		                 "section %u (" NAME "): 0x%x bytes at 0x%x, the file has 0x%x",
		                 i, section_name(v, i), s->size, s->offset, v->size);
	if (s->addralign > ELF_PAGE || (s->addralign & (s->addralign - 1)))
		return load_fail(err, -ENOEXEC,
		                 "section %u (" NAME "): alignment %u is no power of two up to %u",
		                 i, section_name(v, i), s->addralign, ELF_PAGE);
	if (s->link >= v->nr_sections)
		return bad_section(v, i, err, "sh_link names no section");
	if ((s->type == SHT_REL || (s->flags & SHF_INFO_LINK)) && s->info >= v->nr_sections)
		return bad_section(v, i, err, "sh_info names no section");
	return 0;
}

/* Only for sections that will be in memory. */
static int check_loadable(const struct elf_view *v, u32 i, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[i];

	if ((s->flags & SHF_WRITE) && (s->flags & SHF_EXECINSTR))
		return bad_section(v, i, err, "writable and executable; W^X allows one of them");
	if (s->flags & SHF_TLS)
		return bad_section(v, i, err, "thread-local data; a kernel module has none");
	if (s->flags & SHF_COMPRESSED)
		return bad_section(v, i, err, "compressed");
	if (s->size > ELF_MAX_IMAGE)
		return load_fail(err, -E2BIG, "section %u (" NAME "): 0x%x bytes, at most 0x%x are allowed",
		                 i, section_name(v, i), s->size, ELF_MAX_IMAGE);
	/* The form of before .init_array (System V ABI; GCC's collect2 had them called). */
	if (starts_with(section_name(v, i), ".ctors") || starts_with(section_name(v, i), ".dtors"))
		return bad_section(v, i, err, "constructors are not run; use module_init()");
	switch (s->type) {
	case SHT_PROGBITS: case SHT_NOBITS: case SHT_NOTE:
		return 0;
	case SHT_INIT_ARRAY: case SHT_FINI_ARRAY: case SHT_PREINIT_ARRAY:
		return bad_section(v, i, err, "constructors are not run; use module_init()");
	default:
		return bad_section(v, i, err, "to be loaded, but of unknown type");
	}
}

/* What only init needs is told by its name, the rights by the flags. */
static enum part part_of(const struct elf_view *v, u32 i)
{
	const struct elf32_shdr *s = &v->section[i];
	const char *name = section_name(v, i);
	bool init = starts_with(name, ".init.");

	/* These are read from the file and never needed in memory (module/stamp.h). */
	if (!(s->flags & SHF_ALLOC) || s->type == SHT_NULL || streq(name, ".modinfo") || starts_with(name, ".stamp") ||
	    streq(name, BUILD_ID_SECTION))
		return PART_NONE;
	if (s->flags & SHF_EXECINSTR)
		return init ? PART_INIT_TEXT : PART_TEXT;
	if (init)
		return PART_INIT_DATA;
	return (s->flags & SHF_WRITE) ? PART_DATA : PART_RODATA;
}

/* What is read from the file: once each, and text that ends. */
static int note_unloaded(struct elf_view *v, u32 i, struct load_error *err)
{
	static const char *const names[] = { ".modinfo", ".stamp", ".stamp.text" };
	u32 *const place[] = { &v->modinfo, &v->stamp, &v->probes };
	const struct elf32_shdr *s = &v->section[i];

	for (u32 n = 0; n < ARRAY_SIZE(names); n++) {
		if (!streq(section_name(v, i), names[n]))
			continue;
		if (*place[n])
			return bad_section(v, i, err, "a second one of this name; link with ld -r");
		if (s->size > ELF_MAX_MODINFO)
			return bad_section(v, i, err, "longer than 16 KiB");
		if (place[n] != &v->probes && s->size && v->file[s->offset + s->size - 1] != '\0')
			return bad_section(v, i, err, "does not end with a NUL");
		*place[n] = i;
	}
	return 0;
}

u32 build_id_of_note(const void *note, u32 size)
{
	u8 first[sizeof(u32)];

	/* The sizes of name and ID, the type, "GNU" and a NUL: 16 bytes before the ID. */
	if (size < 16 + sizeof(first))
		return 0;
	memcpy(first, (const u8 *)note + 16, sizeof(first));
	return (u32)first[0] << 24 | (u32)first[1] << 16 | (u32)first[2] << 8 | first[3];
}

static int note_special(struct elf_view *v, u32 i, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[i];

	if (starts_with(section_name(v, i), ".gnu.lto_"))
		return bad_section(v, i, err, "compiled for link-time optimisation; build it without -flto");
	if (s->type == SHT_RELA)
		return bad_section(v, i, err, "RELA relocations; i386 uses REL");
	if (s->type == SHT_SYMTAB_SHNDX)
		return bad_section(v, i, err, "extended section numbers");
	if (s->type == SHT_SYMTAB) {
		if (v->symtab)
			return bad_section(v, i, err, "a second symbol table");
		v->symtab = i;
	}
	if (s->type == SHT_NOTE && streq(section_name(v, i), BUILD_ID_SECTION))
		v->build_id = build_id_of_note(v->file + s->offset, s->size);
	if (s->type == SHT_PROGBITS)
		return note_unloaded(v, i, err);
	return 0;
}

static int check_sections(struct elf_view *v, struct load_error *err)
{
	int e = check_section_names(v, err);

	if (!e && v->section[0].type != SHT_NULL)
		e = bad_section(v, 0, err, "the first section must be empty");
	for (u32 i = 0; !e && i < v->nr_sections; i++) {
		v->part[i] = part_of(v, i);
		if (v->section[i].type == SHT_NULL)
			continue;
		e = check_place(v, i, err);
		if (!e)
			e = note_special(v, i, err);
		if (!e && v->part[i] != PART_NONE)
			e = check_loadable(v, i, err);
	}
	return e;
}

static bool has_bytes(const struct elf32_shdr *s)
{
	return s->type != SHT_NULL && s->type != SHT_NOBITS && s->size;
}

/* Lists the sections that have bytes in the file, in order of place. */
static u32 sort_by_offset(const struct elf_view *v, u16 order[ELF_MAX_SECTIONS])
{
	u32 n = 0;

	/* By insertion: assemblers write them almost in order. */
	for (u32 i = 0; i < v->nr_sections; i++) {
		u32 at = n;

		if (!has_bytes(&v->section[i]))
			continue;
		for (; at && v->section[order[at - 1]].offset > v->section[i].offset; at--)
			order[at] = order[at - 1];
		order[at] = (u16)i;
		n++;
	}
	return n;
}

static int check_overlaps(const struct elf_view *v, struct load_error *err)
{
	u32 table = (u32)((const u8 *)v->section - v->file);
	u32 table_end = table + v->nr_sections * (u32)sizeof(*v->section);
	u32 end = sizeof(struct elf32_ehdr), last = 0;
	u16 order[ELF_MAX_SECTIONS];
	u32 n = sort_by_offset(v, order);

	for (u32 i = 0; i < n; i++) {
		const struct elf32_shdr *s = &v->section[order[i]];

		if (s->offset < end)
			return load_fail(err, -ENOEXEC,
			                 "section %u (" NAME ") overlaps section %u in the file at 0x%x",
			                 order[i], section_name(v, order[i]), last, s->offset);
		if (s->offset < table_end && s->offset + s->size > table)
			return bad_section(v, order[i], err, "overlaps the section table");
		end = s->offset + s->size;
		last = order[i];
	}
	return 0;
}

/* -- symbols ------------------------------------------------------------- */

static int check_symtab(struct elf_view *v, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[v->symtab];
	int e;

	if (!v->symtab)
		return load_fail(err, -ENOEXEC, "no symbol table; was it stripped?");
	if (s->entsize != sizeof(struct elf32_sym) || s->size % sizeof(struct elf32_sym) ||
	    s->size == 0 || s->offset % 4)
		return bad_section(v, v->symtab, err, "not an array of symbols");
	v->nr_symbols = s->size / sizeof(struct elf32_sym);
	if (v->nr_symbols > ELF_MAX_SYMBOLS)
		return bad_section(v, v->symtab, err, "more than 65536 symbols");
	if (s->info > v->nr_symbols)
		return bad_section(v, v->symtab, err, "sh_info is beyond the last symbol");
	e = check_strings(v, s->link, "symbol names", err);
	if (e)
		return e;
	v->symbol = (const void *)(v->file + s->offset);
	v->first_global = s->info;
	v->names = (const char *)v->file + v->section[s->link].offset;
	v->names_size = v->section[s->link].size;
	/* It stands for no symbol (gABI, "Symbol Table"), and nobody looks at the rest of it. */
	if (v->symbol[0].shndx != SHN_UNDEF)
		return load_fail(err, -ENOEXEC, "the first symbol must be empty");
	return 0;
}

static int bad_symbol(const struct elf_view *v, u32 i, struct load_error *err, const char *why)
{
	return load_fail(err, -ENOEXEC, "symbol %u (" NAME "): %s",
	                 i, v->names + v->symbol[i].name, why);
}

static int check_symbol(const struct elf_view *v, u32 i, struct load_error *err)
{
	const struct elf32_sym *s = &v->symbol[i];
	u32 type = SYM_TYPE(s->info);

	if (s->name >= v->names_size)
		return load_fail(err, -ENOEXEC, "symbol %u: name at 0x%x, beyond the table (0x%x)",
		                 i, s->name, v->names_size);
	if (type == STT_TLS || type == STT_GNU_IFUNC)
		return bad_symbol(v, i, err, "thread-local or indirect");
	if (s->shndx == SHN_UNDEF) {
		u32 len = (u32)strnlen(v->names + s->name, ELF_MAX_NAME);

		return len < ELF_MAX_NAME ? 0 : bad_symbol(v, i, err, "name too long");
	}
	if (s->shndx == SHN_ABS)
		return 0;
	if (s->shndx == SHN_COMMON)
		return bad_symbol(v, i, err, "a common symbol; build with -fno-common");
	if (s->shndx >= v->nr_sections)
		return load_fail(err, -ENOEXEC, "symbol %u (" NAME "): in section %u, there are %u",
		                 i, v->names + s->name, s->shndx, v->nr_sections);
	if (!inside(s->value, s->size, v->section[s->shndx].size))
		return load_fail(err, -ENOEXEC,
		                 "symbol %u (" NAME "): 0x%x bytes at 0x%x leave section %u (0x%x bytes)",
		                 i, v->names + s->name, s->size, s->value, s->shndx,
		                 v->section[s->shndx].size);
	return 0;
}

static int check_symbols(struct elf_view *v, struct load_error *err)
{
	int e = check_symtab(v, err);

	for (u32 i = 1; !e && i < v->nr_symbols; i++)
		e = check_symbol(v, i, err);
	return e;
}

/* -- relocations --------------------------------------------------------- */

static const char *relocation_name(u32 type)
{
	static const char *const names[] = {
		[5] = "R_386_COPY", [6] = "R_386_GLOB_DAT", [7] = "R_386_JMP_SLOT",
		[8] = "R_386_RELATIVE", [14] = "R_386_TLS_TPOFF", [15] = "R_386_TLS_IE",
		[16] = "R_386_TLS_GOTIE", [17] = "R_386_TLS_LE", [18] = "R_386_TLS_GD",
		[19] = "R_386_TLS_LDM", [20] = "R_386_16", [21] = "R_386_PC16",
		[22] = "R_386_8", [23] = "R_386_PC8", [32] = "R_386_TLS_LDO_32",
		[34] = "R_386_TLS_LE_32", [38] = "R_386_SIZE32", [42] = "R_386_IRELATIVE",
	};
	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

static bool relocation_is_known(u32 type)
{
	return type == R_386_NONE || type == R_386_32 || type == R_386_PC32 ||
	       type == R_386_PLT32 || type == R_386_GOT32 || type == R_386_GOT32X ||
	       type == R_386_GOTOFF || type == R_386_GOTPC;
}

static int bad_relocation(const struct elf_view *v, u32 sec, u32 i, struct load_error *err,
                          const char *why)
{
	return load_fail(err, -ENOEXEC, "relocation %u of section %u (" NAME "): %s",
	                 i, sec, section_name(v, sec), why);
}

static int check_relocation(struct elf_view *v, u32 sec, u32 i, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[sec];
	const struct elf32_rel *r = (const struct elf32_rel *)(const void *)(v->file + s->offset) + i;
	u32 target_size = v->section[s->info].size;
	u32 type = REL_TYPE(r->info), sym = REL_SYM(r->info), home;

	if (!relocation_is_known(type))
		return load_fail(err, -ENOEXEC,
		                 "relocation %u of section %u (" NAME "): type %u (%s) is not supported",
		                 i, sec, section_name(v, sec), type, relocation_name(type));
	if (type == R_386_NONE)
		return 0;
	if (!inside(r->offset, 4, target_size))
		return load_fail(err, -ENOEXEC,
		                 "relocation %u of section %u (" NAME "): at 0x%x, its target has 0x%x bytes",
		                 i, sec, section_name(v, sec), r->offset, target_size);
	if (sym == 0 || sym >= v->nr_symbols)
		return bad_relocation(v, sec, i, err, "names no symbol");
	home = v->symbol[sym].shndx;
	if (home != SHN_UNDEF && home != SHN_ABS && v->part[home] == PART_NONE)
		return bad_relocation(v, sec, i, err, "leads into a section that is not loaded");
	if (type == R_386_GOT32 || type == R_386_GOT32X)
		v->nr_got++;
	return 0;
}

static int check_relocation_section(struct elf_view *v, u32 sec, struct load_error *err)
{
	const struct elf32_shdr *s = &v->section[sec];
	int e = 0;

	if (s->link != v->symtab)
		return bad_section(v, sec, err, "relocations without their symbol table");
	if (s->entsize != sizeof(struct elf32_rel) || s->size % sizeof(struct elf32_rel) ||
	    s->offset % 4)
		return bad_section(v, sec, err, "not an array of relocations");
	if (s->size && v->section[s->info].type == SHT_NOBITS)
		return bad_section(v, sec, err, "relocates a section without bytes");
	for (u32 i = 0; !e && i < s->size / sizeof(struct elf32_rel); i++)
		e = check_relocation(v, sec, i, err);
	return e;
}

/* Those of debug sections, which are not loaded, do not matter. */
static int check_relocations(struct elf_view *v, struct load_error *err)
{
	int e = 0;

	for (u32 i = 1; !e && i < v->nr_sections; i++)
		if (v->section[i].type == SHT_REL && v->part[v->section[i].info] != PART_NONE)
			e = check_relocation_section(v, i, err);
	return e;
}

int elf_check(const void *file, u32 size, struct elf_view *v, struct load_error *err)
{
	int e;

	*v = (struct elf_view){ .file = file, .size = size };
	if ((uintptr_t)file % 4)
		return load_fail(err, -ENOEXEC, "the file lies at an odd address");
	e = check_header(v, err);
	if (!e)
		e = check_sections(v, err);
	if (!e)
		e = check_overlaps(v, err);
	if (!e)
		e = check_symbols(v, err);
	if (!e)
		e = check_relocations(v, err);
	return e;
}

/* -- questions ----------------------------------------------------------- */

bool elf_section(const struct elf_view *v, const char *name, u32 *offset, u32 *size)
{
	for (u32 i = 1; i < v->nr_sections; i++) {
		if (v->part[i] == PART_NONE || !streq(section_name(v, i), name))
			continue;
		*offset = v->offset[i];
		*size = v->section[i].size;
		return true;
	}
	return false;
}

static bool symbol_is_loaded(const struct elf_view *v, const struct elf32_sym *s)
{
	return s->shndx != SHN_UNDEF && s->shndx < v->nr_sections &&
	       v->part[s->shndx] != PART_NONE;
}

bool elf_symbol(const struct elf_view *v, const char *name, u32 *offset)
{
	for (u32 i = v->first_global; i < v->nr_symbols; i++) {
		const struct elf32_sym *s = &v->symbol[i];

		if (!symbol_is_loaded(v, s) || !streq(v->names + s->name, name))
			continue;
		*offset = v->offset[s->shndx] + s->value;
		return true;
	}
	return false;
}

bool elf_symbol_next(const struct elf_view *v, u32 *cursor, struct elf_symbol_info *out)
{
	while (*cursor < v->nr_symbols) {
		const struct elf32_sym *s = &v->symbol[(*cursor)++];
		u32 type = SYM_TYPE(s->info);

		if ((type != STT_FUNC && type != STT_OBJECT) || !symbol_is_loaded(v, s))
			continue;
		*out = (struct elf_symbol_info){
			.name = v->names + s->name,
			.offset = v->offset[s->shndx] + s->value,
			.size = s->size,
			.part = v->part[s->shndx],
		};
		return true;
	}
	return false;
}

bool elf_probe_next(const struct elf_view *v, u32 *cursor, struct elf_code *out)
{
	while (*cursor < v->nr_symbols) {
		const struct elf32_sym *s = &v->symbol[(*cursor)++];

		if (s->shndx != v->probes || SYM_TYPE(s->info) != STT_FUNC || !v->probes)
			continue;
		*out = (struct elf_code){
			.name = v->names + s->name,
			.bytes = v->file + v->section[s->shndx].offset + s->value,
			.size = s->size,
		};
		return true;
	}
	return false;
}

const char *elf_stamp_next(const struct elf_view *v, u32 *cursor)
{
	const struct elf32_shdr *s = &v->section[v->stamp];
	const char *stamp = (const char *)v->file + s->offset + *cursor;

	if (!v->stamp || *cursor >= s->size)
		return NULL;
	*cursor += (u32)strlen(stamp) + 1;
	return stamp;
}

const char *elf_modinfo_next(const struct elf_view *v, const char *key, u32 *cursor)
{
	const struct elf32_shdr *s = &v->section[v->modinfo];
	const char *start = (const char *)v->file + s->offset, *end = start + s->size, *at = start + *cursor;
	size_t len = strlen(key);

	if (!v->modinfo)
		return NULL;
	for (; at < end; at += strlen(at) + 1) {
		if (*at != *key || strncmp(at, key, len) || at[len] != '=')
			continue;
		*cursor = (u32)(at - start) + (u32)strlen(at) + 1;
		return at + len + 1;
	}
	*cursor = s->size;
	return NULL;
}

const char *elf_modinfo(const struct elf_view *v, const char *key, u32 n)
{
	const char *value;
	u32 cursor = 0;

	do {
		value = elf_modinfo_next(v, key, &cursor);
	} while (value && n--);
	return value;
}
