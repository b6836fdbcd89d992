/* One line of input, with editing, history and completion. */
#include "lib/format.h"
#include "lib/string.h"
#include "user/lib/stdio.h"
#include "user/shell/shell.h"

enum key {
	KEY_HOME = 0x100, KEY_END, KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_DELETE, KEY_UNKNOWN,
};
#define CTRL(c) ((c) & 0x1f)
#define ESC     0x1b

struct editor {
	const char *prompt;
	char *line;			/* EDIT_MAX bytes, always terminated */
	u32 len, at;
	u32 back;			/* how far up in the history; 0: the line being typed */
	char typed[EDIT_MAX];		/* that line, while the history is shown */
};

static char history[EDIT_HISTORY][EDIT_MAX];	/* a ring */
static u32 nr_history;

static void put(const char *text)
{
	console_write(text, strlen(text));
}

/* "ESC [ A", "ESC [ 3 ~", "ESC O H": as terminals and our keyboard send them. */
static int read_escape(void)
{
	u8 c = next_key();

	if (c != '[' && c != 'O')
		return KEY_UNKNOWN;
	c = next_key();
	if (c >= '0' && c <= '9') {
		u32 number = c - '0';
		while ((c = next_key()) < '@')
			number = c >= '0' && c <= '9' ? number * 10 + c - '0' : ~0u;
		return c != '~' ? KEY_UNKNOWN :
		       number == 1 || number == 7 ? KEY_HOME :
		       number == 4 || number == 8 ? KEY_END :
		       number == 3 ? KEY_DELETE : KEY_UNKNOWN;
	}
	switch (c) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'C': return KEY_RIGHT;
	case 'D': return KEY_LEFT;
	case 'H': return KEY_HOME;
	case 'F': return KEY_END;
	default:  return KEY_UNKNOWN;
	}
}

static int read_key(void)
{
	u8 c = next_key();

	switch (c) {
	case ESC:       return read_escape();
	case CTRL('a'): return KEY_HOME;
	case CTRL('e'): return KEY_END;
	case CTRL('p'): return KEY_UP;
	case CTRL('n'): return KEY_DOWN;
	case CTRL('b'): return KEY_LEFT;
	case CTRL('f'): return KEY_RIGHT;
	default:        return c;
	}
}

static void redraw(const struct editor *e)
{
	char move[16];

	put("\r");
	put(e->prompt);
	console_write(e->line, e->len);
	put("\x1b[K");
	if (e->at < e->len) {
		snprintf(move, sizeof(move), "\x1b[%uD", e->len - e->at);
		put(move);
	}
}

static void insert(struct editor *e, char c)
{
	if (e->len + 1 == EDIT_MAX) {
		put("\a");
		return;
	}
	memmove(e->line + e->at + 1, e->line + e->at, e->len - e->at + 1);
	e->line[e->at++] = c;
	e->len++;
	if (e->at == e->len)
		console_write(&c, 1);
	else
		redraw(e);
}

static void erase(struct editor *e, u32 from, u32 to)
{
	memmove(e->line + from, e->line + to, e->len - to + 1);
	e->len -= to - from;
	e->at = from;
	redraw(e);
}

static void erase_word(struct editor *e)
{
	u32 from = e->at;

	while (from && e->line[from - 1] == ' ')
		from--;
	while (from && e->line[from - 1] != ' ')
		from--;
	erase(e, from, e->at);
}

static void show(struct editor *e, const char *text)
{
	strlcpy(e->line, text, EDIT_MAX);
	e->len = e->at = strlen(e->line);
	redraw(e);
}

static void walk_history(struct editor *e, int step)
{
	u32 back = e->back + (u32)step;

	if (back > MIN(nr_history, (u32)EDIT_HISTORY) || (step < 0 && !e->back))
		return;
	if (!e->back)
		strlcpy(e->typed, e->line, EDIT_MAX);
	e->back = back;
	show(e, back ? history[(nr_history - back) % EDIT_HISTORY] : e->typed);
}

static void remember(const char *line)
{
	if (!*line || (nr_history && streq(line, history[(nr_history - 1) % EDIT_HISTORY])))
		return;
	strlcpy(history[nr_history++ % EDIT_HISTORY], line, EDIT_MAX);
}

/* -- completion ------------------------------------------------------------------- */

static void complete(struct editor *e)
{
	char fits[64], common[64] = "";
	u32 word = e->at, found = 0, len;

	while (word && !strchr(" ;&", e->line[word - 1]))
		word--;
	len = e->at - word;
	for (u32 i = 0; candidate(e->line, word, i, fits, sizeof(fits)); i++) {
		if (strncmp(fits, e->line + word, len))
			continue;
		if (!found++) {
			strlcpy(common, fits, sizeof(common));
			continue;
		}
		u32 same = 0;
		while (common[same] && common[same] == fits[same])
			same++;
		common[same] = '\0';
	}
	if (!found) {
		put("\a");
		return;
	}
	for (const char *p = common + MIN(len, strlen(common)); *p; p++)
		insert(e, *p);
	if (found == 1) {
		insert(e, ' ');
		return;
	}
	put("\n");
	for (u32 i = 0; candidate(e->line, word, i, fits, sizeof(fits)); i++) {
		if (!strncmp(fits, e->line + word, len))
			printf("%s  ", fits);
	}
	put("\n");
	redraw(e);
}

/* -- the loop ------------------------------------------------------------------------ */

static void handle_key(struct editor *e, int key)
{
	switch (key) {
	case KEY_HOME:   e->at = 0; redraw(e); break;
	case KEY_END:    e->at = e->len; redraw(e); break;
	case KEY_LEFT:   if (e->at) e->at--; redraw(e); break;
	case KEY_RIGHT:  if (e->at < e->len) e->at++; redraw(e); break;
	case KEY_UP:     walk_history(e, 1); break;
	case KEY_DOWN:   walk_history(e, -1); break;
	case '\b':
	case 0x7f:       if (e->at) erase(e, e->at - 1, e->at); break;
	case CTRL('d'):
	case KEY_DELETE: if (e->at < e->len) erase(e, e->at, e->at + 1); break;
	case CTRL('u'):  erase(e, 0, e->at); break;
	case CTRL('k'):  e->len = e->at; e->line[e->at] = '\0'; redraw(e); break;
	case CTRL('w'):  erase_word(e); break;
	case CTRL('l'):  put("\x1b[2J\x1b[H"); redraw(e); break;
	case '\t':       complete(e); break;
	default:
		if (key >= ' ' && key < 0x7f)
			insert(e, (char)key);
	}
}

int edit_line(const char *prompt, char *out)
{
	struct editor e = { .prompt = prompt, .line = out };

	out[0] = '\0';
	put(prompt);
	for (;;) {
		int key = read_key();
		if (key == '\r' || key == '\n') {
			put("\n");
			remember(out);
			return 0;
		}
		if (key == CTRL('c')) {
			put("^C\n");
			return -EINTR;
		}
		handle_key(&e, key);
	}
}
