/* A driver for the fuzzers on hosts without libFuzzer. It replays the files that it
 * is given, alone or in folders, and then changes them at random until the time is
 * over. Understands the options of libFuzzer that tests/run-all passes; without
 * coverage to lead it, it finds less. An input that kills the program is kept. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "mutate.h"
#include "lib/prng.h"

#define MAX_BYTES (1u << 16)
#define MAX_FILES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A fuzzer that knows its inputs has one. */
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* In the sanitizers' runtime: called after a report. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*fn)(void));

static struct { uint8_t *bytes; size_t size; } corpus[MAX_FILES];
static size_t nr_files;

static uint8_t input[MAX_BYTES];
static size_t input_size;
static const char *prefix = "./";
static unsigned timeout = 10;

static void keep_input(void)
{
	char path[4096];
	int fd;

	strncpy(path, prefix, sizeof(path) - 16);
	path[sizeof(path) - 16] = '\0';
	strcat(path, "crash-input");
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, input, input_size) != (ssize_t)input_size)
		_exit(1);
	fprintf(stderr, "crash input kept at %s\n", path);
}

static void on_signal(int number)
{
	fprintf(stderr, number == SIGALRM ? "one input took longer than %u s\n" : "abort\n", timeout);
	keep_input();
	_exit(1);
}

static void run_one(void)
{
	alarm(timeout);
	LLVMFuzzerTestOneInput(input, input_size);
	alarm(0);
}

/* -- corpus ------------------------------------------------------------------------ */

static void add_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || nr_files == MAX_FILES)
		return;
	input_size = fread(input, 1, MAX_BYTES, f);
	fclose(f);
	corpus[nr_files].bytes = malloc(input_size + 1);
	memcpy(corpus[nr_files].bytes, input, input_size);
	corpus[nr_files++].size = input_size;
	run_one();
}

static void add_path(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder) {
		add_file(path);
		return;
	}
	while ((entry = readdir(folder))) {
		char name[4096];

		if (entry->d_name[0] == '.' || strlen(path) + strlen(entry->d_name) + 2 > sizeof(name))
			continue;
		strcpy(name, path);
		strcat(name, "/");
		strcat(name, entry->d_name);
		add_file(name);
	}
	closedir(folder);
}

/* -- changes ----------------------------------------------------------------------- */

static void change_byte(struct prng *r)
{
	if (input_size)
		input[prng_below(r, (u32)input_size)] = (uint8_t)prng_next(r);
}

/* Numbers at the edges are where bounds are wrong. */
static void change_word(struct prng *r)
{
	static const u32 edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 0x10000, 4096 };
	u32 value = prng_below(r, 2) ? edges[prng_below(r, ARRAY_SIZE(edges))]
	                             : prng_below(r, (u32)input_size + 64);

	if (input_size >= 4)
		memcpy(input + prng_below(r, (u32)input_size / 4) * 4, &value, 4);
}

static void change_size(struct prng *r)
{
	size_t size = prng_below(r, MAX_BYTES / 16);

	if (prng_below(r, 2) && input_size)
		size = prng_below(r, (u32)input_size);
	if (size > input_size)
		memset(input + input_size, (int)prng_next(r), size - input_size);
	input_size = size;
}

static void copy_within(struct prng *r)
{
	u32 n, from, to;

	if (input_size < 8)
		return;
	n = prng_below(r, (u32)input_size / 4) + 1;
	from = prng_below(r, (u32)input_size - n);
	to = prng_below(r, (u32)input_size - n);
	memmove(input + to, input + from, n);
}

static void change_bytes(struct prng *r)
{
	static void (*const change[])(struct prng *r) = {
		change_byte, change_byte, change_word, change_word, copy_within, change_size,
	};

	for (u32 n = prng_below(r, 6); n; n--)
		change[prng_below(r, ARRAY_SIZE(change))](r);
}

/* A part of the input, for a mutator that knows where it lies. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	static struct prng r = { 1 };

	if (data == input && max_size == MAX_BYTES) {
		input_size = size;
		change_bytes(&r);
		return input_size;
	}
	if (size)
		data[prng_below(&r, (u32)size)] = (uint8_t)prng_next(&r);
	return size;
}

static void make_input(struct prng *r)
{
	input_size = 0;
	if (nr_files) {
		size_t i = prng_below(r, (u32)nr_files);

		memcpy(input, corpus[i].bytes, corpus[i].size);
		input_size = corpus[i].size;
	}
	if (LLVMFuzzerCustomMutator)
		input_size = LLVMFuzzerCustomMutator(input, input_size, MAX_BYTES, prng_next(r));
	else
		change_bytes(r);
}

/* -- main --------------------------------------------------------------------------- */

static const char *option(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(arg, name, len) == 0 && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	unsigned long runs = 0, max_runs = ~0ul, seconds = 0;
	struct prng rng;
	u32 seed = 1;
	const char *value;

	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_input);
	for (int i = 1; i < argc; i++) {
		if ((value = option(argv[i], "-max_total_time")))
			seconds = strtoul(value, NULL, 10);
		else if ((value = option(argv[i], "-timeout")))
			timeout = (unsigned)strtoul(value, NULL, 10);
		else if ((value = option(argv[i], "-runs")))
			max_runs = strtoul(value, NULL, 10);
		else if ((value = option(argv[i], "-seed")))
			seed = (u32)strtoul(value, NULL, 10);
		else if ((value = option(argv[i], "-artifact_prefix")))
			prefix = value;
	}
	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-')
			add_path(argv[i]);
	prng_seed(&rng, seed);
	for (time_t end = time(NULL) + (time_t)seconds; time(NULL) < end && runs < max_runs; runs++) {
		make_input(&rng);
		run_one();
	}
	fprintf(stderr, "seed %u: %zu files replayed, %lu changed inputs\n", seed, nr_files, runs);
	return 0;
}
