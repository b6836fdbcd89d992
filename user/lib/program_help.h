/* What `help PROGRAM` shows. Once in each program, beside its main():
 *
 *     PROGRAM_HELP("reader [-o] DEVICE", "read a device; -o: open it for each answer");
 *
 * It is a note of the ELF file (System V gABI, "Note Section"), which the kernel finds without
 * running the program (kernel/user/exec.c); `readelf -n` shows it. No usage, "": a server, which
 * `start` starts. */
#pragma once
#include "lib/abi.h"

#define PROGRAM_HELP(how, what) \
	static const struct { \
		u32  name_len, len, type; \
		char name[sizeof(PROGRAM_NOTE)]; \
		char text[ALIGN_UP(sizeof(how "\0" what), 4)]; \
	} program_help __attribute__((__section__(".note.quiesce"), __used__, __aligned__(4))) = { \
		sizeof(PROGRAM_NOTE), sizeof(how "\0" what), PROGRAM_NOTE_HELP, PROGRAM_NOTE, how "\0" what, \
	}; \
	_Static_assert(sizeof(how) <= sizeof_field(struct info_command, usage) && \
	               sizeof(what) <= sizeof_field(struct info_command, gist), "longer than fits")
