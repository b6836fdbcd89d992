/* A plugin of QEMU's translator that notes which instructions of the kernel run, and which way its
 * conditional jumps go: tools/coverage builds it and gives it its file.
 *
 * The file, mapped by any number of emulators at once: two words, base address and size of the
 * code; the code; then three times a byte for each of the code's, 0 or 1, at an instruction's
 * first byte: it ran; it jumped; it fell through. Ones are only ever written, so nothing is lost
 * between CPUs or emulators, nor when one is killed.
 *
 * Translation comes right before the first execution, so noting what ran costs a run nothing;
 * the way of a jump is seen at each block's start. Option ways=off leaves that out. A block that a
 * fault ends in its middle counts as run whole. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What Debian does not package of <qemu-plugin.h>, QEMU 7.2 (docs/devel/tcg-plugins.rst there). These have
 * kept their form; QEMU 9 raised the least version that it takes to 2. */
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif
typedef uint64_t plugin_id;
struct plugin_block;
struct plugin_insn;
enum { CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct plugin_block *block));
void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_block *block, void (*fn)(unsigned cpu, void *data),
                                          int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct plugin_block *block);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_block *block, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct plugin_insn *insn);

#define EXPORTED __attribute__((visibility("default")))
#define MAX_CPUS 288

EXPORTED int qemu_plugin_version = PLUGIN_VERSION;
EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

static uint32_t base, size;
static const uint8_t *code;
static uint8_t *ran, *jumped, *fell;

/* The conditional jump that ended the block before, of each CPU; 0: it ended otherwise. */
static uint32_t last_jump[MAX_CPUS];

/* A block in the kernel: where it starts, and its conditional jump at the end, or 0. */
struct block { uint32_t start, jump; };

/* Intel SDM vol. 2, Jcc: 7x with 8 bits, 0f 8x with 32 (there is no 16-bit code here). Where does the
 * one at `at` lead, and where does the next instruction begin? False: it is another instruction. */
static bool conditional(uint32_t at, uint32_t *target, uint32_t *next)
{
	const uint8_t *p = code + (at - base);
	uint32_t left = base + size - at;

	if (left >= 2 && (*p & 0xf0) == 0x70) {
		*next = at + 2;
		*target = *next + (uint32_t)(int8_t)p[1];
		return true;
	}
	if (left >= 6 && p[0] == 0x0f && (p[1] & 0xf0) == 0x80) {
		int32_t distance;

		memcpy(&distance, p + 2, sizeof(distance));
		*next = at + 6;
		*target = *next + (uint32_t)distance;
		return true;
	}
	return false;
}

/* After a jump comes its target or the next instruction; an interrupt between them is neither. */
static void came_from(uint32_t jump, uint32_t to)
{
	uint32_t target, next;

	if (!conditional(jump, &target, &next))
		return;
	if (to == target)
		jumped[jump - base] = 1;
	if (to == next)
		fell[jump - base] = 1;
}

static void on_block(unsigned cpu, void *data)
{
	const struct block *block = data;

	if (cpu >= MAX_CPUS)
		return;
	if (last_jump[cpu])
		came_from(last_jump[cpu], block->start);
	last_jump[cpu] = block->jump;
}

static bool in_kernel(uint64_t at)
{
	return at >= base && at - base < size;
}

static void on_translation(plugin_id id, struct plugin_block *b)
{
	size_t n = qemu_plugin_tb_n_insns(b);
	uint32_t target, next, last = 0;
	struct block *block;

	(void)id;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(b, i));

		last = in_kernel(at) ? (uint32_t)at : 0;
		if (last)
			ran[last - base] = 1;
	}
	if (!jumped)
		return;
	/* QEMU keeps no count of blocks that are gone; a run has some 10,000. */
	block = malloc(sizeof(*block));
	if (!block)
		return;
	block->start = (uint32_t)qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(b, 0));
	block->jump = last && conditional(last, &target, &next) ? last : 0;
	qemu_plugin_register_vcpu_tb_exec_cb(b, on_block, CB_NO_REGS, block);
}

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "coverage: %s: %s\n", what, why);
	return -1;
}

static int map_file(const char *path, bool ways)
{
	int fd = open(path, O_RDWR);
	struct stat is;
	uint32_t *head;

	if (fd < 0 || fstat(fd, &is) < 0 || (uint64_t)is.st_size < 8)
		return refuse(path, "cannot be read and written; tools/coverage makes it");
	head = mmap(NULL, (size_t)is.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (head == MAP_FAILED || (uint64_t)is.st_size != 8 + 4 * (uint64_t)head[1])
		return refuse(path, "is not what tools/coverage makes");
	base = head[0];
	size = head[1];
	code = (const uint8_t *)(head + 2);
	ran = (uint8_t *)(head + 2) + size;
	if (ways) {
		jumped = ran + size;
		fell = jumped + size;
	}
	return 0;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	const char *path = NULL;
	bool ways = true;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "into=", 5) == 0)
			path = argv[i] + 5;
		else if (strcmp(argv[i], "ways=off") == 0)
			ways = false;
		else
			return refuse(argv[i], "options are into=FILE and ways=off");
	}
	if (!path)
		return refuse("into=FILE", "missing");
	if (map_file(path, ways))
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
