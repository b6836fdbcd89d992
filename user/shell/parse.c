/* Taking lines apart: what knows of nothing else, and is tested on the host. */
#include "lib/abi.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/shell/shell.h"

char *next_command(char **rest, bool *background)
{
	char *start = *rest, *p = start;
	bool quoted = false;

	for (; *p && (quoted || (*p != ';' && *p != '&')); p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\' || p[1] == '\''))
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	*background = *p == '&';
	*rest = *p ? p + 1 : p;
	*p = '\0';
	return start;
}

static const struct { const char *name; u32 right; } authorities[] = {
	{ "modules", AUTH_MODULES }, { "devices", AUTH_DEVICES }, { "ports", AUTH_PORTS },
	{ "irq", AUTH_IRQ }, { "phys", AUTH_PHYS }, { "process", AUTH_PROCESS },
	{ "power", AUTH_POWER }, { "console", AUTH_CONSOLE }, { "lab", AUTH_LAB },
	{ "info", AUTH_INFO }, { "keyboard", AUTH_KEYBOARD },
};

static u32 authority_named(const char *name, u32 len)
{
	for (u32 i = 0; i < ARRAY_SIZE(authorities); i++) {
		if (strlen(authorities[i].name) == len && !strncmp(authorities[i].name, name, len))
			return authorities[i].right;
	}
	return 0;
}

int parse_authority(const char *text, u32 *out)
{
	*out = 0;
	for (;;) {
		const char *comma = strchr(text, ',');
		u32 len = comma ? (u32)(comma - text) : strlen(text);
		u32 right = authority_named(text, len);
		if (!right)
			return -EINVAL;
		*out |= right;
		if (!comma)
			return 0;
		text = comma + 1;
	}
}

int parse_job(const char *text, u32 *out)
{
	return *text == '%' ? parse_u32(text + 1, out) : -EINVAL;
}
