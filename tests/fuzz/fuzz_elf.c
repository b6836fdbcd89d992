// sources: tests/fuzz/elf_mutate.c kernel/module/elf.c kernel/module/elf_image.c lib/load_error.c
// cflags: -Itests/unit -Itests
// The loader on any object: refused with a line, or loaded within its bounds, in time
// that the size of the file bounds. elf_mutate.c makes the objects.
#include "load_object.h"
#include "lib/elf_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

static void ask_everything(const struct loaded *o)
{
	struct elf_symbol_info s;
	struct elf_code code;
	u32 cursor = 0, a, b, sum = 0;

	while (elf_symbol_next(&o->view, &cursor, &s))
		must(s.offset <= o->view.image_size && s.size <= o->view.image_size - s.offset);
	for (cursor = 0; elf_probe_next(&o->view, &cursor, &code);)
		for (u32 i = 0; i < code.size; i++)
			sum += code.bytes[i];		/* within the file, says ASan */
	for (cursor = 0; elf_stamp_next(&o->view, &cursor);)
		;
	must(sum <= 255 * (u64)o->view.size * o->view.nr_symbols);
	if (elf_section(&o->view, ".exports", &a, &b))
		must(a <= o->view.image_size && b <= o->view.image_size - a);
	if (elf_symbol(&o->view, "init_module", &a))
		must(a <= o->view.image_size);
	for (u32 n = 0; n < 100 && elf_modinfo(&o->view, "parm", n); n++)
		;
}

/* W^X is kept by parts: each in pages of its own, and a section wholly in the part of its rights. */
static void parts_keep_apart(const struct elf_view *v)
{
	u32 end = 0;

	for (u32 p = 0; p < NR_PARTS; p++) {
		must(v->part_start[p] % ELF_PAGE == 0 && v->part_start[p] >= end);
		end = v->part_start[p] + v->part_size[p];
	}
	must(end <= v->image_size);
	for (u32 i = 0; i < v->nr_sections; i++) {
		const struct elf32_shdr *s = &v->section[i];
		u32 p = v->part[i], at = v->offset[i] - v->part_start[p % NR_PARTS];

		if (p == PART_NONE)
			continue;
		must(at <= v->part_size[p] && s->size <= v->part_size[p] - at);
		must(s->addralign == 0 || v->offset[i] % s->addralign == 0);
		must(!(s->flags & SHF_EXECINSTR) == (p != PART_TEXT && p != PART_INIT_TEXT));
		must(!(s->flags & SHF_WRITE) || p == PART_DATA || p == PART_INIT_DATA);
	}
}

/* No two sections lie on each other, nor on the GOT; nothing is written between them. `used`
 * has a byte for each of the image. */
static void take(u8 *used, u32 from, u32 size)
{
	for (u32 i = from; i < from + size; i++)
		must(!used[i]++);
}

static void sections_keep_apart(const struct loaded *o)
{
	const struct elf_view *v = &o->view;
	u8 *used = calloc(1, v->image_size + 1);

	for (u32 i = 0; i < v->nr_sections; i++)
		if (v->part[i] != PART_NONE)
			take(used, v->offset[i], v->section[i].size);
	take(used, v->got_offset, v->got_size);
	for (u32 i = 0; i < v->image_size; i++)
		must(used[i] || !o->image[i]);
	free(used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loaded o;

	if (size > 1u << 20)
		return 0;
	if (load_object(&o, data, (u32)size) == 0) {
		ask_everything(&o);
		parts_keep_apart(&o.view);
		if (o.view.image_size <= 1u << 16)	/* it takes its time */
			sections_keep_apart(&o);
	} else {
		must(o.err.text[0]);			/* not refused without a word */
	}
	unload_object(&o);
	return 0;
}
