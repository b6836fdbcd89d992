# Quiesce. One page; `make help` lists what there is to make.
#
# Variables:  BUILD=folder   where everything goes (build, or build-debug with DEBUG=1)
#             DEBUG=1        costly assertions        CROSS=prefix-  another cross compiler
#             CLANG=1        build with clang, or     M=folder       modules out of tree
#             CLANG=clang-19 with a certain one       U=folder       programs out of tree
#             KCSAN=1        a race detector          CHECKED=1      memory, locks, arithmetic checked
#             RACES=1        random delays by seed, in the checked build or, with KCSAN=1, in that

$(if $(and $(KCSAN),$(CHECKED)),$(error KCSAN=1 and CHECKED=1: the compiler has one or the other; make one of them))
BUILD ?= build$(if $(RACES),-races)$(if $(KCSAN),-kcsan,$(if $(RACES),,$(if $(CHECKED),-checked,$(if $(DEBUG),-debug))))
# Delays are where the compiler calls at each access; what they do harm to is seen best by those checks.
$(if $(RACES),$(if $(KCSAN),,$(eval CHECKED := 1)))
$(if $(filter-out 1,$(words x$(BUILD)))$(findstring :,$(BUILD)),$(error BUILD=$(BUILD): make cannot write a name with a blank or a colon))
# One spelling of a folder in here: it stands in commands, and where those change all is built anew.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
GOALS := $(or $(MAKECMDGOALS),all)
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules -j$(shell tools/places cpus)
SHELL := /bin/bash

# -- Tools: what running and testing need is installed, a cross compiler found --
LEVEL := $(if $(filter test check soak,$(GOALS)),test,$(firstword $(filter bench coverage iso web,$(GOALS)) $(if $(filter run debug hazards,$(GOALS)),run)))
ifneq ($(filter-out help clean deps,$(GOALS)),)
# tools/toolchain prints settings: what this compiler and this NASM need, at last PREFIX:=i686-linux-gnu-
TOOLS := $(shell export CROSS='$(CROSS)' CLANG='$(CLANG)'; $(if $(LEVEL),tools/deps $(LEVEL) >&2 &&) tools/toolchain)
$(if $(filter PREFIX:=%,$(TOOLS)),,$(error something is missing; see above))
$(foreach setting,$(TOOLS),$(eval $(setting)))
# Without GRUB for BIOS and UEFI (Debian has it on x86 alone) the kernel still runs, without an image.
NO_ISO := $(if $(filter run test coverage,$(GOALS)),$(shell tools/mkiso --lacks))
endif
CC      := $(if $(CLANG),$(patsubst 1,clang,$(CLANG)) --target=i686-elf,$(PREFIX)gcc)
LD      := $(PREFIX)ld -m elf_i386
NM      := $(PREFIX)nm
OBJCOPY := $(PREFIX)objcopy
OBJDUMP := $(PREFIX)objdump
AR      := $(PREFIX)ar

# M and U as make can write them: tools/out-of-tree has a link for a name with a blank in it.
out_of_tree = $(if $1,$(or $(shell tools/out-of-tree '$(BUILD)' '$1'),$(error $1: see above)))
M_DIR := $(call out_of_tree,$(M))
U_DIR := $(call out_of_tree,$(U))

# -- Flags: every one that matters is said, none is left to the compiler's defaults --
# Code for any i686, without PIC, stack protector, CET notes or unwind tables.
CFLAGS := -std=gnu11 -march=i686 -mtune=generic -O2 -g -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-unwind-tables
# Part of the argument why an unload is safe (docs/ARCHITECTURE.md): frame pointers for
# backtraces, no jump in place of a last call, no stale words on stacks, no FPU registers.
CFLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls -ftrivial-auto-var-init=zero -mgeneral-regs-only
# A kernel's C: aliasing, overflow and address 0 mean what the machine makes of them.
CFLAGS += -fno-strict-aliasing -fno-common -fwrapv -fno-delete-null-pointer-checks
CFLAGS += -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -I. -Ikernel -I$(BUILD)/made $(if $(DEBUG),-DDEBUG)
CFLAGS += $(if $(CLANG),-mstack-alignment=4,-mpreferred-stack-boundary=2) $(PROBED_CFLAGS)
# No floating point: its registers are not saved, and there is no library that does without.
CFLAGS += -include lib/no_float.h -Werror=float-conversion $(if $(CLANG),,-Werror=unsuffixed-float-constants)
# -- Checked builds: the compiler has each access call kernel/check, which needs room in the image --
CHECKS  := $(KCSAN)$(CHECKED)
# clang has no -fsanitize=kernel-address for i686.
MEMORY  := $(if $(CLANG),,$(CHECKED))
CFLAGS  += $(if $(CHECKS),-DLARGE_IMAGE -DSOURCE_LINES) $(if $(KCSAN),-DKCSAN) \
	$(if $(CHECKED),-DCHECKED -DDEBUG) $(if $(MEMORY),-DCHECKED_MEMORY) $(if $(RACES),-DRACES)
$(if $(and $(RACES),$(CLANG)),$(error RACES=1: clang has no -fsanitize=kernel-address for i686; build it with GCC))
ifdef KCSAN
$(if $(CLANG),$(error KCSAN=1: clang has no -fsanitize=thread for i686; build it with GCC))
# As Linux has it (scripts/Makefile.kcsan): volatile accesses are told apart, functions are not told of.
SANITIZE := -fsanitize=thread --param tsan-distinguish-volatile=1 --param tsan-instrument-func-entry-exit=0
endif
ifdef CHECKED
SANITIZE := -fsanitize=bounds,shift,integer-divide-by-zero,unreachable,bool,enum
endif
ifneq ($(strip $(MEMORY)),)
# A call for each access to memory that is not the function's own stack; lib/string.c by other names.
SANITIZE += -fsanitize=kernel-address --param asan-instrumentation-with-call-threshold=0 --param asan-stack=0 \
	--param asan-globals=0
CFLAGS   += -include kernel/check/strings.h
endif
# An argument that stays on the stack behind its call would look like a task inside a module.
SANITIZE += $(if $(CHECKS),-fno-defer-pop -fno-combine-stack-adjustments)
# What runs in the kernel, less kernel/check itself and lib/, which programs are linked with, too; and less
# what looks at unowned memory: the heaps, and those that search all of a module for addresses.
UNCHECKED := $(foreach f,check/% mm/heap.c.o mm/heap_checked.c.o mm/slab.c.o module/arena.c.o module/alloc_checked.c.o \
	unload/bare_pointers.c.o shell/monitor.c.o,$(BUILD)/obj/kernel/$f)
$(BUILD)/obj/kernel/% $(BUILD)/obj/tests/kernel/% $(BUILD)/obj/modules/% $(if $(M),$(BUILD)/obj/$(M_DIR)/%): CFLAGS += $(SANITIZE)
$(BUILD)/obj/kernel/check/% $(BUILD)/obj/kernel/smp/races.c.o $(if $(MEMORY),$(UNCHECKED)): CFLAGS := $(filter-out $(SANITIZE),$(CFLAGS))
soft_float := __[a-z]+[hsdxt][fc]([0-9]|[sdt]i|[hsdxt]f2)|__float(un)?[sdt]i[hsdxt]f
NASMFLAGS := -f elf32 -Ikernel/ -g -F dwarf -Wall $(PROBED_NASMFLAGS)
# What tells that a CPU is too old runs on that CPU, and without paging (boot/refuse.c).
$(BUILD)/obj/boot/refuse.c.o: CFLAGS := $(filter-out -march=%,$(CFLAGS)) -march=i386 -Os
# These define memcpy and memset: a loop in them must not become a call of them.
$(BUILD)/obj/lib/string.c.o: CFLAGS += $(if $(CLANG),-fno-builtin,-fno-tree-loop-distribute-patterns)
# Programs know nothing of the kernel but lib/abi.h.
$(BUILD)/obj/user/% $(if $(U),$(BUILD)/obj/$(U_DIR)/%): private CFLAGS := $(filter-out -Ikernel,$(CFLAGS))
# One program carries two files with it. Their flags are their own, whichever is asked for first: private.
$(BUILD)/obj/user/tests/carrier.c.o: private CFLAGS += -Wa,-I$(BUILD)
$(BUILD)/obj/user/tests/carrier.c.o: $(BUILD)/modules/null.ko $(BUILD)/user/hello
# Drivers as servers find there what they know by the names of the kernel.
$(BUILD)/obj/server/%: CFLAGS := $(filter-out -Ikernel,$(CFLAGS)) -Iuser/driver
# The build lists the in-kernel tests itself, so they need no header.
$(BUILD)/obj/tests/%: CFLAGS += -Wno-missing-prototypes
# What nobody waits for is built small.
$(BUILD)/obj/tests/% $(foreach floor,shell module x86,$(BUILD)/obj/kernel/$(floor)/%) \
$(foreach text,parse json param boot_option qr gf256,$(BUILD)/obj/lib/$(text).c.o): CFLAGS += -Os
LDFLAGS := -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --fatal-warnings

# -- What there is --
KERNEL_SRC := $(sort $(shell find boot kernel lib -name '*.c' -o -name '*.asm'))
KERNEL_SRC := $(filter-out $(if $(KCSAN),,kernel/check/kcsan%) $(if $(RACES),,kernel/smp/races.c) $(if $(CHECKED),,kernel/check/undefined.c kernel/entry/call_check.c) \
	$(if $(MEMORY),,kernel/check/memory% kernel/check/shadow.c kernel/%_checked.c),$(KERNEL_SRC))
KERNEL_OBJ := $(KERNEL_SRC:%=$(BUILD)/obj/%.o)
KERNEL     := $(BUILD)/quiesce.elf
# The same with the in-kernel tests in it.
KTEST_SRC   := $(sort $(filter-out tests/kernel/test_kcsan.c,$(wildcard tests/kernel/*.c))) $(if $(KCSAN),tests/kernel/test_kcsan.c)
KTEST_OBJ   := $(KTEST_SRC:%=$(BUILD)/obj/%.o)
TEST_KERNEL := $(BUILD)/quiesce-test.elf
# A .c file below modules/ (or M) is a module, unless its folder holds a file of the
# folder's name: then all files of that folder are one module (tg3/tg3.c, tg3/rings.c: tg3.ko).
MODULE_SRC := $(sort $(shell find -H $(or $(M_DIR),modules) -name '*.c'))
MODULE_DIR := $(or $(M_DIR),$(BUILD)/modules)
folder      = $(notdir $(patsubst %/,%,$(dir $1)))
whole_of    = $(if $(wildcard $(dir $1)$(call folder,$1).c),$(call folder,$1),$(basename $(notdir $1)))
parts_of    = $(foreach s,$2,$(if $(filter $1,$(call whole_of,$s)),$s))
MODULES    := $(sort $(foreach s,$(MODULE_SRC),$(MODULE_DIR)/$(call whole_of,$s).ko))
# In the same way those below user/ (or U) are programs. user/lib is what all are linked with.
USER_SRC   := $(sort $(shell find -H $(or $(U_DIR),user) -name '*.c' -not -path 'user/lib/*' -not -path 'user/driver/*'))
USER_DIR   := $(or $(U_DIR),$(BUILD)/user)
# A driver's other home (docs/SERVERS.md): the module's source, with the core that user/driver is.
SERVER_SRC := $(if $(M)$(U),,modules/rtc.c modules/uart.c modules/tests/faulty.c)
SERVERS    := $(foreach s,$(SERVER_SRC),$(USER_DIR)/$(basename $(notdir $s))-server)
PROGRAMS   := $(sort $(foreach s,$(USER_SRC),$(USER_DIR)/$(call whole_of,$s)) $(SERVERS))
DRIVER_LIB := $(patsubst %,$(BUILD)/obj/%.o,$(sort $(wildcard user/driver/*.c user/driver/*.asm)))
USER_LIB   := $(patsubst %,$(BUILD)/obj/%.o,$(sort $(wildcard lib/*.c user/lib/*.c user/lib/*.asm)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all kernel test-kernel modules programs iso web deps run test check debug bench coverage hazards soak unit fuzz models mutants clean help FORCE
all: $(if $(M)$(U),$(if $(M),modules) $(if $(U),programs),kernel $(BUILD)/modules.tar)	## everything (with M or U=folder: what is there)
kernel: $(KERNEL)				## build/quiesce.elf
test-kernel: $(TEST_KERNEL) $(BUILD)/modules.tar	## build/quiesce-test.elf: the kernel with its own tests
modules: $(MODULES)				## build/modules/*.ko
programs: $(PROGRAMS)				## build/user/*: what runs in ring 3
iso: $(BUILD)/quiesce.iso			## one image for CD and USB stick, BIOS and UEFI
web: $(BUILD)/web/page.json			## build/web: the kernel in a browser, for any static web server
deps:						## install all that building, running and testing needs
	@tools/deps test

# -- Kernel --
# Whoever changes flags or compiler gets everything built anew; whoever adds or takes away
# a source, what depends on the list of them.
define note_changes
	@mkdir -p $(@D); echo '$1' | cmp -s - $@ || echo '$1' >$@
endef
$(BUILD)/flags: FORCE
	$(call note_changes,$(strip $(CC) $(CFLAGS) $(SANITIZE) $(NASMFLAGS) $(LDFLAGS) $(shell cksum <Makefile)))
$(BUILD)/sources: FORCE
	$(call note_changes,$(KERNEL_SRC))
$(BUILD)/modules.list: FORCE
	$(call note_changes,$(MODULES) $(PROGRAMS))

# The headers that modules see, as a checksum in their stamp (kernel/module/stamp.h).
$(BUILD)/made/module_headers.h: FORCE
	@mkdir -p $(@D); tools/abi kernel/module/api.h >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/obj/%.c.o: %.c $(BUILD)/flags | $(BUILD)/made/module_headers.h
	@mkdir -p $(@D); echo "  CC    $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/server/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D); echo "  CC    $< (server)"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/%.asm.o: %.asm $(BUILD)/flags
	@mkdir -p $(@D); echo "  NASM  $<"
	@nasm $(NASMFLAGS) -MD $(@:.o=.d) -MP -o $@ $<
$(BUILD)/linker.ld: linker.ld $(BUILD)/flags
	@$(CC) $(CFLAGS) -E -P -x assembler-with-cpp -MMD -MP -MT $@ -MF $@.d $< -o $@

# Sources that are made: the screen's font, the list of in-kernel tests, names for backtraces.
FONT = $(shell tools/places font)
$(BUILD)/made/font.c: tools/mkfont
	@mkdir -p $(@D); tools/mkfont '$(FONT)' $@
$(BUILD)/made/ktests.c: $(KTEST_SRC) $(BUILD)/sources tools/ktests
	@mkdir -p $(@D); tools/ktests $(filter %.c,$^) >$@
$(BUILD)/made/no-ktests.c: tools/ktests
	@mkdir -p $(@D); tools/ktests >$@
$(BUILD)/made/%.o: $(BUILD)/made/%.c $(BUILD)/flags
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Linked twice: the second time with the symbol table made from the first. The table lies
# behind the code, so no function moves; the last line makes sure of it.
link    = $(LD) $(LDFLAGS) --build-id=sha1 -T $(BUILD)/linker.ld -o $1 $(filter %.o,$^) $2
table   = $(NM) -n $1 | tools/kallsyms && tools/lines $(if $(CHECKS),--objdump $(OBJDUMP) $1)
compile = $(CC) $(CFLAGS) -c $1.c -o $1.o
$(KERNEL): $(KERNEL_OBJ) $(BUILD)/made/no-ktests.o
$(TEST_KERNEL): $(KERNEL_OBJ) $(KTEST_OBJ) $(BUILD)/made/ktests.o
$(KERNEL) $(TEST_KERNEL): $(BUILD)/made/font.o $(BUILD)/linker.ld $(BUILD)/sources tools/kallsyms tools/lines
	@echo "  LD    $@"
	@{ tools/kallsyms </dev/null && tools/lines; } >$@.symbols0.c && $(call compile,$@.symbols0)
	@$(call link,$@.pass1,$@.symbols0.o)
	@{ $(call table,$@.pass1); } >$@.symbols.c && $(call compile,$@.symbols)
	@$(call link,$@,$@.symbols.o)
	@{ $(call table,$@); } | cmp - $@.symbols.c

# -- Modules, programs and their archive --
# made of(file, sources): the file is made of their objects, which are all of one folder.
define made_of
$(if $(word 2,$(sort $(dir $2))),$(error two things are called $(notdir $1): $2))
$1: $(patsubst %,$(BUILD)/obj/%.o,$2)
endef
$(foreach m,$(MODULES),$(eval $(call made_of,$m,$(call parts_of,$(basename $(notdir $m)),$(MODULE_SRC)))))
$(foreach p,$(filter-out $(SERVERS),$(PROGRAMS)),$(eval $(call made_of,$p,$(call parts_of,$(notdir $p),$(USER_SRC)))))
$(MODULES):
	@mkdir -p $(@D); echo "  KO    $@"
	@$(LD) -r --build-id=sha1 -o $@ $(filter %.o,$^)
	@$(if $(CHECKS),$(add_lines))
	@! called=$$($(NM) -u $@ | grep -Ewo '$(soft_float)') || \
		{ echo "$@: uses floating point (calls" $$called"), which the kernel does not save: see docs/MODULES.md" >&2; exit 1; }
# Without what the compiler would have run before init; with the lines of the source.
define add_lines
$(OBJCOPY) --remove-section='.init_array*' --remove-section='.rel.init_array*' $@ && \
	tools/lines --objdump $(OBJDUMP) --module $@ >$@.lines.s && $(CC) $(CFLAGS) -c $@.lines.s -o $@.lines.o && \
	$(LD) -r -o $@.tmp $@.lines.o $@ && mv $@.tmp $@ && rm -f $@.lines.s $@.lines.o
endef
$(foreach s,$(SERVER_SRC),$(eval $(USER_DIR)/$(basename $(notdir $s))-server: $(BUILD)/obj/server/$s.o $(DRIVER_LIB)))
$(PROGRAMS): user/lib/program.ld $(BUILD)/user.a
	@mkdir -p $(@D); echo "  LD    $@"
	@$(LD) $(LDFLAGS) --nmagic -T $< -o $@ $(filter %.o,$^) $(BUILD)/user.a
$(BUILD)/user.a: $(USER_LIB)
	@rm -f $@; $(AR) rcD $@ $^

$(BUILD)/modules.tar: $(MODULES) $(PROGRAMS) $(BUILD)/modules.list
	@echo "  TAR   $@"; rm -rf $(BUILD)/archive; mkdir -p $(BUILD)/archive
	@for ko in $(MODULES); do $(OBJCOPY) --strip-debug $$ko $(BUILD)/archive/$${ko##*/} || exit 1; done
	@for p in $(PROGRAMS); do $(OBJCOPY) --strip-all $$p $(BUILD)/archive/$${p##*/} || exit 1; done
	@$$(tools/places tar) --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 \
		-C $(BUILD)/archive -cf $@ $(notdir $(MODULES) $(PROGRAMS))

# -- The ISO: hybrid, for BIOS and for 64-bit and 32-bit UEFI --
$(BUILD)/quiesce.iso: $(BUILD)/stripped.elf $(BUILD)/modules.tar iso/grub.cfg NOTICE tools/mkiso
	@echo "  ISO   $@"; tools/mkiso $(BUILD)/stripped.elf $(BUILD)/modules.tar $@
$(BUILD)/stripped.elf: $(KERNEL)
	@$(OBJCOPY) --strip-all $< $@

# -- The page: what a web server needs to have the kernel run in a browser (docs/WEB.md) --
$(BUILD)/npm/web/node_modules/complete: web/package.json web/package-lock.json tools/npm
	@tools/npm web $(BUILD)/npm/web && touch $@
$(BUILD)/web.version: FORCE
	$(call note_changes,$(shell tools/mkweb --version))
$(BUILD)/web/page.json: $(BUILD)/stripped.elf $(BUILD)/modules.tar $(BUILD)/npm/web/node_modules/complete \
	$(shell find web -type f) tools/mkweb tools/v86.mjs docs/HAZARDS.md README.md NOTICE $(BUILD)/web.version
	@echo "  WEB   $(BUILD)/web"; tools/mkweb --build $(BUILD)

# -- Running --
RUN := tools/run --build $(BUILD)
no_iso = $(if $(NO_ISO),echo "make: no image can be made without $(NO_ISO): $1")
run: $(if $(NO_ISO),kernel $(BUILD)/modules.tar,iso)	## boot the ISO; at a terminal the prompt, otherwise the tour
	@$(call no_iso,QEMU loads the kernel itself (--direct))
	@$(RUN) $(if $(NO_ISO),--direct) $(if $(shell test -t 0 && echo yes),,-c tour) $(ARGS)
debug: kernel $(BUILD)/modules.tar		## QEMU stopped, GDB attached, symbols of kernel and modules
	@$(RUN) --direct --gdb $(ARGS)
bench: kernel $(BUILD)/modules.tar		## what things cost, in instructions: tables and pictures of the docs
	@tools/bench --build $(BUILD) $(ARGS)
coverage: $(if $(NO_ISO),kernel,iso) $(TEST_KERNEL)			## what tests run of the kernel, by floor, and what never, as HTML; RUNS=name,name
	@tools/coverage --build $(BUILD) $(if $(RUNS),--runs $(RUNS),--afresh) $(ARGS)
hazards: kernel $(BUILD)/modules.tar		## docs/HAZARDS.md anew: each hazard under each strategy
	@tools/hazards --build $(BUILD) --write $(ARGS)
soak: $(if $(filter list,$(PART)),,iso $(TEST_KERNEL) $(FUZZERS))	## long runs for what seldom happens; PART=list, PART=name,name
	@tools/soak --build $(BUILD) --part "$(PART)" $(if $(SOAK),--seconds $(SOAK)) $(ARGS)

# -- Tests: tests/host-cc builds those for the host, tests/run-all runs all of them --
test: $(if $(NO_ISO),kernel,iso) $(TEST_KERNEL) $(UNIT_TESTS) $(FUZZERS)	## everything: host, fuzz, in the kernel, whole machines
	@$(call no_iso,what boots it is skipped)
	@tests/run-all --build $(BUILD) $(ARGS)
check: kernel $(TEST_KERNEL) $(BUILD)/modules.tar $(UNIT_TESTS) $(FUZZERS)	## the quick part of it, below 2 minutes: before each commit
	@tests/run-all --build $(BUILD) --quick $(ARGS)
unit: $(UNIT_TESTS)				## tests of parts, on the host
	@tests/run-all --build $(BUILD) --only unit
fuzz: $(FUZZERS)				## a few seconds of damaged input for each parser
	@tests/run-all --build $(BUILD) --only fuzz
models:					## the strategies, exhausted by Spin: which can be caught out, and how
	@tests/models/check --build $(BUILD) $(ARGS)
mutants: $(TEST_KERNEL) $(BUILD)/modules.tar $(BUILD)/fixtures	## faults, one at a time: which test notices each? ONLY=sched,trap-hold
	@tests/mutants/run --build $(BUILD) $(if $(ONLY),--only $(ONLY)) $(ARGS)
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/fixtures tests/host-cc
	@echo "  HOST  $<"; tests/host-cc unit $< $@
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fixtures tests/host-cc
	@echo "  FUZZ  $<"; tests/host-cc fuzz $< $@
$(BUILD)/fixtures: tests/unit/make_fixtures.sh
	@mkdir -p $(@D); CROSS='$(PREFIX)' CC='$(CC)' $< $(BUILD) && touch $@

clean:						## throw all of it away
	rm -rf build build-debug build-kcsan build-checked build-races build-races-kcsan $(BUILD)
help:						## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1@/p' Makefile | awk -F@ '{ printf "  make %-11s %s\n", $$1, $$2 }'
	@sed -n '3,8s/^#//p' Makefile

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
