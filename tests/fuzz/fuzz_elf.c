// sources: kernel/module/elf.c kernel/module/elf_image.c lib/load_error.c
// cflags: -Itests/unit
// The loader on any bytes: refused with a line, or loaded within its bounds, in time
// that the size of the file bounds.
#include "load_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_everything(const struct loaded *o)
{
	struct elf_symbol_info s;
	u32 cursor = 0, a, b;

	while (elf_symbol_next(&o->view, &cursor, &s))
		if (s.offset > o->view.image_size || s.size > o->view.image_size - s.offset)
			abort();
	if (elf_section(&o->view, ".exports", &a, &b) && (a > o->view.image_size || b > o->view.image_size - a))
		abort();
	if (elf_symbol(&o->view, "init_module", &a) && a > o->view.image_size)
		abort();
	for (u32 n = 0; n < 100 && elf_modinfo(&o->view, "parm", n); n++)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loaded o;

	if (size > 1u << 20)
		return 0;
	if (load_object(&o, data, (u32)size) == 0)
		ask_everything(&o);
	else if (!o.err.text[0])
		abort();			/* refused without a word */
	unload_object(&o);
	return 0;
}
