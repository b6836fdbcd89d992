#include "module/symbol.h"
#include "lib/string.h"
#include "module/module.h"
#include "x86/panic.h"

/* The core's symbols in a hash table: a load asks for a dozen of them. Fixed
 * after symbols_init(). Index 0 ends a chain, so entries are counted from 1. */
#define NR_BUCKETS  128
#define MAX_EXPORTS 256

static u16 bucket[NR_BUCKETS];
static u16 next_in_chain[MAX_EXPORTS + 1];

/* D. J. Bernstein's string hash. */
static u32 hash(const char *name)
{
	u32 h = 5381;

	while (*name)
		h = h * 33 + (u8)*name++;
	return (h ^ h >> 16) % NR_BUCKETS;
}

void symbols_init(void)
{
	ASSERT(nr_kernel_exports <= MAX_EXPORTS);
	for (u32 i = 0; i < nr_kernel_exports; i++) {
		u32 h = hash(kernel_exports[i].name);

		next_in_chain[i + 1] = bucket[h];
		bucket[h] = (u16)(i + 1);
	}
}

static bool find_in_core(const char *name, u32 *addr)
{
	for (u32 i = bucket[hash(name)]; i; i = next_in_chain[i])
		if (streq(kernel_exports[i - 1].name, name)) {
			*addr = kernel_exports[i - 1].addr;
			return true;
		}
	return false;
}

static bool find_in_module(const struct module *m, const char *name, u32 *addr)
{
	for (u32 i = 0; i < m->nr_exported; i++)
		if (streq(m->exported[i].name, name)) {
			*addr = m->exported[i].addr;
			return true;
		}
	return false;
}

bool symbol_find(const char *name, u32 *addr, struct module **provider)
{
	struct module *m;

	ASSERT(mutex_held(&modules_mutex));
	*provider = NULL;
	if (find_in_core(name, addr))
		return true;
	list_for_each(m, &modules, node)
		if (find_in_module(m, name, addr)) {
			*provider = m;
			return true;
		}
	return false;
}
