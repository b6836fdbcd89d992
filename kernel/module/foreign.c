/* An object that no build of this project made. */
#include "lib/errno.h"
#include "lib/string.h"
#include "module/elf.h"

int load_fail_foreign(const struct elf_view *v, struct load_error *err)
{
	const char *vermagic = elf_modinfo(v, "vermagic", 0);	/* Linux: include/linux/vermagic.h */

	if (vermagic) {
		const char *end = strchr(vermagic, ' ');
		u32 version = end ? (u32)(end - vermagic) : strlen(vermagic);

		return load_fail(err, -ENOEXEC, "a module of Linux %.*s, whose functions this kernel does not have",
		                 (int)MIN(version, 40u), vermagic);
	}
	return load_fail(err, -ENOEXEC, "no ABI stamp; a module includes module/api.h (docs/MODULES.md)");
}
