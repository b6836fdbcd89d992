// sources: user/shell/transfer.c lib/string.c
// cflags: -include tests/unit/rename.h
// Lines of a file that is sent over the console, as tools/send makes them.
#include "unit.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "user/shell/transfer.h"

static u8 out[TRANSFER_BYTES];

/* A line of its own, with the check sum that Python's zlib.crc32() gives. */
static int take(const char *line)
{
	u32 crc = 0;

	memset(out, 0xaa, sizeof(out));
	return transfer_line(line, out, &crc);
}

static void test_crc(void **state)
{
	(void)state;
	/* The check value of this CRC (R. Williams, "A painless guide to CRC error detection algorithms"). */
	assert_int_equal(transfer_crc(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(transfer_crc(transfer_crc(0, "1234", 4), "56789", 5), 0xcbf43926);
	assert_int_equal(transfer_crc(0, "", 0), 0);
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(take("QUJD a3830348"), 3);
	assert_memory_equal(out, "ABC", 3);
	assert_int_equal(take("QUI= 30694c07"), 2);
	assert_memory_equal(out, "AB", 2);
	assert_int_equal(take("QQ== d3d99e8b"), 1);
	assert_int_equal(out[0], 'A');
	assert_int_equal(take("+/+/ 8e2a164c"), 3);
	assert_memory_equal(out, "\xfb\xff\xbf", 3);
}

static void test_the_sum_goes_on(void **state)
{
	u32 crc = 0;

	(void)state;
	assert_int_equal(transfer_line("MTIzNA== 9be3e0a3", out, &crc), 4);
	assert_int_equal(transfer_line("NTY3ODk= cbf43926", out, &crc), 5);
	assert_int_equal(crc, 0xcbf43926);
	/* A line that is missing or doubled. */
	crc = 0;
	assert_int_equal(transfer_line("NTY3ODk= cbf43926", out, &crc), -EBADMSG);
	assert_int_equal(crc, 0);
}

static void test_damaged(void **state)
{
	static const char *const wrong[] = {
		"", " ", "QUJD", "QUJD ", " a3830348", "QUJDa3830348", "QUJ a3830348", "QUJD a383034", "QUJD a38303488",
		"QUJD A3830348", "QUJD a383034g", "QU=D a3830348", "=UJD a3830348", "==== 00000000", "Q=== d3d99e8b",
		"QUI=QUJD 00000000", "QU\xffJ a3830348", "QU-_ a3830348", "lsmod", ".", "!",
	};
	char longest[TRANSFER_LINE + 8];

	(void)state;
	for (u32 i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(take(wrong[i]), -EINVAL);
	assert_int_equal(take("QUJE a3830348"), -EBADMSG);
	memset(longest, 'A', 76);
	memcpy(longest + 76, " 00000000", 10);
	assert_int_equal(take(longest), -EBADMSG);
	memset(longest, 'A', 80);
	memcpy(longest + 80, " 0000000", 9);
	assert_int_equal(take(longest), -EINVAL);
	assert_int_equal(out[0], 0xaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc), cmocka_unit_test(test_lines), cmocka_unit_test(test_the_sum_goes_on),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
