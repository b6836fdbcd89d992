// sources: lib/tar.c
#include "unit.h"
#include <string.h>
#include <unistd.h>
#include "lib/errno.h"
#include "lib/prng.h"
#include "lib/tar.h"

#define BLOCK 512

/* -- a writer of archives --------------------------------------------------- */

static u8 archive[64 * BLOCK];
static u32 used;

static void put_checksum(u8 *header)
{
	u32 sum = 0;

	memset(header + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
}

static u8 *add(const char *prefix, const char *name, char type, const char *data)
{
	u8 *header = archive + used;
	u32 size = (u32)strlen(data);

	memset(header, 0, BLOCK);
	memcpy(header, name, strlen(name));
	snprintf((char *)header + 124, 12, "%011o", size);
	header[156] = (u8)type;
	memcpy(header + 257, "ustar\0" "00", 8);
	memcpy(header + 345, prefix, strlen(prefix));
	put_checksum(header);
	memset(header + BLOCK, 0, ALIGN_UP(size, BLOCK));
	memcpy(header + BLOCK, data, size);
	used += BLOCK + ALIGN_UP(size, BLOCK);
	return header;
}

static void finish(void)
{
	memset(archive + used, 0, 2 * BLOCK);
	used += 2 * BLOCK;
}

static int start(void **state)
{
	(void)state;
	used = 0;
	return 0;
}

static int check(u32 *bad_at)
{
	*bad_at = 12345;
	return tar_check(archive, used, bad_at);
}

static void expect_bad(u32 where)
{
	u32 bad_at;

	assert_int_equal(check(&bad_at), -EBADMSG);
	assert_int_equal(bad_at, where);
}

/* -- good archives ------------------------------------------------------------ */

static void test_files_are_found(void **state)
{
	struct tar_file f;
	u32 bad_at;

	(void)state;
	add("", "uart.ko", '0', "first");
	add("", "dir/", '5', "");
	add("", "link", '2', "");
	add("", "./rtc.ko", '\0', "");
	add("some/where", "null.ko", '0', "third");
	finish();
	assert_int_equal(check(&bad_at), 3);
	u32 at = 0;
	for (u32 i = 0; tar_next(archive, used, &at, &f) == 0; i++) {
		struct tar_file same;
		assert_int_equal(tar_nth(archive, used, i, &same), 0);
		assert_ptr_equal(f.data, same.data);
		assert_string_equal(f.name, same.name);
	}
	assert_int_equal(tar_next(archive, used, &at, &f), -ENOENT);
	assert_int_equal(tar_nth(archive, used, 0, &f), 0);
	assert_string_equal(f.name, "uart.ko");
	assert_int_equal(f.size, 5);
	assert_memory_equal(f.data, "first", 5);
	assert_int_equal(tar_nth(archive, used, 1, &f), 0);
	assert_string_equal(f.name, "rtc.ko");
	assert_int_equal(f.size, 0);
	assert_int_equal(tar_find(archive, used, "some/where/null.ko", &f), 0);
	assert_memory_equal(f.data, "third", 5);
	assert_int_equal(tar_nth(archive, used, 3, &f), -ENOENT);
	assert_int_equal(tar_find(archive, used, "link", &f), -ENOENT);
}

static void test_empty_archive(void **state)
{
	u32 bad_at;

	(void)state;
	finish();
	assert_int_equal(check(&bad_at), 0);
}

static void test_longest_names(void **state)
{
	struct tar_file f;
	char name[101], prefix[51];
	u32 bad_at;

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	memset(prefix, 'p', 50);
	prefix[50] = '\0';
	add("", name, '0', "x");		/* fills its field: no NUL */
	add(prefix, name + 51, '0', "y");	/* 50 + 1 + 49 */
	finish();
	assert_int_equal(check(&bad_at), 2);
	assert_int_equal(tar_nth(archive, used, 0, &f), 0);
	assert_string_equal(f.name, name);
	assert_int_equal(tar_nth(archive, used, 1, &f), 0);
	assert_int_equal(strlen(f.name), 100);
}

/* What the boot archive is really made with. */
static void by_gnu_tar(const char *format)
{
	char dir[] = "/tmp/quiesce-tar-XXXXXX", command[200];
	struct tar_file f;
	u32 bad_at;
	FILE *pipe;

	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
	         "cd %s && printf hello >a.ko && head -c 3000 /dev/zero >b.ko && "
	         "tar --format=%s -cf - . && rm a.ko b.ko", dir, format);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	used = (u32)fread(archive, 1, sizeof(archive), pipe);
	assert_int_equal(pclose(pipe), 0);
	rmdir(dir);
	assert_int_equal(check(&bad_at), 2);
	assert_int_equal(tar_find(archive, used, "a.ko", &f), 0);
	assert_memory_equal(f.data, "hello", 5);
	assert_int_equal(tar_find(archive, used, "b.ko", &f), 0);
	assert_int_equal(f.size, 3000);
}

static void test_gnu_tar(void **state)
{
	(void)state;
	by_gnu_tar("ustar");
	by_gnu_tar("gnu");			/* what it makes when it is not told */
	by_gnu_tar("oldgnu");
	by_gnu_tar("posix");
}

/* -- damaged archives --------------------------------------------------------- */

static void test_wrong_checksum(void **state)
{
	(void)state;
	add("", "a", '0', "x");
	add("", "b", '0', "y")[3] = 'X';
	finish();
	expect_bad(2 * BLOCK);
}

static void test_not_ustar(void **state)
{
	u8 *header = add("", "a", '0', "");

	(void)state;
	memcpy(header + 257, "gnuta", 5);
	put_checksum(header);
	finish();
	expect_bad(0);
}

static void expect_bad_size_field(const char *field)
{
	u8 *header;

	used = 0;
	header = add("", "a", '0', "");
	memcpy(header + 124, field, 12);
	put_checksum(header);
	finish();
	expect_bad(0);
}

static void test_size_field(void **state)
{
	(void)state;
	expect_bad_size_field("00000004000\0");		/* beyond the end */
	expect_bad_size_field("00000002001\0");		/* the padding is */
	expect_bad_size_field("37777777777\0");		/* 2^32 - 1 */
	expect_bad_size_field("777777777777");		/* more than 32 bits */
	expect_bad_size_field("400000000000");		/* 2^35: its low 32 bits are 0 */
	expect_bad_size_field("0000000000x\0");
	expect_bad_size_field("            ");
	expect_bad_size_field("\x80\0\0\0\0\0\0\0\0\0\0\1");	/* GNU's binary form */
}

static void test_bad_names(void **state)
{
	char name[91];

	(void)state;
	memset(name, 'n', 90);
	name[90] = '\0';
	add("0123456789", name, '0', "");
	finish();
	expect_bad(0);
	used = 0;
	add("", "", '0', "");
	finish();
	expect_bad(0);
	used = 0;
	add("", "./", '0', "");
	finish();
	expect_bad(0);
}

static void test_cut_anywhere(void **state)
{
	u32 whole, end, bad_at;

	(void)state;
	add("", "a.ko", '0', "some text");
	add("", "b.ko", '0', "more text");
	end = used;
	finish();
	whole = used;
	for (used = 0; used < end + BLOCK; used++)
		assert_int_equal(check(&bad_at), -EBADMSG);
	for (; used <= whole; used++)
		assert_int_equal(check(&bad_at), 2);
}

/* No damage may lead outside the archive: each copy has its exact size, so that
 * ASan sees a step over the end. Half of them get a correct checksum again, or
 * nearly nothing would come past it. */
static void test_random_damage(void **state)
{
	struct prng rng;
	u32 whole;

	(void)state;
	add("", "a.ko", '0', "some text");
	add("dir", "b.ko", '0', "more text");
	finish();
	whole = used;
	prng_seed(&rng, 1);
	for (int round = 0; round < 20000; round++) {
		u32 size = prng_below(&rng, 4) ? whole : prng_below(&rng, whole), bad_at;
		u8 *copy = malloc(size ? size : 1);
		struct tar_file f;

		memcpy(copy, archive, size);
		for (u32 n = prng_below(&rng, 8); n && size; n--)
			copy[prng_below(&rng, MIN(size, 3u * BLOCK))] = (u8)prng_next(&rng);
		if (prng_below(&rng, 2) && size >= BLOCK)
			put_checksum(copy);
		int files = tar_check(copy, size, &bad_at);
		for (int i = 0; i < files; i++) {
			assert_int_equal(tar_nth(copy, size, (u32)i, &f), 0);
			assert_in_range((const u8 *)f.data - copy, 0, size - f.size);
		}
		if (files < 0)
			assert_in_range(bad_at, 0, size);
		assert_true(tar_find(copy, size, "nope", &f) < 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_files_are_found, start),
		cmocka_unit_test_setup(test_empty_archive, start),
		cmocka_unit_test_setup(test_longest_names, start),
		cmocka_unit_test_setup(test_gnu_tar, start),
		cmocka_unit_test_setup(test_wrong_checksum, start),
		cmocka_unit_test_setup(test_not_ustar, start),
		cmocka_unit_test_setup(test_size_field, start),
		cmocka_unit_test_setup(test_bad_names, start),
		cmocka_unit_test_setup(test_cut_anywhere, start),
		cmocka_unit_test_setup(test_random_damage, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
