// sources: kernel/module/elf.c kernel/module/elf_image.c kernel/module/foreign.c lib/load_error.c
// cflags: -Itests/unit
// What the loader says of files, one line each: objects FILE... (tests/loaders/debian-ko). Under the sanitizers, as all
// tests on the host; the checks are those of kernel/module/load.c up to the stamp, and an object of another kernel has none.
#include <stdio.h>
#include "load_object.h"

static u8 *read_file(const char *path, u32 *size)
{
	FILE *f = fopen(path, "rb");
	u8 *data = malloc(ELF_MAX_FILE + 1);
	size_t n = f && data ? fread(data, 1, ELF_MAX_FILE + 1, f) : 0;

	if (f)
		fclose(f);
	*size = (u32)n;
	if (n)
		return data;
	free(data);
	return NULL;
}

/* What comes behind the stamp must hold all the same. */
static const char *verdict(struct loaded *o, const u8 *data, u32 size)
{
	u32 cursor = 0;
	int err = load_object(o, data, size);

	if (err == -ENOEXEC || !o->view.section)
		return o->err.text;
	if (!elf_stamp_next(&o->view, &cursor)) {
		(void)!load_fail_foreign(&o->view, &o->err);
		return o->err.text;
	}
	return err ? o->err.text : "loads";
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');
		struct loaded o;
		u32 size;
		u8 *data = read_file(argv[i], &size);

		if (!data) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		printf("%s: %s\n", slash ? slash + 1 : argv[i], verdict(&o, data, size));
		unload_object(&o);
		free(data);
	}
	return 0;
}
