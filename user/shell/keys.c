/* Sequences as ISO 6429 has them ("control sequence"), xterm's, rxvt's and Linux's consoles.
 *
 * Esc alone looks like the start of one. It means nothing here, so no clock tells them apart: what
 * cannot go on a sequence ends it and is a key of its own, so Ctrl-C always arrives. */
#include "user/shell/keys.h"
#include "user/shell/shell.h"

#define ESC 0x1b
#define MODIFIER_ALT  3			/* xterm: 1 + (1 Shift, 2 Alt, 4 Ctrl) */
#define MODIFIER_CTRL 5

static int put_back_byte = -1;		/* to be read again */

static u8 next_byte(void)
{
	int c = put_back_byte;

	put_back_byte = -1;
	return c >= 0 ? (u8)c : next_key();
}

static int put_back(u8 c)
{
	put_back_byte = c;
	return KEY_NONE;
}

static int lettered(u8 final, u32 modifier)
{
	bool word = modifier == MODIFIER_CTRL || modifier == MODIFIER_ALT;

	switch (final) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'C': return word ? KEY_WORD_RIGHT : KEY_RIGHT;
	case 'D': return word ? KEY_WORD_LEFT : KEY_LEFT;
	case 'H': return KEY_HOME;
	case 'F': return KEY_END;
	default:  return KEY_NONE;
	}
}

static int numbered(u32 number)
{
	switch (number) {
	case 1:
	case 7:  return KEY_HOME;
	case 3:  return KEY_DELETE;
	case 4:
	case 8:  return KEY_END;
	default: return KEY_NONE;
	}
}

/* Behind ESC [: "A", "3~", "1;5C"; and "[A", F1 of Linux's console. */
static int control_sequence(void)
{
	u32 param[3] = { 0 }, n = 0;	/* the last: those that mean nothing here */
	u8 c = next_byte();

	if (c == '[') {
		c = next_byte();
		return c >= ' ' && c < 0x7f ? KEY_NONE : put_back(c);
	}
	for (; c >= 0x20 && c <= 0x3f; c = next_byte()) {
		if (c >= '0' && c <= '9')
			param[n] = MIN(param[n] * 10 + (c - '0'), 9999u);
		else
			n = MIN(n + 1, 2u);
	}
	if (c < 0x40 || c > 0x7e)
		return put_back(c);
	return c == '~' ? numbered(param[0]) : lettered(c, param[1]);
}

/* Behind ESC O: "H", "C", and rxvt's "c" for Ctrl. */
static int single_shift(void)
{
	u8 c = next_byte();

	if (c < ' ' || c >= 0x7f)
		return put_back(c);
	return c == 'c' ? KEY_WORD_RIGHT : c == 'd' ? KEY_WORD_LEFT : lettered(c, 0);
}

static int escape(void)
{
	u8 c = next_byte();

	return c == '[' ? control_sequence() : c == 'O' ? single_shift() : put_back(c);
}

/* The first byte says how many follow (RFC 3629, sections 3 and 4). */
static int utf8(u8 c)
{
	static const u32 least[] = { 0, 0x80, 0x800, 0x10000 };
	u32 more = c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 0;
	u32 code = c & (0x3f >> more);

	for (u32 i = 0; i < more; i++) {
		c = next_byte();
		if ((c & 0xc0) != 0x80) {
			(void)put_back(c);
			return KEY_LOST;
		}
		code = code << 6 | (c & 0x3f);
	}
	return !more || code < least[more] || code >= KEY_HOME || (code >= 0xd800 && code < 0xe000) ? KEY_LOST : (int)code;
}

int read_key(void)
{
	u8 c = next_byte();

	switch (c) {
	case ESC:       return escape();
	case CTRL('a'): return KEY_HOME;
	case CTRL('e'): return KEY_END;
	case CTRL('p'): return KEY_UP;
	case CTRL('n'): return KEY_DOWN;
	case CTRL('b'): return KEY_LEFT;
	case CTRL('f'): return KEY_RIGHT;
	default:        return c < 0x80 ? c : utf8(c);
	}
}
