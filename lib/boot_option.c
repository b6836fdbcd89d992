#include "lib/boot_option.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"

#define LINE_MAX 240

/* One word, "name" or "name=value". */
struct boot_word {
	char text[64];			/* cut, should it be longer */
	u32  name_len, value_len;	/* of the whole word */
	bool has_value;
};

static const char *value_of(const struct boot_word *w)
{
	return w->text + MIN(w->name_len + 1, (u32)sizeof(w->text) - 1);
}

/* False at the end of the line. */
static bool next_word(const char **cmdline, struct boot_word *w)
{
	int len = cmdline_word(cmdline, w->text, sizeof(w->text));

	if (len < 0)
		return false;
	for (char *c = w->text; *c; c++)
		*c = *c >= ' ' && *c <= '~' ? *c : '?';		/* it may be printed */
	const char *equals = strchr(w->text, '=');
	w->has_value = equals != NULL;
	w->name_len = equals ? (u32)(equals - w->text) : (u32)len;
	w->value_len = w->has_value ? (u32)len - w->name_len - 1 : 0;
	return true;
}

/* No option has a '/' or '.' in its name. */
static bool is_path(const struct boot_word *w)
{
	const char *slash = strchr(w->text, '/');

	return (slash && (u32)(slash - w->text) < w->name_len) || (!w->has_value && strchr(w->text, '.'));
}

static struct boot_option *find(const struct boot_word *w, struct boot_option *const table[], u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (strlen(table[i]->name) == w->name_len && !memcmp(table[i]->name, w->text, w->name_len))
			return table[i];
	}
	return NULL;
}

/* -- values ------------------------------------------------------------------------- */

static bool read_choice(const struct boot_option *o, const char *value, u32 *number)
{
	for (u32 i = 0; o->choices[i]; i++) {
		if (streq(o->choices[i], value)) {
			*number = i;
			return true;
		}
	}
	return false;
}

/* False: malformed. */
static bool read_value(const struct boot_option *o, const struct boot_word *w, u32 *number)
{
	bool on;

	if (o->kind != BOOT_TEXT && w->value_len > strlen(value_of(w)))
		return false;		/* cut */
	switch (o->kind) {
	case BOOT_FLAG:
		return !w->has_value;
	case BOOT_SWITCH:
		*number = 1;
		if (!w->has_value)
			return true;
		if (parse_bool(value_of(w), &on))
			return false;
		*number = on;
		return true;
	case BOOT_NUMBER:
		return w->has_value && !parse_u32(value_of(w), number) && *number >= o->min && *number <= o->max;
	case BOOT_CHOICE:
		return w->has_value && read_choice(o, value_of(w), number);
	default:
		return w->has_value && w->value_len >= o->min && w->value_len <= o->max;
	}
}

/* -- reports ------------------------------------------------------------------------ */

/* "hpet, pm or pit", behind what is in `line`. */
static void add_choices(char *line, const char *const *choices)
{
	u32 len = strlen(line);

	for (u32 i = 0; choices[i]; i++)
		len += (u32)snprintf(line + len, LINE_MAX - len, "%s%s",
		                     !i ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

/* What a value of it has to be. */
static void add_form(char *line, const struct boot_option *o)
{
	u32 len = strlen(line);
	char *to = line + len;

	switch (o->kind) {
	case BOOT_FLAG:   snprintf(to, LINE_MAX - len, "%s takes no value", o->name); break;
	case BOOT_SWITCH: snprintf(to, LINE_MAX - len, "%s= wants on or off", o->name); break;
	case BOOT_NUMBER:
		snprintf(to, LINE_MAX - len, "%s= wants a number from %u to %u", o->name, o->min, o->max);
		break;
	case BOOT_CHOICE:
		snprintf(to, LINE_MAX - len, "%s= wants ", o->name);
		add_choices(line, o->choices);
		break;
	case BOOT_TEXT:
		snprintf(to, LINE_MAX - len, "%s= wants %u to %u characters", o->name, o->min, o->max);
		break;
	}
}

static void say_malformed(const struct boot_word *w, const struct boot_option *o, void (*say)(const char *))
{
	char line[LINE_MAX + 16];

	snprintf(line, LINE_MAX, "%s: ", w->text);
	add_form(line, o);
	strlcpy(line + strlen(line), "; ignored", 16);
	say(line);
}

static void say_unknown(const struct boot_word *w, struct boot_option *const table[], u32 n,
                        void (*say)(const char *))
{
	char line[LINE_MAX];
	u32 len = (u32)snprintf(line, sizeof(line), "%s: the kernel has no such option; ignored. It has:", w->text);

	for (u32 i = 0; i < n && len < sizeof(line); i++)
		len += (u32)snprintf(line + len, sizeof(line) - len, " %s", table[i]->name);
	say(line);
}

/* -- the command line --------------------------------------------------------------- */

void boot_options_read(const char *cmdline, struct boot_option *const table[], u32 n,
                       void (*say)(const char *line))
{
	struct boot_word w;

	while (next_word(&cmdline, &w)) {
		struct boot_option *o = find(&w, table, n);
		u32 number = 0;
		if (o && read_value(o, &w, &number)) {
			o->given = true;
			o->number = number;
		} else if (o) {
			say_malformed(&w, o, say);
		} else if (!is_path(&w)) {
			say_unknown(&w, table, n, say);
		}
	}
}
