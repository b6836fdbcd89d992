// sources: kernel/module/elf.c kernel/module/elf_image.c lib/load_error.c
// cflags: -Itests/unit
// The loader's reader of object files: one sound object, and what must be said of
// it when one thing in it is wrong. The first argument is the build folder, with
// objects of the real compiler.
#include "unit.h"
#include "load_object.h"
#include "lib/prng.h"
#include "lib/elf_format.h"

/* -- a sound object ----------------------------------------------------------- */

enum { S_NULL, S_TEXT, S_REL, S_DATA, S_BSS, S_MODINFO, S_INIT, S_SYMTAB, S_STRTAB, S_NAMES,
       NR_SECTIONS };
enum { Y_NULL, Y_TEXT, Y_FOREIGN, Y_GOT, Y_VALUE, Y_INIT, Y_CONSTANT, NR_SYMBOLS };
enum { NR_RELOCATIONS = 8 };

#define STRINGS "\0text\0printk\0_GLOBAL_OFFSET_TABLE_\0value\0init_module\0constant"
#define NAMES   "\0.text\0.rel.text\0.data\0.bss\0.modinfo\0.init.text\0.symtab\0.strtab\0.names"
#define MODINFO "abi=quiesce-1\0parm=a:int\0parm=b:bool\0description=Test"

struct object {
	struct elf32_ehdr header;
	u8 text[64];
	struct elf32_rel rel[NR_RELOCATIONS];
	u32 data[4];
	char modinfo[ALIGN_UP(sizeof(MODINFO), 4)];
	u8 init[16];
	struct elf32_sym sym[NR_SYMBOLS];
	char strings[ALIGN_UP(sizeof(STRINGS), 4)];
	char names[ALIGN_UP(sizeof(NAMES), 4)];
	struct elf32_shdr section[NR_SECTIONS];
	u8 tail[8];
};

/* Where `word` is in a string table. */
static u32 at(const char *table, u32 size, const char *word)
{
	for (u32 i = 1; i < size; i += (u32)strlen(table + i) + 1)
		if (strcmp(table + i, word) == 0)
			return i;
	fail_msg("no %s", word);
	return 0;
}

static void set_section(struct object *o, u32 i, const char *name, u32 type, u32 flags,
                        u32 offset, u32 size, u32 align)
{
	o->section[i] = (struct elf32_shdr){
		.name = at(NAMES, sizeof(NAMES), name), .type = type, .flags = flags,
		.offset = offset, .size = size, .addralign = align,
	};
}

#define PLACE(member) offsetof(struct object, member), sizeof(((struct object *)0)->member)

static void set_symbol(struct object *o, u32 i, const char *name, u32 bind, u32 type, u32 shndx,
                       u32 value, u32 size)
{
	o->sym[i] = (struct elf32_sym){
		.name = at(STRINGS, sizeof(STRINGS), name), .value = value, .size = size,
		.info = (u8)(bind << 4 | type), .shndx = (u16)shndx,
	};
}

static void set_relocation(struct object *o, u32 i, u32 offset, u32 type, u32 symbol)
{
	o->rel[i] = (struct elf32_rel){ offset, symbol << 8 | type };
}

static void put(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static u32 get(const u8 *p)
{
	u32 v;
	memcpy(&v, p, 4);
	return v;
}

static void make_sections(struct object *o)
{
	set_section(o, S_TEXT, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, PLACE(text), 16);
	set_section(o, S_REL, ".rel.text", SHT_REL, SHF_INFO_LINK, PLACE(rel), 4);
	set_section(o, S_DATA, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, PLACE(data), 4);
	set_section(o, S_BSS, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 0, 5000, 32);
	set_section(o, S_MODINFO, ".modinfo", SHT_PROGBITS, SHF_ALLOC, PLACE(modinfo), 1);
	set_section(o, S_INIT, ".init.text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, PLACE(init), 1);
	set_section(o, S_SYMTAB, ".symtab", SHT_SYMTAB, 0, PLACE(sym), 4);
	set_section(o, S_STRTAB, ".strtab", SHT_STRTAB, 0, PLACE(strings), 1);
	set_section(o, S_NAMES, ".names", SHT_STRTAB, 0, PLACE(names), 1);
	o->section[S_REL].link = S_SYMTAB;
	o->section[S_REL].info = S_TEXT;
	o->section[S_REL].entsize = 8;
	o->section[S_SYMTAB].link = S_STRTAB;
	o->section[S_SYMTAB].info = Y_FOREIGN;
	o->section[S_SYMTAB].entsize = 16;
}

static void make_contents(struct object *o)
{
	memcpy(o->modinfo, MODINFO, sizeof(MODINFO));
	memcpy(o->strings, STRINGS, sizeof(STRINGS));
	memcpy(o->names, NAMES, sizeof(NAMES));
	memset(o->text, 0x90, sizeof(o->text));
	set_symbol(o, Y_TEXT, "text", STB_LOCAL, STT_FUNC, S_TEXT, 8, 16);
	set_symbol(o, Y_FOREIGN, "printk", STB_GLOBAL, 0, SHN_UNDEF, 0, 0);
	set_symbol(o, Y_GOT, "_GLOBAL_OFFSET_TABLE_", STB_GLOBAL, 0, SHN_UNDEF, 0, 0);
	set_symbol(o, Y_VALUE, "value", STB_GLOBAL, STT_OBJECT, S_DATA, 4, 8);
	set_symbol(o, Y_INIT, "init_module", STB_GLOBAL, STT_FUNC, S_INIT, 0, 16);
	set_symbol(o, Y_CONSTANT, "constant", STB_GLOBAL, 0, SHN_ABS, 0x1234, 0);
	set_relocation(o, 0, 0, R_386_32, Y_VALUE);
	set_relocation(o, 1, 4, R_386_PC32, Y_FOREIGN);
	set_relocation(o, 2, 13, R_386_PLT32, Y_TEXT);
	set_relocation(o, 3, 20, R_386_GOTPC, Y_GOT);
	set_relocation(o, 4, 24, R_386_GOTOFF, Y_VALUE);
	set_relocation(o, 5, 30, R_386_GOT32X, Y_VALUE);
	set_relocation(o, 6, 40, R_386_GOT32, Y_FOREIGN);
	set_relocation(o, 7, 60, R_386_32, Y_CONSTANT);
	put(o->text + 0, 100);
	put(o->text + 4, -4u);
	put(o->text + 13, -4u);
	put(o->text + 20, 2);
	put(o->text + 24, 1);
	o->text[29] = 0x05;			/* ModRM: disp32 without a base register */
	put(o->text + 30, 0);
	o->text[39] = 0x83;			/* ModRM: disp32(%ebx) */
	put(o->text + 40, 0);
	put(o->text + 60, 1);
}

static void make_object(struct object *o)
{
	*o = (struct object){ 0 };
	memcpy(o->header.ident, "\177ELF\1\1\1", 7);
	o->header.type = ET_REL;
	o->header.machine = EM_386;
	o->header.version = 1;
	o->header.shoff = offsetof(struct object, section);
	o->header.ehsize = sizeof(struct elf32_ehdr);
	o->header.shentsize = sizeof(struct elf32_shdr);
	o->header.shnum = NR_SECTIONS;
	o->header.shstrndx = S_NAMES;
	make_sections(o);
	make_contents(o);
}

/* -- what it becomes ----------------------------------------------------------- */

static void load_sound(struct loaded *l)
{
	struct object o;

	make_object(&o);
	if (load_object(l, &o, sizeof(o)))
		fail_msg("%s", l->err.text);
}

static void layout(void **state)
{
	struct loaded l;
	const struct elf_view *v = &l.view;

	(void)state;
	load_sound(&l);
	assert_int_equal(v->part_start[PART_TEXT], 0);
	assert_int_equal(v->part_size[PART_TEXT], 64);
	assert_int_equal(v->part_start[PART_RODATA], 4096);
	assert_int_equal(v->part_size[PART_RODATA], 8);		/* two GOT slots */
	assert_int_equal(v->part_start[PART_DATA], 8192);
	assert_int_equal(v->offset[S_BSS], 8192 + 32);		/* behind .data, aligned */
	assert_int_equal(v->part_size[PART_DATA], 32 + 5000);
	assert_int_equal(v->part_start[PART_INIT_TEXT], 16384);
	assert_int_equal(v->part_size[PART_INIT_TEXT], 16);
	assert_int_equal(v->part_size[PART_INIT_DATA], 0);
	assert_int_equal(v->image_size, 20480);
	assert_int_equal(v->offset[S_MODINFO], ~0u);
	assert_int_equal(v->offset[S_SYMTAB], ~0u);
	unload_object(&l);
}

static void relocation(void **state)
{
	struct loaded l;
	u32 value = LOAD_BASE + 8192 + 4, got = LOAD_BASE + 4096, foreign = FIRST_FOREIGN;

	(void)state;
	load_sound(&l);
	assert_int_equal(get(l.image + 0), value + 100);
	assert_int_equal(get(l.image + 4), foreign - 4 - (LOAD_BASE + 4));
	assert_int_equal(get(l.image + 13), LOAD_BASE + 8 - 4 - (LOAD_BASE + 13));
	assert_int_equal(get(l.image + 20), got + 2 - (LOAD_BASE + 20));
	assert_int_equal(get(l.image + 24), value + 1 - got);
	assert_int_equal(get(l.image + 30), got);		/* the slot's address */
	assert_int_equal(get(l.image + 4096), value);
	assert_int_equal(get(l.image + 40), 4);			/* its distance from the table */
	assert_int_equal(get(l.image + 4100), foreign);
	assert_int_equal(get(l.image + 60), 0x1235);
	assert_int_equal(l.image[12], 0x90);			/* what lies between is as it was */
	assert_int_equal(l.asked, 1);
	unload_object(&l);
}

static void questions(void **state)
{
	struct elf_symbol_info s;
	struct loaded l;
	u32 offset, size, cursor = 0;

	(void)state;
	load_sound(&l);
	assert_true(elf_section(&l.view, ".data", &offset, &size));
	assert_int_equal(offset, 8192);
	assert_int_equal(size, 16);
	assert_false(elf_section(&l.view, ".modinfo", &offset, &size));
	assert_false(elf_section(&l.view, ".nothing", &offset, &size));
	assert_true(elf_symbol(&l.view, "init_module", &offset));
	assert_int_equal(offset, 16384);
	assert_false(elf_symbol(&l.view, "printk", &offset));	/* not defined here */
	assert_false(elf_symbol(&l.view, "text", &offset));	/* local */
	assert_true(elf_symbol_next(&l.view, &cursor, &s));
	assert_string_equal(s.name, "text");
	assert_int_equal(s.offset, 8);
	assert_int_equal(s.size, 16);
	assert_true(elf_symbol_next(&l.view, &cursor, &s));
	assert_string_equal(s.name, "value");
	assert_true(elf_symbol_next(&l.view, &cursor, &s));
	assert_string_equal(s.name, "init_module");
	assert_int_equal(s.part, PART_INIT_TEXT);
	assert_false(elf_symbol_next(&l.view, &cursor, &s));
	assert_string_equal(elf_modinfo(&l.view, "abi", 0), "quiesce-1");
	assert_string_equal(elf_modinfo(&l.view, "parm", 1), "b:bool");
	assert_string_equal(elf_modinfo(&l.view, "description", 0), "Test");
	assert_null(elf_modinfo(&l.view, "parm", 2));
	assert_null(elf_modinfo(&l.view, "par", 0));
	unload_object(&l);
}

/* -- what is wrong with it ------------------------------------------------------ */

struct fault {
	const char *name;
	void (*make)(struct object *o);
	int error;
	const char *says;
};

#define FAULT(id, code, text, ...)                                              \
	static void make_##id(struct object *o) { __VA_ARGS__; }                \
	static const struct fault id = { #id, make_##id, code, text };

FAULT(bad_magic, -ENOEXEC, "not an ELF file", o->header.ident[1] = 'F')
FAULT(elf64, -ENOEXEC, "64-bit object", o->header.ident[EI_CLASS] = ELFCLASS64)
FAULT(elf_class, -ENOEXEC, "unknown class 9", o->header.ident[EI_CLASS] = 9)
FAULT(big_endian, -ENOEXEC, "not little-endian", o->header.ident[EI_DATA] = 2)
FAULT(ident_version, -ENOEXEC, "unknown ELF version 2", o->header.ident[EI_VERSION] = 2)
FAULT(executable, -ENOEXEC, "type 2, not a relocatable object", o->header.type = 2)
FAULT(machine, -ENOEXEC, "machine 62, not for i386", o->header.machine = 62)
FAULT(object_version, -ENOEXEC, "unknown object version 7", o->header.version = 7)
FAULT(header_size, -ENOEXEC, "has 64 bytes instead of 52", o->header.ehsize = 64)
FAULT(extended_count, -ENOEXEC, "header: 0 sections", o->header.shnum = 0)
FAULT(too_many_sections, -ENOEXEC, "header: 257 sections", o->header.shnum = 257)
FAULT(entry_size, -ENOEXEC, "section headers of 64 bytes", o->header.shentsize = 64)
FAULT(table_misaligned, -ENOEXEC, "section table at odd place", o->header.shoff += 1)
FAULT(table_in_header, -ENOEXEC, "truncated: section table at 0x8", o->header.shoff = 8)
FAULT(table_beyond, -ENOEXEC, "truncated: section table", o->header.shoff += 12)
FAULT(table_wraps, -ENOEXEC, "truncated: section table", o->header.shoff = 0xfffffffc)
FAULT(names_index, -ENOEXEC, "section names: section 77 is no string table", o->header.shstrndx = 77)
FAULT(names_extended, -ENOEXEC, "section names: section 65535", o->header.shstrndx = 0xffff)
FAULT(names_type, -ENOEXEC, "section 1 is no string table", o->header.shstrndx = S_TEXT)
FAULT(names_beyond, -ENOEXEC, "section 9 leaves the file", o->section[S_NAMES].size = 0xfffffff0)
FAULT(names_empty, -ENOEXEC, "does not end with a NUL", o->section[S_NAMES].size = 0)
FAULT(names_unended, -ENOEXEC, "does not end with a NUL", o->section[S_NAMES].size = 10)
FAULT(name_beyond, -ENOEXEC, "section 1: name at 0x1000, beyond", o->section[S_TEXT].name = 0x1000)
FAULT(section_0, -ENOEXEC, "the first section must be empty", o->section[0].type = SHT_PROGBITS)
FAULT(section_beyond, -ENOEXEC, "section 1 (.text): 0x40 bytes at 0xfffff000",
      o->section[S_TEXT].offset = 0xfffff000)
FAULT(section_wraps, -ENOEXEC, "section 3 (.data): 0xfffffff0 bytes",
      o->section[S_DATA].size = 0xfffffff0)
FAULT(sections_overlap, -ENOEXEC, "overlaps section 1 in the file", o->section[S_DATA].offset -= 100)
FAULT(overlaps_header, -ENOEXEC, "overlaps section 0", o->section[S_TEXT].offset = 40)
FAULT(overlaps_table, -ENOEXEC, "section 3 (.data): overlaps the section table",
      o->section[S_DATA].offset = offsetof(struct object, section) + 40)
FAULT(alignment_odd, -ENOEXEC, "alignment 24 is no power of two", o->section[S_TEXT].addralign = 24)
FAULT(alignment_large, -ENOEXEC, "alignment 8192", o->section[S_TEXT].addralign = 8192)
FAULT(link_beyond, -ENOEXEC, "sh_link names no section", o->section[S_DATA].link = NR_SECTIONS)
FAULT(info_beyond, -ENOEXEC, "sh_info names no section", o->section[S_REL].info = NR_SECTIONS)
FAULT(info_link_beyond, -ENOEXEC, "sh_info names no section",
      o->section[S_DATA].flags |= SHF_INFO_LINK; o->section[S_DATA].info = 99)
FAULT(write_and_execute, -ENOEXEC, "section 1 (.text): writable and executable",
      o->section[S_TEXT].flags |= SHF_WRITE)
FAULT(thread_local, -ENOEXEC, "thread-local data", o->section[S_BSS].flags |= SHF_TLS)
FAULT(compressed, -ENOEXEC, "compressed", o->section[S_DATA].flags |= SHF_COMPRESSED)
FAULT(huge_bss, -E2BIG, "section 4 (.bss): 0x80000000 bytes", o->section[S_BSS].size = 0x80000000)
FAULT(image_too_large, -E2BIG, "the image is larger than 4194304 bytes",
      o->section[S_BSS].size = ELF_MAX_IMAGE)
FAULT(constructors, -ENOEXEC, "use module_init()", o->section[S_DATA].type = SHT_INIT_ARRAY)
FAULT(unknown_type, -ENOEXEC, "to be loaded, but of unknown type", o->section[S_DATA].type = 0x70000001)
FAULT(rela, -ENOEXEC, "i386 uses REL", o->section[S_REL].type = SHT_RELA)
FAULT(extended_indices, -ENOEXEC, "extended section numbers", o->section[S_REL].type = SHT_SYMTAB_SHNDX)
FAULT(modinfo_unended, -ENOEXEC, "section 5 (.modinfo): does not end with a NUL",
      o->section[S_MODINFO].size = 9)
FAULT(two_symtabs, -ENOEXEC, "a second symbol table", o->section[S_STRTAB].type = SHT_SYMTAB)
FAULT(stripped, -ENOEXEC, "no symbol table", o->section[S_SYMTAB].type = SHT_NULL)
FAULT(symbol_size, -ENOEXEC, "not an array of symbols", o->section[S_SYMTAB].entsize = 24)
FAULT(symtab_ragged, -ENOEXEC, "not an array of symbols", o->section[S_SYMTAB].size -= 1)
FAULT(symtab_empty, -ENOEXEC, "not an array of symbols", o->section[S_SYMTAB].size = 0)
FAULT(symtab_info, -ENOEXEC, "sh_info is beyond the last symbol", o->section[S_SYMTAB].info = 8)
FAULT(strings_link, -ENOEXEC, "symbol names: section 1 is no string table",
      o->section[S_SYMTAB].link = S_TEXT)
FAULT(strings_unended, -ENOEXEC, "symbol names: section 8 does not end with a NUL",
      o->section[S_STRTAB].size = 3)
FAULT(symbol_0, -ENOEXEC, "the first symbol must be empty",
      o->sym[0] = o->sym[Y_INIT]; o->sym[0].value = 0x8000)
FAULT(symbol_name, -ENOEXEC, "symbol 4: name at 0x7fffffff, beyond", o->sym[Y_VALUE].name = 0x7fffffff)
FAULT(symbol_tls, -ENOEXEC, "thread-local or indirect", o->sym[Y_VALUE].info = STT_TLS)
FAULT(symbol_common, -ENOEXEC, "symbol 4 (value): a common symbol; build with -fno-common",
      o->sym[Y_VALUE].shndx = SHN_COMMON)
FAULT(symbol_section, -ENOEXEC, "in section 55, there are 10", o->sym[Y_VALUE].shndx = 55)
FAULT(symbol_reserved, -ENOEXEC, "in section 65535", o->sym[Y_VALUE].shndx = 0xffff)
FAULT(symbol_value, -ENOEXEC, "symbol 4 (value): 0x8 bytes at 0x11 leave section 3",
      o->sym[Y_VALUE].value = 17)
FAULT(symbol_wraps, -ENOEXEC, "leave section 3", o->sym[Y_VALUE].size = 0xfffffffd)
FAULT(rel_link, -ENOEXEC, "relocations without their symbol table", o->section[S_REL].link = S_STRTAB)
FAULT(rel_ragged, -ENOEXEC, "not an array of relocations", o->section[S_REL].size -= 3)
FAULT(rel_entry_size, -ENOEXEC, "not an array of relocations", o->section[S_REL].entsize = 12)
FAULT(rel_of_bss, -ENOEXEC, "relocates a section without bytes", o->section[S_REL].info = S_BSS)
FAULT(rel_type, -ENOEXEC, "relocation 1 of section 2 (.rel.text): type 20 (R_386_16)",
      set_relocation(o, 1, 4, 20, Y_VALUE))
FAULT(rel_type_unknown, -ENOEXEC, "type 200 (unknown)", set_relocation(o, 1, 4, 200, Y_VALUE))
FAULT(rel_offset, -ENOEXEC, "at 0x3d, its target has 0x40 bytes",
      set_relocation(o, 1, 61, R_386_32, Y_VALUE))
FAULT(rel_wraps, -ENOEXEC, "at 0xfffffffe", set_relocation(o, 1, 0xfffffffe, R_386_32, Y_VALUE))
FAULT(rel_no_symbol, -ENOEXEC, "names no symbol", set_relocation(o, 1, 4, R_386_32, 0))
FAULT(rel_symbol, -ENOEXEC, "names no symbol", set_relocation(o, 1, 4, R_386_32, NR_SYMBOLS))
FAULT(rel_unloaded, -ENOEXEC, "leads into a section that is not loaded",
      o->sym[Y_VALUE].shndx = S_MODINFO)
FAULT(undefined, -ENOENT, "undefined symbol missing",
      memcpy(o->strings + o->sym[Y_FOREIGN].name, "missing", 8))
FAULT(two_undefined, -ENOENT, "undefined symbol missing, missing",
      memcpy(o->strings + o->sym[Y_FOREIGN].name, "missing", 8);
      o->sym[Y_CONSTANT].shndx = SHN_UNDEF; o->sym[Y_CONSTANT].name = o->sym[Y_FOREIGN].name)
FAULT(escape_sequence, -ENOEXEC, "symbol 2 (?[31mk)",
      memcpy(o->strings + o->sym[Y_FOREIGN].name, "\033[31mk", 7); o->sym[Y_FOREIGN].shndx = SHN_COMMON)

static const struct fault *const faults[] = {
	&bad_magic, &elf64, &elf_class, &big_endian, &ident_version, &executable, &machine,
	&object_version, &header_size, &extended_count, &too_many_sections, &entry_size,
	&table_misaligned, &table_in_header, &table_beyond, &table_wraps, &names_index,
	&names_extended, &names_type, &names_beyond, &names_empty, &names_unended, &name_beyond,
	&section_0, &section_beyond, &section_wraps, &sections_overlap, &overlaps_header,
	&overlaps_table, &alignment_odd, &alignment_large, &link_beyond, &info_beyond,
	&info_link_beyond, &write_and_execute, &thread_local, &compressed, &huge_bss,
	&image_too_large, &constructors, &unknown_type, &rela, &extended_indices,
	&modinfo_unended, &two_symtabs, &stripped, &symbol_size, &symtab_ragged, &symtab_empty,
	&symtab_info, &strings_link, &strings_unended, &symbol_0, &symbol_name, &symbol_tls, &symbol_common,
	&symbol_section, &symbol_reserved, &symbol_value, &symbol_wraps, &rel_link, &rel_ragged,
	&rel_entry_size, &rel_of_bss, &rel_type, &rel_type_unknown, &rel_offset, &rel_wraps,
	&rel_no_symbol, &rel_symbol, &rel_unloaded, &undefined, &two_undefined, &escape_sequence,
};

static void refused(void **state)
{
	const struct fault *f = *state;
	struct object o;
	struct loaded l;

	make_object(&o);
	f->make(&o);
	assert_int_equal(load_object(&l, &o, sizeof(o)), f->error);
	if (!strstr(l.err.text, f->says))
		fail_msg("\"%s\" instead of \"%s\"", l.err.text, f->says);
	unload_object(&l);
}

/* -- what must not matter --------------------------------------------------------- */

static void every_prefix(void **state)
{
	struct object o;
	struct loaded l;

	(void)state;
	make_object(&o);
	for (u32 size = 0; size < offsetof(struct object, tail); size++) {
		assert_int_equal(load_object(&l, &o, size), -ENOEXEC);
		assert_true(l.err.text[0]);
		unload_object(&l);
	}
}

static void weak_is_null(void **state)
{
	struct object o;
	struct loaded l;

	(void)state;
	make_object(&o);
	memcpy(o.strings + o.sym[Y_FOREIGN].name, "missing", 8);
	o.sym[Y_FOREIGN].info = STB_WEAK << 4;
	assert_int_equal(load_object(&l, &o, sizeof(o)), 0);
	assert_int_equal(get(l.image + 4100), 0);
	unload_object(&l);
}

static void odd_address(void **state)
{
	static u32 room[sizeof(struct object) / 4 + 2];
	u8 *odd = (u8 *)room + 1;
	struct elf_view v;
	struct load_error err;

	(void)state;
	make_object((struct object *)room);
	memmove(odd, room, sizeof(struct object));
	assert_int_equal(elf_check(odd, sizeof(struct object), &v, &err), -ENOEXEC);
}

/* Many undefined symbols that share one long name: each look at it is bounded. */
static void long_names(void **state)
{
	enum { LENGTH = 4 << 20, COUNT = 60000 };
	u32 size = sizeof(struct object) + LENGTH + COUNT * 16;
	struct object *o = calloc(1, size);
	struct loaded l;

	(void)state;
	make_object(o);
	o->section[S_STRTAB].offset = sizeof(*o);
	o->section[S_STRTAB].size = LENGTH;
	memset((u8 *)o + sizeof(*o), 'a', LENGTH - 1);
	o->section[S_SYMTAB].offset = sizeof(*o) + LENGTH;
	o->section[S_SYMTAB].size = COUNT * 16;
	assert_int_equal(load_object(&l, o, size), -ENOEXEC);
	assert_non_null(strstr(l.err.text, "name too long"));
	unload_object(&l);
	free(o);
}

/* One changed byte, or a few, anywhere: refused or loaded, never beyond a bound. */
static void changed_bytes(void **state)
{
	struct prng rng;
	struct object o;
	struct loaded l;
	u32 taken = 0, n = 30000;

	(void)state;
	prng_seed(&rng, 1);
	for (u32 i = 0; i < n; i++) {
		make_object(&o);
		for (u32 k = prng_below(&rng, 4) + 1; k; k--)
			((u8 *)&o)[prng_below(&rng, sizeof(o))] = (u8)prng_next(&rng);
		taken += load_object(&l, &o, sizeof(o)) == 0;
		unload_object(&l);
	}
	assert_in_range(taken, n / 10, n * 9 / 10);
}

/* -- objects of the compiler -------------------------------------------------------- */

static const char *build = "build";

static u8 *read_fixture(const char *name, u32 *size)
{
	char path[256];
	static u8 bytes[1 << 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/fixtures.d/%s.ko", build, name);
	f = fopen(path, "rb");
	if (!f) {
		print_message("no %s\n", path);
		skip();
	}
	*size = (u32)fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return bytes;
}

static void check_compiled(const char *name)
{
	struct loaded l;
	u32 size, offset, section, inside;
	u8 *bytes = read_fixture(name, &size);

	if (load_object(&l, bytes, size))
		fail_msg("%s: %s", name, l.err.text);
	assert_true(elf_symbol(&l.view, "init_module", &offset));
	assert_true(offset >= l.view.part_start[PART_INIT_TEXT]);
	assert_true(elf_symbol(&l.view, "only_for_init", &offset));
	assert_true(offset >= l.view.part_start[PART_INIT_DATA]);
	assert_true(elf_symbol(&l.view, "cleanup_module", &offset));
	assert_true(offset < l.view.part_size[PART_TEXT]);
	assert_true(elf_symbol(&l.view, "shared", &offset));
	assert_true(elf_section(&l.view, ".data", &section, &inside));
	assert_int_equal(l.image[offset], 1);
	assert_int_equal(l.asked, 2);
	assert_string_equal(elf_modinfo(&l.view, "parm", 1), "b:bool");
	unload_object(&l);
}

static void compiled_plain(void **state) { (void)state; check_compiled("plain"); }
static void compiled_pic(void **state)   { (void)state; check_compiled("pic"); }
static void compiled_debug(void **state) { (void)state; check_compiled("debug"); }

static void compiled_common(void **state)
{
	struct loaded l;
	u32 size;
	u8 *bytes = read_fixture("common", &size);

	(void)state;
	assert_int_equal(load_object(&l, bytes, size), -ENOEXEC);
	assert_non_null(strstr(l.err.text, "(tentative): a common symbol; build with -fno-common"));
	unload_object(&l);
}

/* Two sizes, a type, "GNU", the ID. */
static void build_id(void **state)
{
	static const u8 note[36] = { 4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 0x1f, 0x2e, 0x3d, 0x4c };

	(void)state;
	assert_int_equal(build_id_of_note(note, sizeof(note)), 0x1f2e3d4c);
	assert_int_equal(build_id_of_note(note, 20), 0x1f2e3d4c);
	assert_int_equal(build_id_of_note(note, 19), 0);
	assert_int_equal(build_id_of_note(note, 0), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(layout), cmocka_unit_test(relocation), cmocka_unit_test(questions),
		cmocka_unit_test(every_prefix), cmocka_unit_test(weak_is_null),
		cmocka_unit_test(odd_address), cmocka_unit_test(long_names),
		cmocka_unit_test(changed_bytes), cmocka_unit_test(compiled_plain),
		cmocka_unit_test(compiled_pic), cmocka_unit_test(compiled_debug),
		cmocka_unit_test(compiled_common), cmocka_unit_test(build_id),
	};
	struct CMUnitTest all[ARRAY_SIZE(others) + ARRAY_SIZE(faults)];
	size_t n = 0;

	if (argc > 1)
		build = argv[1];
	for (; n < ARRAY_SIZE(others); n++)
		all[n] = others[n];
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		all[n++] = (struct CMUnitTest){ .name = faults[i]->name, .test_func = refused,
		                                .initial_state = (void *)faults[i] };
	return _cmocka_run_group_tests("elf", all, n, NULL, NULL);
}
