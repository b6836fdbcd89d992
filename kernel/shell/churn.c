#include "shell/churn.h"
#include "lib/format.h"
#include "lib/string.h"
#include "module/module.h"

static const char *const names[NR_CHURN] = {
	"churn_0", "churn_1", "churn_2", "churn_3", "churn_mid", "churn_top", "churn_lib",
};

void churn_name(u32 i, char *name, u32 size)
{
	strlcpy(name, names[i], size);
}

static u32 index_of(const char *name)
{
	u32 i = 0;

	while (!streq(names[i], name))
		i++;
	return i;
}

int churn_load(const char *name, struct prng *rng, struct load_error *why)
{
	u32 i = index_of(name), fail_at = prng_below(rng, 3) ? 0 : 1 + prng_below(rng, 12);
	bool is_instance = i < 4, is_library = streq(name, "churn_lib");
	char params[64];
	const void *file;
	u32 size;
	int err = archive_find(is_instance ? "churn_user" : name, &file, &size);

	if (err) {
		snprintf(why->text, sizeof(why->text), "%s is not in the boot archive", name);
		return err;
	}
	int len = snprintf(params, sizeof(params), "seed=%u", prng_next(rng) % 100000);
	if (!is_library)
		snprintf(params + len, sizeof(params) - len, " id=%u fail_at=%u", i, fail_at);
	return module_load(name, file, size, params, NULL, why);
}
