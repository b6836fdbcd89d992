/* One line of input, with editing, history and completion. */
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "user/lib/stdio.h"
#include "user/shell/keys.h"
#include "user/shell/shell.h"

#define COLUMNS 80			/* nothing asks the terminal: the least that is in use */
#define TRUNCATED (-E2BIG)
#define DAMAGED   (-EIO)

struct editor {
	const char *prompt;
	char *line;			/* EDIT_MAX bytes, always terminated */
	u32 len, at;
	u32 back;			/* how far up in the history; 0: the line being typed */
	u32 left;			/* where the part that is shown begins */
	int fault;			/* 0, TRUNCATED or DAMAGED: it is not what was typed */
	char typed[EDIT_MAX];		/* that line, while the history is shown */
};

static char history[EDIT_HISTORY][EDIT_MAX];	/* a ring */
static u32 nr_history;

static void put(const char *text)
{
	console_write(text, strlen(text));
}

/* -- characters: UTF-8, each of one column ------------------------------------------ */

static bool begins_character(char c) { return ((u8)c & 0xc0) != 0x80; }

static u32 before(const struct editor *e, u32 at)
{
	while (at && !begins_character(e->line[--at]))
		;
	return at;
}

static u32 behind(const struct editor *e, u32 at)
{
	while (at < e->len && !begins_character(e->line[++at]))
		;
	return at;
}

static u32 columns(const struct editor *e, u32 from, u32 to)
{
	u32 n = 0;

	for (u32 i = from; i < to; i++)
		n += begins_character(e->line[i]);
	return n;
}

static u32 encode(int c, char out[4])
{
	u32 more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80 ? 1 : 0;

	out[0] = (char)(more ? (0xff00 >> (more + 1) & 0xff) | c >> 6 * more : c);
	for (u32 i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
	return more + 1;
}

/* -- the part that is shown ---------------------------------------------------------
 *
 * A line that is wider than the screen is shown in part, in one row, with < and > where it
 * goes on. Rows of their own would have to be counted, and so the terminal's width known:
 * the serial line's terminal and the screen may have two. */

/* The last column stays free: a character there may take the cursor to the next row, or not. */
static u32 width(const struct editor *e) { return COLUMNS - 1 - strlen(e->prompt); }

/* Moves the part that is shown, half of its width at a time, so that the cursor is in it. */
static void scroll(struct editor *e)
{
	u32 at = columns(e, e->left, e->at), half = width(e) / 2;

	if (columns(e, 0, e->len) <= width(e)) {
		e->left = 0;
		return;
	}
	if (e->at >= e->left && at >= (e->left ? 1u : 0u) && at + 1 < width(e))
		return;
	e->left = e->at;
	while (half-- && e->left)
		e->left = before(e, e->left);
}

static void redraw(struct editor *e)
{
	char move[16];
	u32 shown = 0, to;

	scroll(e);
	for (to = e->left; to < e->len && shown < width(e); shown++)
		to = behind(e, to);
	bool cut_left = e->left, cut_right = to < e->len;
	u32 first = cut_left ? behind(e, e->left) : 0;
	u32 last = cut_right ? before(e, to) : to;
	put("\r");
	put(e->prompt);
	put(cut_left ? "<" : "");
	console_write(e->line + first, last - first);
	put(cut_right ? ">" : "");
	put("\x1b[K");
	u32 back = shown - columns(e, e->left, e->at);
	if (back) {
		snprintf(move, sizeof(move), "\x1b[%uD", back);
		put(move);
	}
}

/* All of it, in as many rows as it takes, for what scrolls away above. */
static void draw_whole(const struct editor *e)
{
	if (columns(e, 0, e->len) <= width(e))
		return;
	put("\r");
	put(e->prompt);
	console_write(e->line, e->len);
}

/* -- changes ------------------------------------------------------------------------ */

static void fault(struct editor *e, int err)
{
	put("\a");
	e->fault = err;
}

static void insert(struct editor *e, int c)
{
	char bytes[4];
	u32 n = encode(c, bytes);

	if (e->len + n >= EDIT_MAX) {
		fault(e, TRUNCATED);
		return;
	}
	memmove(e->line + e->at + n, e->line + e->at, e->len - e->at + 1);
	memcpy(e->line + e->at, bytes, n);
	e->at += n;
	e->len += n;
	if (e->at == e->len && columns(e, e->left, e->len) <= width(e))
		console_write(bytes, n);
	else
		redraw(e);
}

static void erase(struct editor *e, u32 from, u32 to)
{
	memmove(e->line + from, e->line + to, e->len - to + 1);
	e->len -= to - from;
	e->at = from;
	if (from != to && e->fault == TRUNCATED)
		e->fault = 0;		/* what did not fit was heard, and seen */
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

static bool in_word(const struct editor *e, u32 at) { return at < e->len && e->line[at] != ' '; }

static void move_word_left(struct editor *e)
{
	while (e->at && !in_word(e, e->at - 1))
		e->at--;
	while (e->at && in_word(e, e->at - 1))
		e->at--;
	redraw(e);
}

static void move_word_right(struct editor *e)
{
	while (e->at < e->len && !in_word(e, e->at))
		e->at++;
	while (in_word(e, e->at))
		e->at++;
	redraw(e);
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
	case KEY_LEFT:   e->at = before(e, e->at); redraw(e); break;
	case KEY_RIGHT:  e->at = behind(e, e->at); redraw(e); break;
	case KEY_WORD_LEFT:  move_word_left(e); break;
	case KEY_WORD_RIGHT: move_word_right(e); break;
	case KEY_UP:     walk_history(e, 1); break;
	case KEY_DOWN:   walk_history(e, -1); break;
	case '\b':
	case 0x7f:       if (e->at) erase(e, before(e, e->at), e->at); break;
	case CTRL('d'):
	case KEY_DELETE: if (e->at < e->len) erase(e, e->at, behind(e, e->at)); break;
	case CTRL('u'):  erase(e, 0, e->at); break;
	case CTRL('k'):  erase(e, e->at, e->len); break;
	case CTRL('w'):  erase_word(e); break;
	case CTRL('l'):  put("\x1b[2J\x1b[H"); redraw(e); break;
	case '\t':       complete(e); break;
	case KEY_LOST:   fault(e, DAMAGED); break;
	default:
		if (key >= ' ' && key < KEY_HOME && !(key >= 0x7f && key < 0xa0))
			insert(e, key);
	}
}

/* A line that is not what was typed is not run: it might do anything. One that was cut off
 * is in the history, to be mended. */
static int finish(struct editor *e)
{
	draw_whole(e);
	put("\n");
	if (e->fault != DAMAGED)
		remember(e->line);
	if (e->fault == DAMAGED)
		printf("not run: characters of this line were lost on the way, or are not UTF-8; send it again\n");
	else if (e->fault)
		printf("not run: a line has at most %u bytes, and the rest of this one was lost\n", EDIT_MAX - 1);
	return e->fault;
}

int edit_line(const char *prompt, char *out)
{
	struct editor e = { .prompt = prompt, .line = out };

	out[0] = '\0';
	put(prompt);
	for (;;) {
		int key = read_key();
		if (key == '\r' || key == '\n')
			return finish(&e);
		if (key == CTRL('c')) {
			put("^C\n");
			return -EINTR;
		}
		handle_key(&e, key);
	}
}
