/* The IPI layer: who is asked answers, who does not is named, and an answer
 * that comes too late is none. */
#include "lib/errno.h"
#include "mm/frame.h"
#include "mm/kmap.h"
#include "mm/modspace.h"
#include "sched/sched.h"
#include "shell/ktest.h"
#include "smp/ipi.h"
#include "tests/kernel/tests.h"
#include "x86/atomic.h"
#include "x86/clock.h"
#include "x86/paging.h"

#define PATIENCE (10 * NSEC_PER_SEC)

/* Many calls make a race likely; but under an emulator with more CPUs than its
 * host each may take milliseconds, so time bounds them as well. */
#define MANY_CALLS 2000
#define LONG_ENOUGH (2 * NSEC_PER_SEC)

/* -- tasks on other CPUs -------------------------------------------------------- */
/* The test stays where it is, so that "another CPU" keeps its meaning. */
static cpumask_t pin(void)
{
	cpumask_t before = current->affinity;
	preempt_disable();
	task_set_affinity(current, CPU_BIT(this_cpu()->id));
	preempt_enable();
	return before;
}

static u32 other_cpu(void)
{
	return (u32)__builtin_ctz((u32)cpus_others());
}

static bool alone(void)
{
	if (cpus_others())
		return false;
	printk("one CPU only: nobody to call\n");
	return true;
}

static int finish(struct task *t)
{
	int err = task_join(t, clock_ns() + PATIENCE);
	task_put(t);
	return err;
}

/* Runs fn(arg) in a task on each CPU at once and waits for all of them. */
static int on_every_cpu(void (*fn)(void *), void *arg)
{
	struct task *t[NR_CPUS];
	int err = 0;
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		t[cpu] = task_create_on(cpu, "ipi-test", PRIO_HIGH, fn, arg);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		int e = IS_ERR(t[cpu]) ? PTR_ERR(t[cpu]) : finish(t[cpu]);
		err = err ? err : e;
	}
	return err;
}

static bool wait_for(const volatile u32 *flag, u32 value)
{
	u64 deadline = clock_ns() + PATIENCE;
	while (*flag != value) {
		if (clock_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

static u32 count_cpus(cpumask_t mask)
{
	u32 n = 0;
	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

/* -- everybody answers once -------------------------------------------------------- */
struct roll_call {
	u32 answers[NR_CPUS];
	bool wrong_context;
};

static void answer_roll_call(void *arg, const struct regs *regs, u32 sp)
{
	struct roll_call *r = arg;
	r->answers[this_cpu()->id]++;
	if (irqs_enabled() || !in_interrupt() || !sp || (regs && sp != (u32)regs))
		r->wrong_context = true;
}

static int roll_call(void)
{
	static struct roll_call r;
	r = (struct roll_call){ 0 };
	CHECK(smp_call(cpus_online, answer_roll_call, &r, PATIENCE) == 0);
	CHECK(!r.wrong_context);
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		CHECK(r.answers[cpu] == (cpu != this_cpu()->id));
	CHECK(smp_call(0, answer_roll_call, &r, PATIENCE) == 0);
	return 0;
}

int test_ipi_call_reaches_all(void)
{
	cpumask_t affinity = pin();
	u32 before = ipi_broadcasts();
	int err = roll_call();
	if (!err && nr_cpus > 1 && ipi_broadcasts() != before + 1) {
		printk("%u broadcasts for one call of all\n", ipi_broadcasts() - before);
		err = -EIO;
	}
	task_set_affinity(current, affinity);
	return err;
}

/* -- all call all at once -------------------------------------------------------- */
struct crowd {
	u32 calls;		/* atomic */
	u32 hits;		/* atomic */
	u32 silent;		/* atomic */
};

static void hit(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs;
	(void)sp;
	struct crowd *c = arg;
	atomic_add(&c->hits, 1);
}

/* Every other call with interrupts off: then only the waiting itself answers. */
static void call_all(void *arg)
{
	struct crowd *c = arg;
	u64 end = clock_ns() + LONG_ENOUGH;
	for (u32 i = 0; i < MANY_CALLS && !clock_passed(end); i++) {
		u32 flags = irq_save();
		if (i & 1)
			irq_restore(flags);
		if (smp_call(cpus_online, hit, c, PATIENCE))
			atomic_add(&c->silent, 1);
		irq_restore(flags);
		atomic_add(&c->calls, 1);
	}
}

int test_ipi_all_call_all(void)
{
	static struct crowd c;
	c = (struct crowd){ 0 };
	CHECK(on_every_cpu(call_all, &c) == 0);
	CHECK(c.silent == 0);
	CHECK(c.calls >= nr_cpus && c.hits == c.calls * (nr_cpus - 1));
	return 0;
}

/* -- a late answer is no answer ---------------------------------------------------- */
struct held {
	volatile u32 spinning;
	volatile u32 release;
};

/* A CPU that answers nothing but NMIs. */
static unchecked void noinline spin_with_interrupts_off(struct held *h)
{
	u32 flags = irq_save();
	h->spinning = 1;
	while (!h->release)
		cpu_relax();
	irq_restore(flags);
}

static void spinner(void *arg)
{
	spin_with_interrupts_off(arg);
}

static void set_flag(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs;
	(void)sp;
	*(u32 *)arg = 1;
}

/* On another CPU a task that switches its interrupts off until it is released. */
static int with_a_deaf_cpu(int (*body)(u32 deaf, struct held *h))
{
	static struct held h;

	if (alone())
		return KTEST_SKIPPED;
	h = (struct held){ 0 };
	cpumask_t affinity = pin();
	u32 deaf = other_cpu();
	struct task *t = task_create_on(deaf, "deaf", PRIO_TOP, spinner, &h);
	int err = IS_ERR(t) ? PTR_ERR(t) : body(deaf, &h);
	h.release = 1;
	int joined = IS_ERR(t) ? 0 : finish(t);
	task_set_affinity(current, affinity);
	return err ? err : joined;
}

static int call_the_deaf(u32 deaf, struct held *h)
{
	static u32 ran;
	ran = 0;
	u64 start = clock_ns();
	CHECK(wait_for(&h->spinning, 1));
	CHECK(smp_call(CPU_BIT(deaf), set_flag, &ran, 5 * NSEC_PER_MSEC) == CPU_BIT(deaf));
	CHECK(clock_ns() - start >= 5 * NSEC_PER_MSEC);
	h->release = 1;
	/* It hears again: what was withdrawn must not run now. */
	static u32 heard;
	heard = 0;
	CHECK(smp_call(CPU_BIT(deaf), set_flag, &heard, PATIENCE) == 0);
	CHECK(heard == 1);
	CHECK(ran == 0);
	return 0;
}

/* It may still reach the page. Two seconds: only when it is named. */
static int shoot_down_at_the_deaf(u32 deaf, struct held *h)
{
	u32 va = modspace_reserve(1);

	CHECK(va && wait_for(&h->spinning, 1));
	cpumask_t silent = tlb_shootdown(va, va + PAGE_SIZE);
	modspace_release(va, 1);
	CHECK(silent == CPU_BIT(deaf));
	return 0;
}

int test_ipi_tlb_names_the_deaf_long(void) { return with_a_deaf_cpu(shoot_down_at_the_deaf); }
int test_ipi_timeout_names_the_deaf(void) { return with_a_deaf_cpu(call_the_deaf); }

/* Deadlines that fall into the middle of answers: each call's hits must be
 * exactly those CPUs that it does not report as silent, and none comes later. */
struct hurried {
	u32 open;		/* atomic */
	u32 hits;		/* atomic */
};

struct hurry {
	u32 late, wrong;	/* atomic */
};
static struct hurry hurry;

static void hit_if_open(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs;
	(void)sp;
	struct hurried *h = arg;
	atomic_add(&h->hits, 1);
	delay_us(2);	/* so that deadlines fall into the middle of it */
	if (!load_acquire(&h->open))
		atomic_add(&hurry.late, 1);
}

static void call_in_a_hurry(void *unused)
{
	static struct hurried mine[NR_CPUS];
	u64 end = clock_ns() + LONG_ENOUGH;
	(void)unused;
	for (u32 i = 0; i < MANY_CALLS && !clock_passed(end); i++) {
		struct hurried *h = &mine[this_cpu()->id];	/* we were created for it */
		cpumask_t others = cpus_others();
		store_release(&h->hits, 0u);
		atomic_xchg(&h->open, 1u);
		cpumask_t silent = smp_call(others, hit_if_open, h, (i % 20) * 500);
		atomic_xchg(&h->open, 0u);
		if (load_acquire(&h->hits) != count_cpus(others & ~silent))
			atomic_add(&hurry.wrong, 1);
	}
}

int test_ipi_late_answer_is_none(void)
{
	hurry = (struct hurry){ 0 };
	CHECK(on_every_cpu(call_in_a_hurry, NULL) == 0);
	CHECK(hurry.late == 0);
	CHECK(hurry.wrong == 0);
	return 0;
}

/* -- what a sample sees ---------------------------------------------------------- */
#define IN_A_REGISTER 0x5a17c0de

struct sample {
	volatile u32 ready;
	volatile u32 release;
	volatile u32 looked;
	u32 found;
	bool had_regs, had_none;
};

/* Is the word in what the asked CPU holds? It looks no further than the page:
 * the task is young and its stack begins at the end of one. */
static void look_for_magic(void *arg, const struct regs *regs, u32 sp)
{
	struct sample *s = arg;
	s->had_regs = regs != NULL && in_interrupt();
	s->had_none = !regs && in_interrupt();		/* it waits, and serves us: an interrupt like any other */
	s->found = 0;
	for (u32 at = sp; at < ALIGN_UP(sp + 1, PAGE_SIZE); at += 4)
		if (*(u32 *)at == IN_A_REGISTER)
			s->found++;
	s->looked = 1;
}

/* The word is in EBX, and nowhere in memory. */
static void hold_in_register(void *arg)
{
	struct sample *s = arg;
	/* Ready only when the word is there. */
	__asm__ volatile("movl $1, (%1); 1: pause; cmpl $0, (%0); je 1b"
	                 :: "r"(&s->release), "r"(&s->ready), "b"(IN_A_REGISTER) : "memory", "cc");
}

static struct sample calling;

/* Not before the look, or the wait might be over before it comes. */
static void answer_behind_look(void *arg, const struct regs *regs, u32 sp)
{
	struct sample *s = arg;
	(void)regs, (void)sp;
	(void)!wait_for(&s->looked, 1);
}

static void call_boot_of_test(void)
{
	calling.ready = 1;
	if (smp_call(cpus_others(), answer_behind_look, &calling, PATIENCE))
		printk("the test's CPU did not answer\n");
}

/* The word is in ESI while this CPU itself waits in smp_call(), interrupts off. */
static void hold_while_calling(void *arg)
{
	(void)arg;
	u32 flags = irq_save();
	__asm__ volatile("call *%0" :: "r"(call_boot_of_test), "S"(IN_A_REGISTER)
	                 : "eax", "ecx", "edx", "memory", "cc");
	irq_restore(flags);
}

static int sample_cpu(u32 cpu, struct sample *s, bool expect_regs)
{
	CHECK(wait_for(&s->ready, 1));
	CHECK(smp_call(CPU_BIT(cpu), look_for_magic, s, PATIENCE) == 0);
	CHECK(expect_regs ? s->had_regs : s->had_none);
	CHECK(s->found >= 1);
	return 0;
}

static int sample_with(void (*fn)(void *), struct sample *s, bool expect_regs)
{
	*s = (struct sample){ 0 };
	u32 cpu = other_cpu();
	struct task *t = task_create_on(cpu, "held", PRIO_TOP, fn, s);
	if (IS_ERR(t))
		return PTR_ERR(t);
	/* Interrupts off: until we call it ourselves we answer nobody. */
	u32 flags = irq_save();
	int err = sample_cpu(cpu, s, expect_regs);
	irq_restore(flags);
	s->release = 1;
	int joined = finish(t);
	return err ? err : joined;
}

int test_ipi_sample_sees_registers(void)
{
	static struct sample s;
	if (alone())
		return KTEST_SKIPPED;
	cpumask_t affinity = pin();
	int err = sample_with(hold_in_register, &s, true);
	if (!err)
		err = sample_with(hold_while_calling, &calling, false);
	task_set_affinity(current, affinity);
	return err;
}

/* -- TLB shootdown ------------------------------------------------------------------ */
struct look { u32 va, sum; };

static void read_word(void *arg, const struct regs *regs, u32 sp)
{
	(void)regs;
	(void)sp;
	struct look *l = arg;
	atomic_add(&l->sum, *(volatile u32 *)l->va);
}

/* The sum of what all CPUs read at `va`. */
static u32 sum_read(u32 va)
{
	struct look l = { va, *(volatile u32 *)va };
	return smp_call(cpus_online, read_word, &l, PATIENCE) ? 0 : l.sum;
}

/* Puts another frame where all CPUs have just read the first. `flush`: how
 * many bytes to shoot down, from the beginning of that page. */
static int swap_frames(u32 va, const paddr_t frame[2], u32 flush)
{
	paddr_t old;
	CHECK(kmap_frame(va, frame[0], PROT_RW) == 0);
	CHECK(sum_read(va) == nr_cpus * 1);
	kmap_unmap(va, 1, &old);
	CHECK(old == frame[0]);
	CHECK(kmap_frame(va, frame[1], PROT_RW) == 0);
	CHECK(tlb_shootdown(va, va + flush) == 0);
	CHECK(sum_read(va) == nr_cpus * 1000);
	kmap_unmap(va, 1, &old);
	CHECK(tlb_shootdown(va, va + PAGE_SIZE) == 0);
	return 0;
}

int test_ipi_tlb_shootdown(void)
{
	paddr_t frame[2] = { frame_alloc(), frame_alloc() };
	u32 va = modspace_reserve(1);
	int err = -ENOMEM;
	if (!frame[0] || !frame[1] || !va)
		goto out;
	*(u32 *)phys_to_virt(frame[0]) = 1;
	*(u32 *)phys_to_virt(frame[1]) = 1000;
	cpumask_t affinity = pin();
	err = swap_frames(va, frame, PAGE_SIZE);
	if (!err)
		err = swap_frames(va, frame, 1);		/* part of a page is all of it */
	if (!err)
		err = swap_frames(va, frame, 1000 * PAGE_SIZE);
	task_set_affinity(current, affinity);
out:
	if (va)
		modspace_release(va, 1);
	for (u32 i = 0; i < 2; i++)
		if (frame[i])
			frame_free(frame[i]);
	return err;
}

/* -- NMI ------------------------------------------------------------------------------- */
static int look_at_the_deaf(u32 deaf, struct held *h)
{
	struct regs seen;
	CHECK(wait_for(&h->spinning, 1));
	for (u32 i = 0; i < 100; i++) {
		CHECK(nmi_look(deaf, &seen, PATIENCE));
		CHECK(seen.eip - (u32)spin_with_interrupts_off < 128);
		CHECK(!(seen.eflags & EFLAGS_IF));
		CHECK(seen.user_esp != 0);
	}
	h->release = 1;
	CHECK(nmi_look(deaf, &seen, PATIENCE));
	CHECK(!nmi_look(this_cpu()->id, &seen, NSEC_PER_MSEC));
	return 0;
}

int test_ipi_nmi_look(void) { return with_a_deaf_cpu(look_at_the_deaf); }

/* -- reschedule ------------------------------------------------------------------------- */
int test_ipi_reschedule_arrives(void)
{
	if (alone())
		return KTEST_SKIPPED;
	cpumask_t affinity = pin();
	struct cpu *target = cpus[other_cpu()];
	u64 deadline = clock_ns() + PATIENCE;
	u32 before = target->ipi_count;
	smp_reschedule(target->id);
	while (READ_ONCE(target->ipi_count) == before && !clock_passed(deadline))
		cpu_relax();
	task_set_affinity(current, affinity);
	CHECK(READ_ONCE(target->ipi_count) != before);
	return 0;
}
