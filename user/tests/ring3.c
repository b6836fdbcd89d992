/* What ring 3 must not be able to do, and what messages promise: `ring3 TEST`, started by
 * the kernel's own tests (tests/kernel/test_user.c). The status is 0, or the
 * line of what is not so. */
#include "lib/parse.h"
#include "lib/string.h"
#include "user/lib/info.h"
#include "user/lib/ipc.h"
#include "user/lib/process.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"
#include "user/lib/syscall.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

#define KERNEL_TEXT 0xc0100000u
#define MODULES     0xe0000000u
#define TOP_PRIORITY 31u
#define ENDED       (1u << 31)

/* -- children ----------------------------------------------------------------------------- */

static u32 calls;			/* endpoint that children call, and that hears of their end */

/* A child of this very program that does `what`, with `calls` as its HANDLE_SERVICE and
 * no authority. */
static int child(const char *what)
{
	return spawn(&(struct spawn){
		.program = "ring3", .args = what, .ended_bits = ENDED, .supervisor = calls,
		.gift = { { HANDLE_SERVICE, calls, RIGHT_GIVE | RIGHT_CALL | RIGHT_NOTIFY } },
	});
}

/* Takes what comes until the child has ended, refusing help with its faults. Its code. */
static int end_of(int process)
{
	struct process_status s = { .ended = 0 };
	u32 ebx = calls, w0 = 0, w1 = 0, w2 = 0;
	int got = syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2);

	while (got >= 0) {
		(void)process_status((u32)process, &s);
		if (s.ended)
			break;
		if (got == GOT_CALL) {
			ebx = calls;
			w0 = FAULT_END;
			got = syscall_words(SYS_REPLY_RECEIVE, &ebx, &w0, &w1, &w2);
		} else {
			ebx = calls;
			got = syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2);
		}
	}
	handle_close((u32)process);
	return got < 0 ? got : s.code;
}

static int run_child(const char *what)
{
	int process = child(what);

	return process < 0 ? process : end_of(process);
}

/* -- what ends a process -------------------------------------------------------------------- */

static int zero;
static const char text[] = "constant";

static void touch(u32 at) { *(volatile u8 *)at = 1; }
static void jump(u32 to)  { ((void (*)(void))to)(); }

#define INSTRUCTION(name, code) static void name(void) { __asm__ volatile(code ::: "memory", "eax", "ecx", "edx"); }
INSTRUCTION(do_cli, "cli")
INSTRUCTION(do_hlt, "hlt")
INSTRUCTION(do_in, "inb $0x60, %%al")
INSTRUCTION(do_out, "outb %%al, $0x80")
INSTRUCTION(do_cr3, "movl %%cr3, %%eax")
INSTRUCTION(do_wrmsr, "movl $0x176, %%ecx; wrmsr")
INSTRUCTION(do_lgdt, "lgdt 0")
INSTRUCTION(do_sgdt, "sgdt -8(%%esp)")
INSTRUCTION(do_ltr, "movw $0x30, %%ax; ltr %%ax")
INSTRUCTION(do_invlpg, "invlpg 0")
INSTRUCTION(do_int3, "int3")
INSTRUCTION(do_into, "movb $127, %%al; addb $1, %%al; into")
INSTRUCTION(do_int_timer, "int $0xe0")
INSTRUCTION(do_int_pf, "int $14")
INSTRUCTION(do_ud, "ud2")
INSTRUCTION(do_fpu, "fninit")
INSTRUCTION(do_sse, "xorps %%xmm0, %%xmm0")
INSTRUCTION(do_gs_kernel, "movw $0x28, %%ax; movw %%ax, %%gs")
INSTRUCTION(do_ldt, "movw $7, %%ax; movw %%ax, %%fs")
INSTRUCTION(do_nt_iret, "pushfl; orl $0x4000, (%%esp); popfl; pushfl; pushl %%cs; pushl $1f; iret; 1:")
INSTRUCTION(do_trap_flag, "pushfl; orl $0x100, (%%esp); popfl; nop")
/* An EIP and an ESP of the kernel, handed to SYSEXIT. */
INSTRUCTION(do_exit_to_kernel, "xorl %%eax, %%eax; movl %%esp, %%ecx; movl $0xc0100000, %%edx; sysenter")
INSTRUCTION(do_kernel_stack, "xorl %%eax, %%eax; movl $0xec003000, %%ecx; movl $1f, %%edx; sysenter; 1: pushl %%eax")
INSTRUCTION(do_divide, "xorl %%ecx, %%ecx; divl %%ecx")
static void do_null(void)       { touch(0); }
static void do_last_page(void)  { touch(0xbffff000); }
static void do_read_kernel(void){ zero = *(volatile int *)KERNEL_TEXT; }
static void do_write_kernel(void) { touch(KERNEL_TEXT); }
static void do_write_text(void) { touch((u32)&do_write_text); }
static void do_write_const(void){ touch((u32)text); }
static void do_run_data(void)   { jump((u32)&zero); }
static void do_run_stack(void)  { u32 code = 0xc3c3c3c3; jump((u32)&code); }
static void do_run_kernel(void) { jump(KERNEL_TEXT); }
static int  depth(int n)        { volatile char room[256]; room[0] = (char)n; return zero < 0 ? 0 : depth(n + 1) + room[0]; }
static void do_deep(void)       { zero = depth(0); }

static const struct { const char *name; void (*fn)(void); } forbidden[] = {
	{ "cli", do_cli }, { "hlt", do_hlt }, { "in", do_in }, { "out", do_out }, { "cr3", do_cr3 },
	{ "wrmsr", do_wrmsr }, { "lgdt", do_lgdt }, { "ltr", do_ltr }, { "invlpg", do_invlpg },
	{ "int3", do_int3 }, { "into", do_into }, { "int-timer", do_int_timer }, { "int-pf", do_int_pf },
	{ "ud", do_ud }, { "fpu", do_fpu }, { "sse", do_sse }, { "gs-kernel", do_gs_kernel }, { "ldt", do_ldt },
	{ "nt-iret", do_nt_iret }, { "trap-flag", do_trap_flag },
	{ "exit-to-kernel", do_exit_to_kernel }, { "kernel-stack", do_kernel_stack },
	{ "divide", do_divide }, { "null", do_null }, { "last-page", do_last_page },
	{ "read-kernel", do_read_kernel }, { "write-kernel", do_write_kernel },
	{ "write-text", do_write_text }, { "write-const", do_write_const },
	{ "run-data", do_run_data }, { "run-stack", do_run_stack }, { "run-kernel", do_run_kernel },
	{ "deep", do_deep },
};

/* CPUID leaf 7, ECX bit 2 (Intel SDM vol. 2, CPUID). */
static bool cpu_has_umip(void)
{
	u32 eax = 0, ebx, ecx, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	if (eax < 7)
		return false;
	eax = 7;
	ecx = 0;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx & 4;
}

/* Each of them ends its process, and nothing else. */
static int test_forbidden(void)
{
	char what[48];

	if (cpu_has_umip())
		CHECK(run_child("ring3 do sgdt") == -EFAULT);

	for (u32 i = 0; i < ARRAY_SIZE(forbidden); i++) {
		snprintf(what, sizeof(what), "ring3 do %s", forbidden[i].name);
		int code = run_child(what);
		if (code != -EFAULT) {
			printf("ring3: %s: ended with %d\n", forbidden[i].name, code);
			return __LINE__;
		}
	}
	return 0;
}

static int do_forbidden(const char *name)
{
	if (streq(name, "sgdt"))
		do_sgdt();
	for (u32 i = 0; i < ARRAY_SIZE(forbidden); i++) {
		if (streq(forbidden[i].name, name))
			forbidden[i].fn();
	}
	return 0;			/* then it was not forbidden */
}

/* -- flags and segments that come in with a system call ------------------------------------------- */

/* SYS_NULL with these EFLAGS set right before it: the kernel must neither trip over them
 * nor keep them. */
static int null_with_flags(u32 flags, bool by_int)
{
	int result;

	if (by_int)
		__asm__ volatile("pushfl; orl %1, (%%esp); popfl; int $0x80; cld"
		                 : "=a"(result) : "r"(flags), "a"(SYS_NULL) : "memory", "cc");
	else
		__asm__ volatile("movl $1f, %%edx; movl %%esp, %%ecx; pushfl; orl %1, (%%esp); popfl; sysenter; 1:"
		                 : "=a"(result) : "r"(flags), "a"(SYS_NULL) : "ecx", "edx", "memory", "cc");
	return result;
}

static int null_with_segments(u32 selector)
{
	int result;

	__asm__ volatile("movw %w1, %%fs; movw %w1, %%gs; movw %w1, %%es; movw %w1, %%ds; int $0x80;"
	                 "movw %%ss, %w1; movw %w1, %%ds; movw %w1, %%es"
	                 : "=a"(result), "+r"(selector) : "0"(SYS_NULL) : "memory");
	return result;
}

static int test_entry(void)
{
	static const u32 flag[] = { 1u << 10, 1u << 14, 1u << 18, 1u << 11 };	/* DF, NT, AC, OF */

	for (u32 i = 0; i < ARRAY_SIZE(flag); i++) {
		CHECK(null_with_flags(flag[i], false) == 0);
		CHECK(null_with_flags(flag[i], true) == 0);
	}
	/* TF: the trap comes on the kernel's first instruction. */
	CHECK(null_with_flags(1u << 8, false) == 0);
	CHECK(null_with_segments(0) == 0);
	CHECK(null_with_segments(3) == 0);
	CHECK(null_with_segments(0x23) == 0);
	CHECK(syscall((enum syscall)NR_SYSCALLS, 0, 0, 0, 0) == -ENOSYS);
	CHECK(syscall((enum syscall)0xffffffff, 0, 0, 0, 0) == -ENOSYS);
	return 0;
}

/* -- pointers -------------------------------------------------------------------------------------- */

static int test_pointers(void)
{
	static const u32 bad[] = { 0, 4095, KERNEL_TEXT, 0xbffff000, 0xbffffff0, 0xfffffffc, 0x30000000, 0xe0001000 };
	struct process_status s;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(syscall(SYS_CONSOLE_WRITE, HANDLE_KERNEL, bad[i], 16, 0) == -EFAULT);
		CHECK(syscall(SYS_PROCESS_STATUS, HANDLE_SELF, bad[i], 0, 0) == -EFAULT);
		CHECK(syscall(SYS_MAP, 0, bad[i], 0, 0) == -EFAULT);
		CHECK(syscall(SYS_PROCESS, HANDLE_KERNEL, bad[i], 0, 0) == -EFAULT);
		CHECK(syscall(SYS_MODULE_LOAD, HANDLE_KERNEL, bad[i], 0, 0) == -EFAULT);
		CHECK(syscall(SYS_INFO, HANDLE_KERNEL, INFO_TASK, bad[i], 0) == -EFAULT);
		CHECK(syscall(SYS_COMMAND, HANDLE_KERNEL, bad[i], 4, 0) == -EFAULT);
	}
	CHECK(syscall(SYS_CONSOLE_WRITE, HANDLE_KERNEL, address(&s), 0xffffffff, 0) == -EFAULT);
	CHECK(syscall(SYS_CONSOLE_WRITE, HANDLE_KERNEL, address(text), 0, 0) == 0);
	CHECK(syscall(SYS_PROCESS_STATUS, HANDLE_SELF, address(text), 0, 0) == -EFAULT);	/* read-only */
	CHECK(syscall(SYS_PROCESS_STATUS, HANDLE_SELF, address(&s), 0, 0) == 0 && s.threads == 1);
	return 0;
}

/* -- authority ----------------------------------------------------------------------------------------- */

static int test_authority(void)
{
	static const struct { enum syscall nr; u32 w0, w1; } needs[] = {
		{ SYS_POWER, POWER_OFF, 1 },	/* with status 0 it would be as if the test had passed */
		{ SYS_MODULE_LOAD, 0, 0 }, { SYS_MODULE_UNLOAD, 0, 0 },
		{ SYS_PORTS, 0x60, 1 }, { SYS_IRQ, 1, 0 }, { SYS_MEMORY_PHYS, 0xfec00, 1 },
		{ SYS_PROCESS, 0, 0 }, { SYS_CONSOLE_WRITE, 0, 1 }, { SYS_TASK_END, 0, 0 },
		{ SYS_CONSOLE_BIND, 0, 0 }, { SYS_COMMAND, 0, 1 }, { SYS_INFO, 0, 0 }, { SYS_OPEN, 0, 1 },
	};
	int powerless = handle_dup(HANDLE_KERNEL, RIGHT_GIVE, 0);

	CHECK(powerless > 0);
	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		CHECK(syscall(needs[i].nr, (u32)powerless, needs[i].w0, needs[i].w1, 0) == -EPERM);
		CHECK(syscall(needs[i].nr, HANDLE_SELF, needs[i].w0, needs[i].w1, 0) == -EINVAL);
		CHECK(syscall(needs[i].nr, 4095, needs[i].w0, needs[i].w1, 0) == -EBADF);
		CHECK(syscall(needs[i].nr, 0, needs[i].w0, needs[i].w1, 0) == -EBADF);
	}
	CHECK(syscall(SYS_MEMORY_PHYS, HANDLE_KERNEL, 0x100, 1, 0) == -EPERM);	/* the kernel's image */
	/* Nor is a thread more urgent than its process, nor a number of a driver's an address of a module. */
	CHECK(syscall(SYS_PRIORITY, 0, TOP_PRIORITY, 0, 0) == -EPERM && syscall(SYS_PRIORITY, 0, 0, 0, 0) == -EPERM);
	CHECK(syscall(SYS_IOCTL, 0, MODULES, 0, 0) == -EINVAL && syscall(SYS_IOCTL, 0, 0, MODULES, 0) == -EINVAL);
	CHECK(syscall(SYS_IOCTL, 0, 0, 0, 0) == -EBADF);
	CHECK(handle_dup((u32)powerless, RIGHTS_ALL, 0) > 0);	/* no more than it had */
	int more = handle_dup((u32)powerless, RIGHTS_ALL, 0);
	CHECK(syscall(SYS_POWER, (u32)more, POWER_OFF, 0, 0) == -EPERM);
	CHECK(handle_dup(HANDLE_SELF, RIGHTS_ALL, 0) == -EPERM);	/* may not be given away */
	/* A badge is the server's to choose. */
	int e = endpoint_create(), client = handle_dup((u32)e, RIGHT_CALL | RIGHT_GIVE, 7);
	CHECK(client > 0 && handle_dup((u32)client, RIGHT_CALL, 8) == -EPERM);
	CHECK(syscall(SYS_RECEIVE, (u32)client | MSG_NONBLOCK, 0, 0, 0) == -EPERM);
	CHECK(syscall(SYS_NOTIFY, (u32)client, 1, 0, 0) == -EPERM);
	return 0;
}

/* -- memory ------------------------------------------------------------------------------------------------ */

static int map(u32 memory, u32 at, u32 first, u32 pages, u32 rights)
{
	struct map_args a = { memory, at, first, pages, rights };

	return syscall(SYS_MAP, 0, address(&a), 0, 0);
}

#define RW (RIGHT_READ | RIGHT_WRITE)

static int test_memory(void)
{
	int m = syscall(SYS_MEMORY, 0, 4, 0, 0), read_only = handle_dup((u32)m, RIGHT_READ, 0);

	CHECK(m > 0 && read_only > 0);
	CHECK(syscall(SYS_MEMORY, 0, 0, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_MEMORY, 0, 0xffffffff, 0, 0) == -EINVAL);
	CHECK(syscall(SYS_MEMORY, 0, 16384, 0, 0) < 0 || true);
	CHECK(map((u32)m, 0x50000000, 0, 4, RIGHT_WRITE | RIGHT_EXECUTE) == -EINVAL);
	CHECK(map((u32)read_only, 0x50000000, 0, 4, RW) == -EPERM);
	static const u32 unreadable[] = { RIGHT_GIVE, RIGHT_WRITE, RIGHT_EXECUTE };
	for (u32 i = 0; i < ARRAY_SIZE(unreadable); i++) {	/* but a page that is there can be read */
		int h = handle_dup((u32)m, unreadable[i], 0);
		CHECK(h > 0 && map((u32)h, 0, 0, 4, unreadable[i]) == (i ? -EPERM : -EINVAL));
		CHECK(map((u32)h, 0, 0, 4, RIGHT_READ) == -EPERM);
		handle_close((u32)h);
	}
	CHECK(map((u32)m, 0, 0, 4, 0) == -EINVAL);
	CHECK(map((u32)m, 0x50000800, 0, 4, RW) == -EINVAL);
	CHECK(map((u32)m, 0, 1, 4, RW) == -EINVAL);
	CHECK(map((u32)m, 0, 0xffffffff, 2, RW) == -EINVAL);
	CHECK(map((u32)m, 0xbffff000, 0, 1, RW) == -EINVAL);
	CHECK(map((u32)m, 0xc0000000, 0, 4, RW) == -EINVAL);
	CHECK(map((u32)m, 0x50000000, 0, 4, RW) == 0x50000000);
	CHECK(map((u32)m, 0x50003000, 0, 1, RW) == -EEXIST);
	u32 again = (u32)map((u32)m, 0, 2, 2, RIGHT_READ);
	CHECK(again < 0xffffff00u);
	*(volatile u32 *)0x50002000 = 77;
	CHECK(*(volatile u32 *)again == 77 && *(volatile u32 *)0x50003000 == 0);
	CHECK(syscall(SYS_UNMAP, 0, 0x50001000, 1, 0) == -EINVAL);	/* part of one */
	CHECK(syscall(SYS_UNMAP, 0, 0x50000000, 0xfffff, 0) == -EINVAL);
	CHECK(syscall(SYS_UNMAP, 0, 0x50000000, 4, 0) == 0);
	CHECK(syscall(SYS_UNMAP, 0, 0x50000000, 4, 0) == -EINVAL);
	handle_close((u32)m);
	CHECK(*(volatile u32 *)again == 77);	/* mapped memory outlives its handles */
	CHECK(syscall(SYS_CONSOLE_WRITE, HANDLE_KERNEL, 0x50000000, 1, 0) == -EFAULT);
	return 0;
}

/* -- threads --------------------------------------------------------------------------------------------------- */

static u8 stacks[4][4096];
static u32 counted;

static void count_and_wait(void *arg)
{
	__atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
	while (arg)
		(void)syscall(SYS_SLEEP, 0, 1000000, 0, 0);
}

/* Threads sleep and run while their process ends; and the last one's end is its end. */
static int do_threads(bool run_off)
{
	for (u32 i = 0; i < ARRAY_SIZE(stacks); i++)
		CHECK(thread_start(count_and_wait, run_off ? NULL : stacks, stacks[i], sizeof(stacks[i])) > 0);
	while (__atomic_load_n(&counted, __ATOMIC_SEQ_CST) < ARRAY_SIZE(stacks))
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	if (run_off)
		(void)syscall(SYS_THREAD_EXIT, 0, 0, 0, 0);
	return 5;
}

static int test_threads(void)
{
	CHECK(run_child("ring3 threads-exit") == 5);
	CHECK(run_child("ring3 threads-run-off") == 0);
	return 0;
}

/* -- what the kernel tells -------------------------------------------------------------------------------------- */

static int call_by_int(u32 number, u32 ebx)
{
	int result;

	__asm__ volatile("int %1" : "=a"(result) : "i"(SYSCALL_INT), "0"(number), "b"(ebx), "S"(0), "D"(0) : "memory");
	return result;
}

static int test_info(void)
{
	struct info_command program = { .name = "ring3" };
	struct info_device device;
	u32 n = 0;

	CHECK(info(INFO_PROGRAM, 0, &program, sizeof(program)) == 0 && streq(program.usage, "ring3 TEST"));
	CHECK(info(INFO_PROGRAM, 0, "no such program", 16) == -ENOENT);
	CHECK(info(INFO_KEYBOARD, 1, &device, sizeof(device)) == -ENOENT);
	while (info(INFO_DEVICE, n, &device, sizeof(device)) == 0)
		n++;
	CHECK(info(INFO_DEVICE, n, &device, sizeof(device)) == -ENOENT);
	CHECK(call_by_int(SYS_NULL, 0) == 0 && call_by_int(NR_SYSCALLS, 0) == -ENOSYS && call_by_int(~0u, 0) == -ENOSYS);
	CHECK(call_by_int(SYS_CLOSE, HANDLE_SELF | 1u << 31) == -EINVAL);	/* a flag that no call knows */
	return 0;
}

/* -- what drivers need -------------------------------------------------------------------------------------------- */

static void out_post(void) { __asm__ volatile("outb %%al, $0x80" :: "a"(0)); }
static void out_next(void) { __asm__ volatile("outb %%al, $0x81" :: "a"(0)); }	/* a page register, of no channel that is used */

static int test_ports(void)
{
	int ports = syscall(SYS_PORTS, HANDLE_KERNEL, 0x80, 1, 0);

	CHECK(syscall(SYS_PORTS, HANDLE_KERNEL, 0xffff, 2, 0) == -EINVAL);
	CHECK(syscall(SYS_PORTS, HANDLE_KERNEL, 0x10000, 1, 0) == -EINVAL);
	CHECK(ports > 0 && syscall(SYS_PORTS_ENABLE, (u32)ports, 0, 0, 0) == 0);
	for (u32 i = 0; i < 100; i++) {		/* also when others ran in between */
		out_post();
		if (!(i % 10))
			CHECK(run_child("ring3 do out") == -EFAULT);	/* 0x80 is ours, not its */
		(void)syscall(SYS_YIELD, 0, 0, 0, 0);
	}
	/* One more, which a CPU that has loaded the others does not know yet. */
	ports = syscall(SYS_PORTS, HANDLE_KERNEL, 0x81, 1, 0);
	out_post();
	CHECK(ports > 0 && syscall(SYS_PORTS_ENABLE, (u32)ports, 0, 0, 0) == 0);
	out_next();
	return 0;
}

#define RTC_LINE   8u
#define RTC_PORTS  0x70u		/* a register's number; its contents (MC146818A) */
#define RTC_REG_B  11u
#define RTC_REG_C  12u			/* reading it lets the next interrupt come */
#define RTC_UPDATE 0x40u		/* in B: periodic interrupts; 1024 a second, as the firmware left it */

static u8 rtc(u8 reg)
{
	u8 value;

	__asm__ volatile("outb %b1, $0x70; inb $0x71, %b0" : "=a"(value) : "0"(reg));
	return value;
}

static void rtc_set(u8 reg, u8 value)
{
	__asm__ volatile("outb %%al, $0x70; movb %%cl, %%al; outb %%al, $0x71" : "+a"(reg) : "c"(value));
}

static int hear_interrupt(u32 endpoint, u32 bits)
{
	u32 ebx = endpoint, w0 = 0, w1 = 0, w2 = 0;

	(void)rtc(RTC_REG_C);
	return syscall_words(SYS_RECEIVE, &ebx, &w0, &w1, &w2) == GOT_NOTIFICATION && w0 == bits;
}

/* A driver's whole life: its line notifies, again and again; one line has one handler; what is
 * asked of a handle that is none, or not bound, is refused. */
static int test_irq(void)
{
	int ports = syscall(SYS_PORTS, HANDLE_KERNEL, RTC_PORTS, 2, 0);
	int irq = syscall(SYS_IRQ, HANDLE_KERNEL, RTC_LINE, 0, 0), e = endpoint_create();

	CHECK(ports > 0 && irq > 0 && e > 0 && syscall(SYS_PORTS_ENABLE, (u32)ports, 0, 0, 0) == 0);
	int none = syscall(SYS_IRQ, HANDLE_KERNEL, 4096, 0, 0);
	CHECK(none > 0 && syscall(SYS_IRQ_BIND, (u32)none, (u32)e, 1, 0) == -EINVAL);
	CHECK(syscall(SYS_IRQ_ACK, (u32)irq, 0, 0, 0) < 0 && syscall(SYS_IRQ_BIND, (u32)e, (u32)e, 1, 0) < 0);
	CHECK(syscall(SYS_IRQ_BIND, (u32)irq, (u32)e, 5, 0) == 0);
	CHECK(syscall(SYS_IRQ_BIND, (u32)irq, (u32)e, 5, 0) < 0);
	u8 before = rtc(RTC_REG_B);
	rtc_set(RTC_REG_B, before | RTC_UPDATE);
	for (u32 i = 0; i < 3; i++) {
		CHECK(hear_interrupt((u32)e, 5));
		CHECK(syscall(SYS_IRQ_ACK, (u32)irq, 0, 0, 0) == 0);
	}
	rtc_set(RTC_REG_B, before);
	CHECK(syscall(SYS_CLOSE, (u32)irq, 0, 0, 0) == 0);
	return 0;
}

/* Holds an address of a module in every register, for ever. */
static void hold(u32 address) noreturn;
static void hold(u32 address)
{
	__asm__ volatile("movl %%eax, %%ebx; movl %%eax, %%ecx; movl %%eax, %%edx; movl %%eax, %%esi;"
	                 "movl %%eax, %%edi; movl %%eax, %%ebp; 1: jmp 1b" :: "a"(address));
	__builtin_unreachable();
}

/* -- messages ----------------------------------------------------------------------------------------------------- */

static char page[64] = "granted";

/* Child: a few calls, each of which the parent treats in its own way. */
static int do_calls(void)
{
	struct message m = { 1, address(page), 8, 0 };

	CHECK(ipc_call(HANDLE_SERVICE, MSG_GRANT_READ, &m) == 0 && m.w0 == 101);
	m = (struct message){ 2, address(page), 8, 0 };
	CHECK(ipc_call(HANDLE_SERVICE, MSG_GRANT_WRITE, &m) == 0 && streq(page, "written"));
	m = (struct message){ 3, 0, HANDLE_SERVICE, 0 };	/* gives a handle, and gets one back */
	CHECK(ipc_call(HANDLE_SERVICE, MSG_GIVE, &m) == 0 && m.gift == m.w2 && m.gift >= HANDLE_FIRST_FREE);
	CHECK(syscall(SYS_NOTIFY, m.w2, 4, 0, 0) == 0);
	m = (struct message){ 5, 0, 0, 0 };		/* answered late */
	CHECK(ipc_call(HANDLE_SERVICE, 0, &m) == 0 && m.w0 == 105);
	m = (struct message){ 6, 0, 0, 0 };		/* forgotten */
	CHECK(ipc_call(HANDLE_SERVICE, 0, &m) == -EPIPE);
	m = (struct message){ 7, 0, 0, 0 };		/* saved, and the handle closed */
	CHECK(ipc_call(HANDLE_SERVICE, 0, &m) == -EPIPE);
	m = (struct message){ 8, 0, 4000, 0 };		/* gives what it has not */
	CHECK(ipc_call(HANDLE_SERVICE, MSG_GIVE, &m) == -EBADF);
	m = (struct message){ 9, 0, 0, 0 };		/* the endpoint ends */
	CHECK(ipc_call(HANDLE_SERVICE, 0, &m) == -EPIPE);
	CHECK(ipc_call(HANDLE_SERVICE, 0, &m) == -EPIPE);
	return 9;
}

static struct message got;
static int receive(void)
{
	u32 ebx = calls;

	return syscall_words(SYS_RECEIVE, &ebx, &got.w0, &got.w1, &got.w2);
}

static int reply(u32 handle, u32 w0, u32 w2) { return syscall(SYS_REPLY, handle, w0, 0, w2); }

static int test_messages(void)
{
	char buf[16] = "";
	int process, saved;

	process = child("ring3 calls");
	CHECK(process > 0);
	CHECK(receive() == GOT_CALL && got.w0 == 1);
	CHECK(syscall(SYS_COPY, 0, 0, address(buf), 16) == 8 && streq(buf, "granted"));
	CHECK(syscall(SYS_COPY, 0, 9, address(buf), 1) == -EINVAL);
	CHECK(syscall(SYS_COPY, COPY_TO_CALLER, 0, address(buf), 8) == -EPERM);
	CHECK(syscall(SYS_COPY, 0, 0, KERNEL_TEXT, 8) == -EFAULT);
	CHECK(reply(0, 101, 0) == 0);
	CHECK(syscall(SYS_COPY, 0, 0, address(buf), 8) == -ESRCH);	/* over with the answer */
	CHECK(receive() == GOT_CALL && got.w0 == 2);
	CHECK(syscall(SYS_COPY, COPY_TO_CALLER, 0, address("written"), 8) == 8);
	CHECK(reply(0, 0, 0) == 0);
	CHECK(receive() == GOT_GIFT && got.w0 == 3 && got.w2 >= HANDLE_FIRST_FREE);
	CHECK(syscall(SYS_REPLY, MSG_GIVE, 0, 0, got.w2) == 0);
	handle_close(got.w2);
	CHECK(receive() == GOT_NOTIFICATION && got.w0 == 4);
	CHECK(receive() == GOT_CALL && got.w0 == 5);
	saved = syscall(SYS_SAVE_CALLER, 0, 0, 0, 0);
	CHECK(saved > 0 && syscall(SYS_SAVE_CALLER, 0, 0, 0, 0) == -ESRCH);
	CHECK(handle_dup((u32)saved, RIGHTS_ALL, 0) == -EPERM);
	CHECK(reply((u32)saved, 105, 0) == 0 && reply((u32)saved, 105, 0) == -EBADF);
	CHECK(receive() == GOT_CALL && got.w0 == 6);
	CHECK(receive() == GOT_CALL && got.w0 == 7);
	saved = syscall(SYS_SAVE_CALLER, 0, 0, 0, 0);
	handle_close((u32)saved);
	CHECK(receive() == GOT_CALL && got.w0 == 9);	/* 8 never came */
	handle_close(calls);
	CHECK(reply(0, 0, 0) == 0);		/* still answered: w0 9 is who is served */
	handle_close((u32)process);
	return 0;
}

/* -- ends of others, in every state -------------------------------------------------------------------------------- */

static void do_state(const char *state) noreturn;
static void do_state(const char *state)
{
	struct message m = { 1, 0, 0, 0 };
	u32 ebx = 0, own = (u32)endpoint_create();

	(void)syscall(SYS_NOTIFY, HANDLE_SERVICE, 2, 0, 0);	/* it is time */
	if (streq(state, "sleeping"))
		(void)syscall(SYS_SLEEP, 0, 60000000, 0, 0);
	if (streq(state, "receiving"))
		(void)syscall_words(SYS_RECEIVE, (ebx = own, &ebx), &m.w0, &m.w1, &m.w2);
	if (streq(state, "calling") || streq(state, "queued"))
		(void)!ipc_call(streq(state, "queued") ? own : HANDLE_SERVICE, 0, &m);
	for (;;)
		zero++;
}

static int end_in_state(const char *what, bool served)
{
	int process = child(what);

	CHECK(process > 0);
	CHECK(receive() == GOT_NOTIFICATION && got.w0 == 2);
	if (served)
		CHECK(receive() == GOT_CALL && got.w0 == 1);
	process_end((u32)process, 42);
	if (served) {
		/* Its end and our answer meet somewhere; the answer is no error. */
		CHECK(reply(0, 0, 0) == 0);
	}
	CHECK(end_of(process) == 42);
	return 0;
}

static int test_ends(void)
{
	int process, err = 0;

	for (u32 i = 0; i < 5 && !err; i++) {
		err = err ? err : end_in_state("ring3 state running", false);
		err = err ? err : end_in_state("ring3 state sleeping", false);
		err = err ? err : end_in_state("ring3 state receiving", false);
		err = err ? err : end_in_state("ring3 state queued", false);
		err = err ? err : end_in_state("ring3 state calling", true);
	}
	CHECK(!err);
	/* Never started: its handle is enough to end it, or our own end does. */
	struct process_args a = { .name = address("ring3"), .name_len = 5 };
	process = syscall(SYS_PROCESS, HANDLE_KERNEL, address(&a), 0, 0);
	CHECK(process > 0);
	process_end((u32)process, 1);
	CHECK(syscall(SYS_PROCESS_START, (u32)process, 0, 0, 0) < 0);
	CHECK(syscall(SYS_PROCESS, HANDLE_KERNEL, address(&a), 0, 0) > 0);
	return 0;
}

PROGRAM_HELP("ring3 TEST", "what ring 3 must not be able to do; run by the in-kernel tests");

/* -- which ------------------------------------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*fn)(void); } tests[] = {
		{ "forbidden", test_forbidden }, { "entry", test_entry }, { "pointers", test_pointers },
		{ "authority", test_authority }, { "memory", test_memory }, { "threads", test_threads },
		{ "ports", test_ports }, { "irq", test_irq }, { "info", test_info },
		{ "messages", test_messages }, { "ends", test_ends }, { "calls", do_calls },
	};

	if (argc > 2 && streq(argv[1], "do"))
		return do_forbidden(argv[2]);
	u32 held;
	if (argc > 2 && streq(argv[1], "hold") && !parse_u32(argv[2], &held))
		hold(held);
	if (argc > 2 && streq(argv[1], "state"))
		do_state(argv[2]);
	if (argc > 1 && streq(argv[1], "threads-exit"))
		return do_threads(false);
	if (argc > 1 && streq(argv[1], "threads-run-off"))
		return do_threads(true);
	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(tests); i++) {
		if (!streq(argv[1], tests[i].name))
			continue;
		if (tests[i].fn != do_calls)
			calls = (u32)endpoint_create();
		return tests[i].fn();
	}
	printf("ring3: started by the kernel's command `test`\n");
	return -EINVAL;
}
