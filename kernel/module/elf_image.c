/* Making an image of a checked object: layout, copying, symbol values,
 * relocation. elf_check() has compared every number that is used here. */
#include "module/elf.h"
#include "lib/elf_format.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"

/* Gives the sections of one part their places, from *at on: those with bytes in
 * the file first, then the zeroed ones. */
static int lay_out_sections(struct elf_view *v, u32 part, bool zeroed, u32 *at,
                            struct load_error *err)
{
	for (u32 i = 1; i < v->nr_sections; i++) {
		const struct elf32_shdr *s = &v->section[i];

		if (v->part[i] != part || (s->type == SHT_NOBITS) != zeroed)
			continue;
		/* Neither sum wraps: *at and size are at most ELF_MAX_IMAGE. */
		*at = ALIGN_UP(*at, MAX(s->addralign, 1u));
		v->offset[i] = *at;
		*at += s->size;
		if (*at > ELF_MAX_IMAGE)
			return load_fail(err, -E2BIG, "the image is larger than %u bytes", ELF_MAX_IMAGE);
	}
	return 0;
}

/* One slot for each relocation that asks for one. Modules are built with
 * -fno-pic and have hardly any, so sharing slots is not worth a table. */
static void lay_out_got(struct elf_view *v, u32 *at)
{
	*at = ALIGN_UP(*at, 4u);
	v->got_offset = *at;
	v->got_size = v->nr_got * 4;
	*at += v->got_size;
}

int elf_layout(struct elf_view *v, struct load_error *err)
{
	u32 at = 0;

	for (u32 i = 0; i < v->nr_sections; i++)
		v->offset[i] = ~0u;
	for (u32 part = 0; part < NR_PARTS; part++) {
		int e;

		at = v->part_start[part] = ALIGN_UP(at, ELF_PAGE);
		e = lay_out_sections(v, part, false, &at, err);
		if (!e)
			e = lay_out_sections(v, part, true, &at, err);
		if (e)
			return e;
		if (part == PART_RODATA)
			lay_out_got(v, &at);
		v->part_size[part] = at - v->part_start[part];
	}
	v->image_size = ALIGN_UP(at, ELF_PAGE);
	if (v->image_size > ELF_MAX_IMAGE)
		return load_fail(err, -E2BIG, "the image is larger than %u bytes", ELF_MAX_IMAGE);
	return 0;
}

void elf_place(const struct elf_view *v, void *image)
{
	for (u32 i = 1; i < v->nr_sections; i++) {
		const struct elf32_shdr *s = &v->section[i];

		if (v->part[i] != PART_NONE && s->type != SHT_NOBITS)
			memcpy((u8 *)image + v->offset[i], v->file + s->offset, s->size);
	}
}

/* -- symbols ------------------------------------------------------------- */

/* Collects the names that nobody has in one line. */
static void note_missing(struct load_error *err, const char *name, u32 n)
{
	size_t used = n ? strnlen(err->text, sizeof(err->text)) : 0;

	snprintf(err->text + used, sizeof(err->text) - used, "%s%s",
	         n ? ", " : "undefined symbol ", name);
}

static int resolve_undefined(const struct elf_view *v, u32 base, const struct elf32_sym *s,
                             u32 *value, elf_resolver resolve, void *ctx)
{
	const char *name = v->names + s->name;
	int e;

	if (streq(name, "_GLOBAL_OFFSET_TABLE_")) {
		*value = base + v->got_offset;
		return 0;
	}
	e = resolve(ctx, name, value);
	if (e == -ENOENT && SYM_BIND(s->info) == STB_WEAK) {
		*value = 0;			/* its user asks whether it is NULL */
		return 0;
	}
	return e;
}

int elf_resolve(const struct elf_view *v, u32 base, u32 *value,
                elf_resolver resolve, void *ctx, struct load_error *err)
{
	struct load_error missing = { "" };
	u32 nr_missing = 0;

	value[0] = 0;
	for (u32 i = 1; i < v->nr_symbols; i++) {
		const struct elf32_sym *s = &v->symbol[i];
		int e;

		value[i] = s->value;			/* SHN_ABS */
		if (s->shndx == SHN_UNDEF) {
			e = resolve_undefined(v, base, s, &value[i], resolve, ctx);
			if (e && e != -ENOENT)
				return e;
			if (e)
				note_missing(&missing, v->names + s->name, nr_missing++);
		} else if (s->shndx < v->nr_sections && v->part[s->shndx] != PART_NONE) {
			value[i] = base + v->offset[s->shndx] + s->value;
		}
	}
	return nr_missing ? load_fail(err, -ENOENT, "%s", missing.text) : 0;
}

/* -- relocation ---------------------------------------------------------- */

/* Relocated words may lie at any address. */
static u32 get_u32(const u8 *p)
{
	u32 v;
	__builtin_memcpy(&v, p, 4);
	return v;
}

static void put_u32(u8 *p, u32 v)
{
	__builtin_memcpy(p, &v, 4);
}

struct relocating {
	const struct elf_view *v;
	u8 *image;
	u32 base, got;
	const u32 *value;
	u32 slots_used;
};

/* Fills a GOT slot with `value`; returns the slot's address. */
static u32 fill_slot(struct relocating *x, u32 value)
{
	u32 offset = x->v->got_offset + 4 * x->slots_used++;

	put_u32(x->image + offset, value);
	return x->base + offset;
}

/* Does the instruction address the GOT slot without a base register? Its ModRM
 * byte, right before the displacement, then has mod 0 and r/m 5 (Intel SDM vol.
 * 2, table 2-2), and wants the slot's address instead of its distance from the
 * table (i386 psABI 1.1, 4.4.1). */
static bool is_baseless(const u8 *where, const u8 *section)
{
	return where > section && (where[-1] & 0xc7) == 0x05;
}

static void relocate_one(struct relocating *x, u32 target, const struct elf32_rel *r)
{
	u8 *section = x->image + x->v->offset[target];
	u8 *where = section + r->offset;
	u32 place, add, sym, slot;

	if (REL_TYPE(r->info) == R_386_NONE)
		return;			/* its other fields were not checked */
	place = x->base + x->v->offset[target] + r->offset;
	add = get_u32(where);
	sym = x->value[REL_SYM(r->info)];
	switch (REL_TYPE(r->info)) {
	case R_386_32:
		put_u32(where, sym + add);
		break;
	case R_386_PC32:
	case R_386_PLT32:		/* all code is in reach: no need for stubs */
		put_u32(where, sym + add - place);
		break;
	case R_386_GOTOFF:
		put_u32(where, sym + add - x->got);
		break;
	case R_386_GOTPC:
		put_u32(where, x->got + add - place);
		break;
	case R_386_GOT32:
	case R_386_GOT32X:
		slot = fill_slot(x, sym);
		put_u32(where, slot + add - (is_baseless(where, section) ? 0 : x->got));
		break;
	}
}

void elf_relocate(const struct elf_view *v, void *image, u32 base, const u32 *value)
{
	struct relocating x = {
		.v = v, .image = image, .base = base, .got = base + v->got_offset, .value = value,
	};

	for (u32 i = 1; i < v->nr_sections; i++) {
		const struct elf32_shdr *s = &v->section[i];
		const struct elf32_rel *r = (const void *)(v->file + s->offset);

		if (s->type != SHT_REL || v->part[s->info] == PART_NONE)
			continue;
		for (u32 n = s->size / sizeof(*r); n; n--)
			relocate_one(&x, s->info, r++);
	}
}
