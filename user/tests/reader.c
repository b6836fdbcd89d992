/* Reads a device for as long as it is there, and over again when it is back: in its other
 * home, or after a crash. Looks at each answer.
 *
 *     reader rtc &                       until it is ended
 *     reader -m 2 rtc                    until it was moved twice
 *     reader -m 2 -o rtc                 opens it anew for each answer
 *
 * It says where it finds the device, and in the end what it saw. Status 1: an answer was
 * not what such a device gives, or went back in time. */
#include "lib/errno.h"
#include "lib/math64.h"
#include "lib/options.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/device.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/time.h"

#define AFTER_MOVES 20u			/* answers that it still reads after the last move */
#define PATIENCE    60000000000ull	/* ns without the device, then it gives up */
#define PAUSE_US    2000u

static const char *const homes[] = { "nowhere", "module", "server" };

static struct device device = { .home = HOME_NONE };
static enum device_home last_home;
static u32 answers, wrong, moves, gone, cut_off;	/* gone: found it absent; cut_off: lost it */
static u64 last_answer, longest_pause;

/* -- answers ------------------------------------------------------------------------ */

/* "2026-11-24 17:05:00\n": a digit where the pattern has one, itself anywhere else. */
static bool is_time(const char *text, int len)
{
	static const char pattern[] = "0000-00-00 00:00:00\n";

	for (int i = 0; i < len && pattern[i]; i++) {
		if (pattern[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
			return false;
	}
	return len == sizeof(pattern) - 1;
}

/* Times of equal length are in order as texts. */
static bool is_right(const char *text, int len)
{
	static char before[32];

	if (streq(device.name, "rtc")) {
		bool right = is_time(text, len) && memcmp(text, before, (u32)len) >= 0;
		memcpy(before, text, MIN((u32)len, sizeof(before)));
		return right;
	}
	if (!before[0])
		memcpy(before, text, MIN((u32)len, sizeof(before)));
	return !memcmp(before, text, MIN((u32)len, sizeof(before)));
}

static void look_at(const char *text, int len)
{
	u64 now = clock_ns();

	if (!is_right(text, len)) {
		wrong++;
		printf("reader: a wrong answer from the %s: %.*s\n", homes[device.home], len, text);
	}
	if (answers++)
		longest_pause = MAX(longest_pause, now - last_answer);
	last_answer = now;
}

/* -- the device --------------------------------------------------------------------- */

/* 0; -ENODEV: not now, that is, it is not there, or its module is just being unloaded. */
static int find(const char *name)
{
	int err = device_open(&device, name, DEVICE_NONBLOCK);

	if (err == -ENODEV || err == -EAGAIN) {
		gone++;
		return -ENODEV;
	}
	if (err)
		return err;
	if (device.home != last_home) {
		moves += last_home != HOME_NONE;
		last_home = device.home;
		printf("reader: %s in its home: %s\n", name, homes[device.home]);
	}
	return 0;
}

static int read_once(void)
{
	char text[32];
	int got = device_read(&device, text, sizeof(text));

	if (got >= 0)
		look_at(text, got);
	else
		cut_off += got == -ENODEV;
	return MIN(got, 0);
}

/* 0; or an error that will not go away. -EAGAIN from a read: the module is being unloaded, and
 * either stays or takes the file with it; the next read says which. */
static int step(const char *name, bool once)
{
	int err = device.home == HOME_NONE ? find(name) : 0;

	if (!err)
		err = read_once();
	if ((err && err != -EAGAIN) || once)
		device_close(&device);
	if ((err == -ENODEV || err == -EAGAIN) && clock_ns() - last_answer < PATIENCE)
		err = 0;
	return err ? err : sleep_us(PAUSE_US);
}

static int read_on(const char *name, u32 wanted_moves, bool once)
{
	int err = 0;

	last_answer = clock_ns();
	for (u32 more = AFTER_MOVES, before; !err && more; more -= moves >= wanted_moves && answers > before) {
		before = answers;
		err = step(name, once);
	}
	device_close(&device);
	printf("reader: %s: %u answers, %u wrong, %u moves, cut off %u times, absent %u times, "
	       "longest pause %u ms%s%s\n", name, answers, wrong, moves, cut_off, gone,
	       (u32)div_u64(longest_pause, 1000000), err ? "; ended by " : "", err ? errno_name(err) : "");
	return err ? err : wrong != 0;
}

PROGRAM_HELP("reader [-m MOVES] [-o] DEVICE",
             "read a device over and over; -m: until it was moved so often, -o: open it for each answer");

int main(int argc, char **argv)
{
	bool once = take_flag(&argc, argv, "-o"), missing;
	const char *count = take_option(&argc, argv, "-m", &missing);
	u32 wanted = ~0u;

	if (missing || (count && parse_u32(count, &wanted)) || argc != 2) {
		printf("usage: reader [-o] [-m MOVES] DEVICE\n");
		return -EINVAL;
	}
	return read_on(argv[1], wanted, once);
}
