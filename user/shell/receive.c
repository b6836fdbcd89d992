/* receive: a file over the console, from tools/send on the host. What is said to it while the file comes are
 * control characters, which terminals and the screen do not show:
 *
 *	tools/send				receive
 *	receive NAME BYTES CRC
 *						ACK: ready
 *	up to 2 * LINES_AN_ACK lines
 *						ACK, after each LINES_AN_ACK lines
 *	...
 *	.
 *						a line for people, then EOT: it is kept
 *						... or NAK: it is not, now or at any time before
 *	. or !, behind a NAK
 *
 * "!" on a line of its own at any time: the sender gives up.
 *
 * So no more is under way than the smallest queue on its way takes (4 KiB of v86's serial port). What came for
 * a transfer that has failed is thrown away up to that last line: it must not be taken for commands. */
#include "lib/abi.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/stdio.h"
#include "user/shell/sent.h"
#include "user/shell/shell.h"
#include "user/shell/transfer.h"

#define ACK "\x06"
#define EOT "\x04"
#define NAK "\x15"
#define LINES_AN_ACK 8u
#define PATIENCE_US  10000000u		/* for the next character */
#define DRAIN_US     3000000u

struct transfer {
	struct sent file;
	u32 wanted_crc;
	u8 *data;
	u32 got, crc;			/* bytes, and their check sum */
	u32 line;
	char text[TRANSFER_LINE + 2];
};

/* The next line into t->text: 0; -EINTR, -ETIMEDOUT; -E2BIG: it is longer than any that is sent. */
static int read_line(struct transfer *t, u32 us, bool heed)
{
	u32 n = 0;
	int c;

	for (; (c = next_key_within(us, heed)) >= 0 && c != '\r' && c != '\n'; n++) {
		if (n < sizeof(t->text) - 1)
			t->text[n] = (char)c;
	}
	t->text[MIN(n, (u32)sizeof(t->text) - 1)] = '\0';
	t->line++;
	return c < 0 ? c : n < sizeof(t->text) ? 0 : -E2BIG;
}

static bool is_end(const char *line) { return streq(line, ".") || streq(line, "!"); }

/* Up to the line behind which nothing comes, or until nothing does. */
static void drain(struct transfer *t)
{
	while (read_line(t, DRAIN_US, false) != -ETIMEDOUT && !is_end(t->text))
		;
}

/* In words, what is wrong with the line that has just come; NULL: nothing, its bytes are taken. */
static const char *take_line(struct transfer *t)
{
	u8 bytes[TRANSFER_BYTES];
	int n = transfer_line(t->text, bytes, &t->crc);

	if (n == -EBADMSG)
		return "its check sum is another one, so bytes of it are damaged, or a line before it is missing";
	if (n < 0)
		return strchr(t->text, (char)CONSOLE_LOST) ? "characters were lost on the way" : "it is no line of a file";
	if ((u32)n > t->file.len - t->got)
		return "the file has more bytes than were announced";
	memcpy(t->data + t->got, bytes, (u32)n);
	t->got += (u32)n;
	return NULL;
}

static int refuse(struct transfer *t, int err, const char *why)
{
	return complain(err, "receive: %s: line %u, behind byte %u of %u: %s; nothing of it is kept", t->file.name,
	                t->line, t->got, t->file.len, why);
}

/* 0: all of it is here. An error has been said. */
static int take_lines(struct transfer *t)
{
	const char *wrong;
	int err;

	console_write(ACK, 1);
	for (;;) {
		err = read_line(t, PATIENCE_US, true);
		if (err == -EINTR)
			return refuse(t, err, "ended by Ctrl-C");
		if (err == -ETIMEDOUT)
			return refuse(t, err, "nothing came for 10 s");
		if (err < 0 && err != -E2BIG)
			return refuse(t, err, errno_text(err));
		if (!err && !t->text[0]) {	/* in front of a "!" that may come in the middle of a line */
			t->line--;
			continue;
		}
		if (!err && streq(t->text, "!"))
			return refuse(t, -ECANCELED, "the sender has given up");
		if (!err && streq(t->text, "."))
			break;
		wrong = err ? "it is longer than any line of a file" : take_line(t);
		if (wrong)
			return refuse(t, -EBADMSG, wrong);
		if (t->line % LINES_AN_ACK == 0)
			console_write(ACK, 1);
	}
	if (t->got != t->file.len || t->crc != t->wanted_crc)
		return refuse(t, -EBADMSG, "the file ends here, and it is not the one that was announced");
	return 0;
}

static int keep(struct transfer *t)
{
	struct sent *s = &t->file;
	int err;

	s->crc = t->crc;
	err = sent_keep(s);
	if (err)
		return complain(err, "receive: %s: %u files are held already; `receive -d NAME` forgets one", s->name, MAX_SENT);
	printf("received %s%s: %u bytes, check sum %08x; `%s%s` takes it%s\n", s->name, s->program ? "" : ".ko", s->len, s->crc,
	       s->program ? "" : "insmod ", s->name, in_archive(s->name, s->program) ? ", not the boot archive's" : "");
	return 0;
}

/* Behind the announcement. */
static int receive_file(struct transfer *t)
{
	int err = sent_new(&t->file, &t->data);

	if (err)
		return complain(err, "receive: %s: no memory for its %u bytes", t->file.name, t->file.len);
	err = take_lines(t) ?: keep(t);
	if (err)
		sent_drop(&t->file);
	return err;
}

/* -- the command ---------------------------------------------------------------------- */

static int list(void)
{
	const struct sent *s;

	for (u32 i = 0; (s = sent_nth(i)) != NULL; i++)
		printf("%-12s %-8s %8u bytes, check sum %08x\n", s->name, s->program ? "program" : "module", s->len, s->crc);
	return 0;
}

static int parse_hex(const char *text, u32 *out)
{
	char number[11] = "0x";

	return strlcpy(number + 2, text, 9) >= 9 ? -EINVAL : parse_u32(number, out);
}

/* It says afterwards whether anything is in use that was not before: what is kept here would be. */
static const char *accountant(void)
{
	static const char *const names[] = { "torture", "test" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (job_runs(names[i]))
			return names[i];
	}
	return NULL;
}

static int announced(struct transfer *t, char **argv)
{
	const char *counts = accountant();

	if (counts)
		return complain(-EBUSY, "receive: `%s` runs, which counts what is in use; wait for its end, or end it (jobs, kill %%JOB)",
		                counts);
	if (parse_u32(argv[2], &t->file.len) || parse_hex(argv[3], &t->wanted_crc))
		return usage_error("receive");
	if (!sent_name(argv[1], t->file.name, &t->file.program))
		return complain(-EINVAL, "receive: %s is no name of a module or program: a-z, 0-9, _ and -, up to %u characters",
		                argv[1], SENT_NAME - 1);
	if (!t->file.len || t->file.len > IMAGE_MAX)
		return complain(-E2BIG, "receive: %s: %u bytes; a file has 1 to %u", argv[1], t->file.len, IMAGE_MAX);
	return 0;
}

static int transfer(char **argv)
{
	static struct transfer t;

	t = (struct transfer){ .line = 0 };
	int err = announced(&t, argv) ?: receive_file(&t);
	console_write(err ? NAK : EOT, 1);
	if (err && !is_end(t.text))
		drain(&t);
	return err;
}

static int receive_run(int argc, char **argv)
{
	bool missing;
	const char *forget = take_option(&argc, argv, "-d", &missing);
	int err = reject_options(argc, argv);

	if (err)
		return err;
	if (forget && argc == 1)
		return sent_forget(forget) ? 0 : complain(-ENOENT, "receive: %s: nothing of that name was sent", forget);
	if (argc == 1 && !missing)
		return list();
	return argc == 4 && !missing && !forget ? transfer(argv) : usage_error("receive");
}

static bool complete_sent(u32 i, char *out, u32 size)
{
	const struct sent *s = sent_nth(i);

	if (s)
		strlcpy(out, s->name, size);
	return s;
}

const struct builtin receive_builtin = {
	"receive", "receive [-d NAME | NAME BYTES CHECKSUM]",
	"list the modules and programs that the host has sent; -d: forget one. The rest is what tools/send types",
	receive_run, false, complete_sent,
};
