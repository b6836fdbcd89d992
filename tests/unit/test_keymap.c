// sources: kernel/x86/keymap.c
#include <string.h>
#include "unit.h"
#include "x86/keymap.h"

/* Feeds scan codes up to the terminating 0; what comes out is compared. */
static void expect(struct keymap *k, const u8 *codes, const char *text)
{
	char all[64], out[KEYMAP_MAX_OUT];
	int len = 0;

	for (; *codes; codes++) {
		int n = keymap_feed(k, *codes, out);
		assert_in_range(n, 0, KEYMAP_MAX_OUT);
		memcpy(all + len, out, (size_t)n);
		len += n;
	}
	all[len] = '\0';
	assert_string_equal(all, text);
}

#define TYPE(k, text, ...) expect(k, (const u8[]){ __VA_ARGS__, 0 }, text)

static void plain_keys_and_releases(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "ls", 0x26, 0xa6, 0x1f, 0x9f);
	TYPE(&k, "1 -\n", 0x02, 0x82, 0x39, 0xb9, 0x0c, 0x8c, 0x1c, 0x9c);
	TYPE(&k, "\b\t\x1b", 0x0e, 0x0f, 0x01);
}

static void shift_and_caps(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "aA!a", 0x1e, 0x2a, 0x1e, 0x02, 0xaa, 0x1e);
	TYPE(&k, "Bb", 0x36, 0x30, 0xb6, 0x30);
	/* Caps Lock is for letters only, Shift undoes it, and the second press ends it. */
	TYPE(&k, "A1a!a", 0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0x02, 0xaa, 0x3a, 0xba, 0x1e);
}

static void control_characters(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "\x03\x04\x15", 0x1d, 0x2e, 0x20, 0x16, 0x9d);
	TYPE(&k, "c", 0x2e);
	TYPE(&k, "\x01", 0xe0, 0x1d, 0x1e, 0xe0, 0x9d);	/* right Ctrl */
	TYPE(&k, "1", 0x1d, 0x02, 0x9d);		/* Ctrl-1 is a 1 */
}

static void editing_keys(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "\x1b[A\x1b[B", 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x50, 0xe0, 0xd0);
	TYPE(&k, "\x1b[D\x1b[C", 0xe0, 0x4b, 0xe0, 0x4d);
	TYPE(&k, "\x1b[H\x1b[F\x1b[3~", 0xe0, 0x47, 0xe0, 0x4f, 0xe0, 0x53);
	TYPE(&k, "\n/", 0xe0, 0x1c, 0xe0, 0x35);	/* keypad Enter and slash */
}

static void grey_keys_under_fake_shift(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "\x1b[Aa", 0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa, 0x1e);
}

static void pause_and_unknown_codes_give_nothing(void **state)
{
	struct keymap k = { 0 };

	(void)state;
	TYPE(&k, "a", 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e);
	TYPE(&k, "", 0x3b, 0x58, 0x7f, 0xe0, 0x5b, 0xff);	/* F1, F12, none, GUI */
}

/* Every state and code: nothing is read or written out of bounds. */
static void any_code_in_any_state_is_safe(void **state)
{
	(void)state;
	for (u32 bits = 0; bits < 32; bits++) {
		for (u32 code = 0; code < 256; code++) {
			char out[KEYMAP_MAX_OUT];
			struct keymap k = { .shift = bits & 1, .ctrl = bits & 2, .alt = bits & 4,
			                    .caps = bits & 8, .extended = bits & 16 };
			int n = keymap_feed(&k, (u8)code, out);
			assert_in_range(n, 0, KEYMAP_MAX_OUT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_keys_and_releases),
		cmocka_unit_test(shift_and_caps),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(editing_keys),
		cmocka_unit_test(grey_keys_under_fake_shift),
		cmocka_unit_test(pause_and_unknown_codes_give_nothing),
		cmocka_unit_test(any_code_in_any_state_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
