#!/bin/bash
# Builds small modules for the host tests of the loader: tests/unit/make_fixtures.sh
# BUILD_FOLDER; CROSS is the prefix of the cross compiler, CC is taken where there is none
# (a host that has only clang). They go to fixtures.d/.
set -e
cd "$(dirname "$0")/../.."
out=$1/fixtures.d
cc=${CROSS:-i686-linux-gnu-}gcc
command -v "$cc" >/dev/null || cc=${CC:?no cross compiler}
flags="-std=gnu11 -march=i686 -O2 -ffreestanding -fno-stack-protector -fcf-protection=none
       -fno-asynchronous-unwind-tables -mgeneral-regs-only -ffunction-sections"
mkdir -p "$out"

build() {	# name, flags, source on standard input
	$cc $flags $2 -x c -c - -o "$out/$1.ko"
}

driver='
extern int printk(const char *fmt, ...);
extern int counter_of_another(void);
static int calls = 3;
static int zeroed[100];
int shared[4] = { 1, 2, 3, 4 };
static const int *const inside = &shared[2];
int work(int n) { calls += n; zeroed[n & 63] = *inside; return printk("%d %d\n", calls, shared[1]); }
__attribute__((section(".init.text"))) int init_module(void) { return work(counter_of_another()); }
__attribute__((section(".init.data"))) int only_for_init = 7;
__attribute__((section(".exit.text"))) void cleanup_module(void) { calls = 0; }
__attribute__((used, section(".modinfo"))) static const char info[] =
	"abi=quiesce-1\0description=For tests\0parm=a:int\0parm=b:bool";
'
build plain "-fno-pic -fno-pie -fno-common" <<<"$driver"
build pic "-fPIC -fno-common" <<<"$driver"
build debug "-fno-pic -fno-pie -fno-common -g" <<<"$driver"
build common "-fno-pic -fno-pie -fcommon" <<<"int tentative; $driver"
