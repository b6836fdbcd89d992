// sources: lib/qr.c lib/gf256.c
/* The encoder against zbar, another implementation: what it reads is what was put in, byte for byte. */
#include "unit.h"
#include <string.h>
#include <unistd.h>
#include "lib/prng.h"
#include "lib/qr.h"

#define SCALE 3

static struct qr qr;

/* -- pictures and their reader -------------------------------------------------------- */

static bool is_dark(u32 y, u32 x)
{
	u32 row = y / SCALE - QR_QUIET, col = x / SCALE - QR_QUIET;

	return row < qr.size && col < qr.size && qr_dark(&qr, row, col);
}

static void write_picture(const char *path)
{
	u32 side = (qr.size + 2 * QR_QUIET) * SCALE;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "P5 %u %u 255\n", side, side);
	for (u32 y = 0; y < side; y++)
		for (u32 x = 0; x < side; x++)
			fputc(is_dark(y, x) ? 0 : 255, f);
	assert_int_equal(fclose(f), 0);
}

/* All pictures of a test are read by one run of zbar, which takes longer to start than to read. */
#define MAX_PICTURES 200
static char folder[] = "/tmp/quiesce-qr-XXXXXX", expected[MAX_PICTURES * (QR_MAX_BYTES + 1)];
static u32 nr_pictures;
static size_t nr_expected;

static int set_up(void **state)
{
	(void)state;
	nr_pictures = 0;
	nr_expected = 0;
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* Printable, so that zbar need not guess at a character set. */
static void random_text(char *text, u32 len, u32 seed)
{
	struct prng p;

	prng_seed(&p, seed);
	for (u32 i = 0; i < len; i++)
		text[i] = (char)(' ' + prng_below(&p, 95));
}

static void add_picture(u32 len, u32 seed)
{
	char path[64], *text = expected + nr_expected;

	assert_true(nr_pictures < MAX_PICTURES);
	random_text(text, len, seed);
	text[len] = '\n';			/* as zbar writes it behind each text */
	nr_expected += len + 1;
	assert_true(qr_encode(&qr, text, len, QR_MAX_VERSION));
	snprintf(path, sizeof(path), "%s/%03u.pgm", folder, nr_pictures++);
	write_picture(path);
}

static void expect_read(void)
{
	static char got[sizeof(expected) + 1];
	char command[128];
	FILE *f;

	if (system("zbarimg --version >/dev/null 2>&1"))
		skip();			/* environment: zbar-tools is missing */
	snprintf(command, sizeof(command), "zbarimg --quiet --raw -Sdisable -Sqrcode.enable %s/*.pgm 2>/dev/null",
	         folder);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fread(got, 1, sizeof(got), f), nr_expected);
	assert_int_equal(pclose(f), 0);
	assert_memory_equal(got, expected, nr_expected);
}

/* -- tests ----------------------------------------------------------------------------- */

/* As little as needs each version, and as much as it holds. */
static void every_version_is_read(void **state)
{
	(void)state;
	for (u32 version = 1; version <= QR_MAX_VERSION; version++) {
		add_picture(version > 1 ? qr_capacity(version - 1) + 1 : 1, 2 * version);
		assert_int_equal(qr.size, 17 + 4 * version);
		add_picture(qr_capacity(version), 2 * version + 1);
		assert_int_equal(qr.size, 17 + 4 * version);
	}
	expect_read();
}

static void many_lengths_are_read(void **state)
{
	struct prng p;

	(void)state;
	prng_seed(&p, 14);
	for (u32 n = 0; n < MAX_PICTURES; n++)
		add_picture(1 + prng_below(&p, QR_MAX_BYTES), 1000 + n);
	expect_read();
}

static void capacity_is_the_standards(void **state)
{
	(void)state;
	/* Table 7, byte mode, level L. */
	assert_int_equal(qr_capacity(1), 17);
	assert_int_equal(qr_capacity(9), 230);
	assert_int_equal(qr_capacity(10), 271);
	assert_int_equal(qr_capacity(20), 858);
	assert_int_equal(qr_capacity(25), QR_MAX_BYTES);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const char text[QR_MAX_BYTES + 1];

	(void)state;
	assert_false(qr_encode(&qr, text, QR_MAX_BYTES + 1, 40));
	assert_true(qr_encode(&qr, text, QR_MAX_BYTES, 40));
	assert_false(qr_encode(&qr, text, 18, 1));
	assert_true(qr_encode(&qr, text, 17, 1));
	assert_false(qr_encode(&qr, text, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capacity_is_the_standards),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test_setup_teardown(every_version_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_lengths_are_read, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("qr", tests, NULL, NULL);
}
