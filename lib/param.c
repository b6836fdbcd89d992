#include "lib/param.h"
#include "lib/errno.h"
#include "lib/parse.h"
#include "lib/string.h"

#define NAME "%.40s"

/* By value of enum param_type. */
static const char *const type_names[] = { "a whole number", "a number from 0 on", "y or n", "text" };

static const struct module_param *find(const struct module_param *table, u32 n, const char *name)
{
	for (u32 i = 0; i < n; i++)
		if (streq(table[i].name, name))
			return &table[i];
	return NULL;
}

static int set_text(const struct module_param *p, const char *value, struct load_error *err)
{
	if (strlcpy(p->addr, value, p->size) < p->size)
		return 0;
	*(char *)p->addr = '\0';
	return load_fail(err, -E2BIG, "parameter " NAME ": the text is longer than %u characters",
	                 p->name, p->size - 1);
}

static int set_number(const struct module_param *p, const char *value, struct load_error *err)
{
	int e;

	switch (p->type) {
	case PARAM_INT:
		e = parse_s32(value, p->addr);
		break;
	case PARAM_UINT:
		e = parse_u32(value, p->addr);
		break;
	default:
		e = parse_bool(value, p->addr);
		break;
	}
	if (e == -ERANGE)
		return load_fail(err, e, "parameter " NAME ": " NAME " does not fit in 32 bits",
		                 p->name, value);
	if (e)
		return load_fail(err, e, "parameter " NAME ": \"" NAME "\" is not %s",
		                 p->name, value, type_names[p->type]);
	return 0;
}

static int set_one(const struct module_param *table, u32 n, char *word, struct load_error *err)
{
	char *value = strchr(word, '=');
	const struct module_param *p;

	if (value)
		*value++ = '\0';
	p = find(table, n, word);
	if (!p)
		return load_fail(err, -EINVAL, "no parameter is called " NAME "; `modinfo` lists them",
		                 word);
	if (!value && p->type != PARAM_BOOL)
		return load_fail(err, -EINVAL, "parameter " NAME ": needs a value: " NAME "=...",
		                 word, word);
	if (!value)
		value = "y";
	return p->type == PARAM_CHARP ? set_text(p, value, err) : set_number(p, value, err);
}

int params_set(const struct module_param *table, u32 n, char *text, struct load_error *err)
{
	char *words[MAX_PARAMS];
	int count = split_words(text, words, MAX_PARAMS);
	int e = 0;

	if (count == -E2BIG)
		return load_fail(err, count, "more than %u parameters", MAX_PARAMS);
	if (count < 0)
		return load_fail(err, count, "parameters: a quote is not closed");
	for (int i = 0; !e && i < count; i++)
		e = set_one(table, n, words[i], err);
	return e;
}
