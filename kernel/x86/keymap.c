/* Codes: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and
 * 102-key)", scan code set 1. A key released sends its code with bit 7 set. */
#include "x86/keymap.h"

#define RELEASED    0x80
#define PREFIX_E0   0xe0	/* the grey keys: arrows, right Ctrl and Alt */
#define PREFIX_E1   0xe1	/* Pause: two codes follow, and again two */

#define KEY_CTRL    0x1d
#define KEY_LSHIFT  0x2a
#define KEY_RSHIFT  0x36
#define KEY_ALT     0x38
#define KEY_CAPS    0x3a
#define KEY_SLASH   0x35
#define KEY_ENTER   0x1c

static const char plain[0x3a] = {
	0, 27, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '-', '=', '\b', '\t',
	'q', 'w', 'e', 'r', 't', 'y', 'u', 'i', 'o', 'p', '[', ']', '\n', 0, 'a', 's',
	'd', 'f', 'g', 'h', 'j', 'k', 'l', ';', '\'', '`', 0, '\\', 'z', 'x', 'c', 'v',
	'b', 'n', 'm', ',', '.', '/', 0, '*', 0, ' ',
};

static const char shifted[0x3a] = {
	0, 27, '!', '@', '#', '$', '%', '^', '&', '*', '(', ')', '_', '+', '\b', '\t',
	'Q', 'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P', '{', '}', '\n', 0, 'A', 'S',
	'D', 'F', 'G', 'H', 'J', 'K', 'L', ':', '"', '~', 0, '|', 'Z', 'X', 'C', 'V',
	'B', 'N', 'M', '<', '>', '?', 0, '*', 0, ' ',
};

/* The keypad, 0x47..0x53: what a VT220 sends for the key without Num Lock,
 * after ESC [ ; "" for none. */
static const char keypad[13][3] = {
	"H", "A", "5~", "", "D", "", "C", "", "F", "B", "6~", "2~", "3~",
};

static int put_sequence(const char *tail, char *out)
{
	int n = 0;

	if (!*tail)
		return 0;
	out[n++] = 27;
	out[n++] = '[';
	while (*tail)
		out[n++] = *tail++;
	return n;
}

static bool modifier(struct keymap *k, u8 key, bool down, bool extended)
{
	switch (key) {
	case KEY_LSHIFT:
	case KEY_RSHIFT:
		/* With E0 it is a fake shift around a grey key, not the key. */
		if (!extended)
			k->shift = down;
		return true;
	case KEY_CTRL:
		k->ctrl = down;
		return true;
	case KEY_ALT:
		k->alt = down;
		return true;
	case KEY_CAPS:
		k->caps ^= down;
		return true;
	}
	return false;
}

static char character(const struct keymap *k, u8 key)
{
	char low = plain[key];
	bool letter = low >= 'a' && low <= 'z';
	char c = (letter ? k->shift != k->caps : k->shift) ? shifted[key] : low;

	if (k->ctrl && ((c >= '@' && c <= '_') || letter))
		c &= 0x1f;
	return c;
}

int keymap_feed(struct keymap *k, u8 code, char out[KEYMAP_MAX_OUT])
{
	bool extended = k->extended;
	bool down = !(code & RELEASED);
	u8 key = code & ~RELEASED;

	if (k->skip) {
		k->skip--;
		return 0;
	}
	if (code == PREFIX_E1)
		k->skip = 2;
	k->extended = code == PREFIX_E0;
	if (code == PREFIX_E0 || code == PREFIX_E1)
		return 0;
	if (modifier(k, key, down, extended) || !down)
		return 0;
	if (key >= 0x47 && key <= 0x53)
		return put_sequence(keypad[key - 0x47], out);
	if (extended && key != KEY_SLASH && key != KEY_ENTER)
		return 0;
	if (key >= sizeof(plain) || !plain[key])
		return 0;
	out[0] = character(k, key);
	return 1;
}
