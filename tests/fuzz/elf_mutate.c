/* Changes to an object that know what an object is. Random bytes are refused by the first
 * checks of the loader; these keep the rest of the file consistent (a section that grows moves
 * those behind it), so that the later checks and the relocation see something, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/mutate.h"
#include "lib/elf_format.h"
#include "lib/prng.h"

struct object {
	u8 *bytes;
	u32 size, max;
	struct prng rng;
	struct elf32_ehdr *header;
	struct elf32_shdr *section;
};

static u32 below(struct object *o, u32 n)
{
	return prng_below(&o->rng, n);
}

/* -- finding the way about ------------------------------------------------------------- */

static bool inside(u32 start, u32 len, u32 size)
{
	return start <= size && len <= size - start;
}

/* Is there a header with a section table? Whatever lies in it may be wrong. */
static bool find_sections(struct object *o)
{
	o->header = (void *)o->bytes;
	if (o->size < sizeof(*o->header) || o->header->shnum == 0 || o->header->shoff % 4)
		return false;
	o->section = (void *)(o->bytes + o->header->shoff);
	return inside(o->header->shoff, o->header->shnum * (u32)sizeof(*o->section), o->size);
}

/* May it be read as an array of words? */
static bool is_array(const struct elf32_shdr *s)
{
	return (s->offset | s->size) % 4 == 0;
}

/* A section of this type, whose bytes the file has; 0: there is none. */
static u32 pick(struct object *o, u32 type)
{
	bool words = type == SHT_SYMTAB || type == SHT_REL;
	u32 n = o->header->shnum, start = below(o, n);

	for (u32 k = 0; k < n; k++) {
		u32 i = (start + k) % n;
		const struct elf32_shdr *s = &o->section[i];

		if (s->type == type && s->size && (!words || is_array(s)) && s->offset >= sizeof(*o->header) &&
		    inside(s->offset, s->size, o->size))
			return i;
	}
	return 0;
}

static u32 any_section(struct object *o)
{
	return below(o, o->header->shnum);
}

/* Numbers at the edges are where bounds are wrong. */
static u32 edge(struct object *o)
{
	static const u32 edges[] = {
		0, 1, 2, 3, 4, 8, 16, 40, 52, 255, 256, 4095, 4096, 4097, 0x10000, 0x3fffff, 0x400000, 0x400001,
		0x7fffffff, 0x80000000, 0xfffff000, 0xfffffffc, 0xfffffffe, 0xffffffff,
	};

	return edges[below(o, ARRAY_SIZE(edges))];
}

/* A little more or less than it was, another one's, an edge, or a power of two. */
static u32 other_number(struct object *o, u32 old, u32 akin)
{
	switch (below(o, 6)) {
	case 0:  return old + below(o, 9) - 4;
	case 1:  return akin;
	case 2:  return akin + below(o, 9) - 4;
	case 3:  return 1u << below(o, 32);
	case 4:  return below(o, o->size + 1);
	default: return edge(o);
	}
}

/* -- making room ----------------------------------------------------------------------- */

/* Room for `n` bytes at `at`: what lies behind it moves, and those that point there follow.
 * NULL: that is no place, or the input would be too long. */
static u8 *make_room(struct object *o, u32 at, u32 n)
{
	if (n > o->max - o->size || at < sizeof(*o->header) || at > o->size)
		return NULL;
	for (u32 i = 0; i < o->header->shnum; i++)
		if (o->section[i].offset >= at)
			o->section[i].offset += n;
	if (o->header->shoff >= at)
		o->header->shoff += n;
	memmove(o->bytes + at + n, o->bytes + at, o->size - at);
	memset(o->bytes + at, 0, n);
	o->size += n;
	return find_sections(o) ? o->bytes + at : NULL;
}

/* `n` more bytes at the end of a section; whole words, since the next one may be an array of them. */
static u8 *grow(struct object *o, u32 i, u32 n)
{
	u32 end = o->section[i].offset + o->section[i].size;
	u8 *room = make_room(o, end, ALIGN_UP(n, 4u));

	if (room)
		o->section[i].size += n;
	return room;
}

/* -- changes: each tells whether it found something to change ---------------------------- */

static bool change_header(struct object *o)
{
	u32 at = below(o, sizeof(*o->header) / 2) * 2;
	u16 value = (u16)(below(o, 2) ? edge(o) : below(o, o->header->shnum + 2u));

	memcpy(o->bytes + at, &value, sizeof(value));
	return true;
}

static bool change_section(struct object *o)
{
	u32 *field = (u32 *)&o->section[any_section(o)], which = below(o, sizeof(*o->section) / 4);
	const u32 *akin = (const u32 *)&o->section[any_section(o)];

	field[which] = other_number(o, field[which], akin[which]);
	return true;
}

/* A kind that has rules of its own. */
static bool change_kind(struct object *o)
{
	static const struct { u32 type, flags; } kinds[] = {
		{ SHT_PROGBITS, SHF_ALLOC }, { SHT_PROGBITS, SHF_ALLOC | SHF_WRITE },
		{ SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR }, { SHT_NOBITS, SHF_ALLOC | SHF_WRITE },
		{ SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR }, { SHT_NOBITS, SHF_ALLOC }, { SHT_PROGBITS, 0 },
		{ SHT_PROGBITS, SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR }, { SHT_NOTE, SHF_ALLOC }, { SHT_REL, SHF_INFO_LINK },
		{ SHT_REL, SHF_ALLOC }, { SHT_RELA, 0 }, { SHT_STRTAB, 0 }, { SHT_SYMTAB, 0 }, { SHT_NULL, 0 },
		{ SHT_INIT_ARRAY, SHF_ALLOC }, { SHT_SYMTAB_SHNDX, 0 }, { SHT_PROGBITS, SHF_ALLOC | SHF_TLS },
	};
	u32 kind = below(o, ARRAY_SIZE(kinds));
	struct elf32_shdr *s = &o->section[any_section(o)];

	s->type = kinds[kind].type;
	s->flags = kinds[kind].flags;
	return true;
}

static bool change_name(struct object *o)
{
	static const char names[][16] = {
		".text", ".init.text", ".init.data", ".modinfo", ".exports", ".params", ".ctors", ".dtors.1", ".init_array",
		".gnu.lto_x", ".rodata", ".data", ".bss", "",
	};
	const char *name = names[below(o, ARRAY_SIZE(names))];
	u32 strings = o->header->shstrndx, who, at;
	u8 *room;

	if (strings >= o->header->shnum || !inside(o->section[strings].offset, o->section[strings].size, o->size))
		return false;
	at = o->section[strings].size;
	room = grow(o, strings, (u32)strlen(name) + 1);
	if (!room)
		return false;
	memcpy(room, name, strlen(name));
	who = any_section(o);
	o->section[who].name = at;
	return true;
}

static bool swap_sections(struct object *o)
{
	struct elf32_shdr *a = &o->section[any_section(o)], *b = &o->section[any_section(o)], t = *a;

	*a = *b;
	*b = t;
	return true;
}

/* One more, like another; without bytes of the file it overlaps none. */
static bool add_section(struct object *o)
{
	u32 like = any_section(o), end = o->header->shoff + o->header->shnum * (u32)sizeof(*o->section);
	struct elf32_shdr *s = (void *)make_room(o, end, sizeof(*s));

	if (!s)
		return false;
	*s = o->section[like];
	if (below(o, 2))
		s->type = SHT_NOBITS;
	o->header->shnum++;
	return true;
}

static bool change_symbol(struct object *o)
{
	static const u16 homes[] = { SHN_UNDEF, SHN_ABS, SHN_COMMON, SHN_LORESERVE, 0xffff };
	u32 table = pick(o, SHT_SYMTAB), n = table ? o->section[table].size / (u32)sizeof(struct elf32_sym) : 0;
	struct elf32_sym *s;

	if (!n)
		return false;
	s = (struct elf32_sym *)(void *)(o->bytes + o->section[table].offset) + below(o, n);
	switch (below(o, 5)) {
	case 0: s->name = other_number(o, s->name, o->section[any_section(o)].size); break;
	case 1: s->value = other_number(o, s->value, o->section[any_section(o)].size); break;
	case 2: s->size = other_number(o, s->size, o->section[any_section(o)].size); break;
	case 3: s->info = (u8)(below(o, 4) << 4 | below(o, 11)); break;
	default: s->shndx = (u16)(below(o, 2) ? any_section(o) : homes[below(o, ARRAY_SIZE(homes))]);
	}
	return true;
}

static bool add_symbol(struct object *o)
{
	u32 table = pick(o, SHT_SYMTAB);
	struct elf32_sym *s;

	if (!table)
		return false;
	s = (void *)grow(o, table, sizeof(*s));
	if (!s)
		return false;
	*s = (struct elf32_sym){
		.name = below(o, 64), .value = below(o, 64), .size = below(o, 16),
		.info = (u8)(below(o, 3) << 4 | below(o, 4)), .shndx = (u16)any_section(o),
	};
	return true;
}

static u32 any_relocation(struct object *o, u32 old)
{
	static const u8 types[] = {
		R_386_NONE, R_386_32, R_386_PC32, R_386_GOT32, R_386_PLT32, R_386_GOTOFF, R_386_GOTPC, R_386_GOT32X, 5, 22, 255,
	};

	if (below(o, 2))
		return REL_SYM(old) << 8 | types[below(o, ARRAY_SIZE(types))];
	return other_number(o, REL_SYM(old), below(o, 32)) << 8 | REL_TYPE(old);
}

static bool change_relocation(struct object *o)
{
	u32 table = pick(o, SHT_REL), n = table ? o->section[table].size / (u32)sizeof(struct elf32_rel) : 0;
	struct elf32_rel *r;

	if (!n)
		return false;
	r = (struct elf32_rel *)(void *)(o->bytes + o->section[table].offset) + below(o, n);
	if (below(o, 2))
		r->offset = other_number(o, r->offset, o->section[o->section[table].info % o->header->shnum].size);
	else
		r->info = any_relocation(o, r->info);
	return true;
}

static bool add_relocation(struct object *o)
{
	u32 table = pick(o, SHT_REL);
	struct elf32_rel *r;

	if (!table)
		return false;
	r = (void *)grow(o, table, sizeof(*r));
	if (!r)
		return false;
	*r = (struct elf32_rel){ .offset = below(o, 32), .info = any_relocation(o, below(o, 16) << 8 | R_386_32) };
	return true;
}

/* One more "key=value", or bytes of a string table. */
static bool add_text(struct object *o)
{
	static const char texts[][24] = {
		"depends=a,b", "parm=x:int", "parm=", "export=f", "init=none", "license=GPL", "=", "abi=0", "missing_symbol", "x",
	};
	const char *text = texts[below(o, ARRAY_SIZE(texts))];
	u32 i = pick(o, below(o, 2) ? SHT_PROGBITS : SHT_STRTAB);
	u8 *room = i ? grow(o, i, (u32)strlen(text) + 1) : NULL;

	if (room)
		memcpy(room, text, strlen(text));
	return room;
}

/* What the loader does not look at decides where relocations go: ModRM bytes, addends. */
static bool change_contents(struct object *o)
{
	u32 i = pick(o, below(o, 3) ? SHT_PROGBITS : SHT_STRTAB);

	if (!i)
		return false;
	LLVMFuzzerMutate(o->bytes + o->section[i].offset, o->section[i].size, o->section[i].size);
	return true;
}

static bool grow_section(struct object *o)
{
	u32 i = pick(o, below(o, 2) ? SHT_PROGBITS : SHT_SYMTAB);

	return i && grow(o, i, below(o, 64) + 1);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static bool (*const change[])(struct object *o) = {
		change_header, change_section, change_section, change_section, change_kind, change_name, swap_sections,
		add_section, change_symbol, change_symbol, add_symbol, change_relocation, change_relocation, add_relocation,
		add_text, change_contents, change_contents, grow_section,
	};
	struct object o = { .bytes = data, .size = (u32)size, .max = (u32)max_size };

	prng_seed(&o.rng, seed);
	if (below(&o, 16) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (u32 n = below(&o, 4) + 1; n; n--) {
		if (!find_sections(&o))
			return LLVMFuzzerMutate(data, o.size, max_size);
		for (u32 tries = 8; tries && !change[below(&o, ARRAY_SIZE(change))](&o); tries--)
			if (!find_sections(&o))
				break;
	}
	return o.size;
}
