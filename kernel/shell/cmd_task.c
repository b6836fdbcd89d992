/* Tasks and CPUs at the prompt. */
#include "shell/commands.h"
#include "lib/format.h"
#include "lib/math64.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/wait.h"
#include "user/process.h"
#include "x86/clock.h"
#include "x86/console.h"

#define MAX_ROWS 256

/* A copy of what ps shows: printing under tasklist_lock would hold everybody up. */
struct row {
	u32 id, cpu, prio;
	u64 run;			/* TSC cycles */
	char name[TASK_NAME_LEN], state[12], waiting_for[WAIT_NAME_LEN];
};

static u32 snapshot(struct row *rows, u32 max)
{
	struct task *t;
	u32 n = 0;

	u32 flags = spin_lock_irqsave(&tasklist_lock);
	list_for_each(t, &tasklist, all_node) {
		if (n == max)
			break;
		struct row *r = &rows[n++];
		*r = (struct row){ .id = t->id, .cpu = READ_ONCE(t->cpu), .prio = READ_ONCE(t->prio), .run = task_run_cycles(t) };
		strlcpy(r->name, t->name, sizeof(r->name));
		strlcpy(r->state, task_state_name(t), sizeof(r->state));
		enum task_state state = READ_ONCE(t->state);
		if (state == TASK_SLEEPING || state == TASK_BLOCKED)
			strlcpy(r->waiting_for, t->waiting_for, sizeof(r->waiting_for));
	}
	spin_unlock_irqrestore(&tasklist_lock, flags);
	return n;
}

static int ps_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j");
	int err = reject_options(argc, argv);

	if (err)
		return err;
	struct row *rows = kmalloc(MAX_ROWS * sizeof(*rows));
	if (!rows)
		return shell_error(-ENOMEM, "ps: no memory");
	u32 n = snapshot(rows, MAX_ROWS);
	sync_point("ps:copied");
	if (!json)
		printk("  ID  CPU PRIO  STATE     RUN ms  NAME / WAITS FOR\n");
	for (u32 i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		u32 ms = (u32)div_u64(tsc_to_ns(r->run), NSEC_PER_MSEC);
		if (json) {
			struct json j;
			json_begin(&j);
			json_u64(&j, "id", r->id);
			json_str(&j, "name", r->name);
			json_str(&j, "state", r->state);
			json_u64(&j, "cpu", r->cpu);
			json_u64(&j, "prio", r->prio);
			json_u64(&j, "run_ms", ms);
			json_str(&j, "waits_for", r->waiting_for);
			json_end(&j);
		} else {
			printk("%4u  %3u  %3u  %-9s %6u  %s%s%s\n", r->id, r->cpu, r->prio, r->state, ms,
			       r->name, r->waiting_for[0] ? " / " : "", r->waiting_for);
		}
	}
	u32 all = READ_ONCE(nr_tasks);
	if (n < all && !json)
		printk("and %u more\n", all - n);
	kfree(rows);
	return 0;
}

const struct command ps_command = { "ps", "ps [-j]", "list the tasks", ps_run, NULL };

/* -- top ------------------------------------------------------------------------------ */

#define TOP_ROWS 12

static const struct row *find_row(const struct row *rows, u32 n, u32 id)
{
	for (u32 i = 0; i < n; i++) {
		if (rows[i].id == id)
			return &rows[i];
	}
	return NULL;
}

/* Turns the run times of `now` into what was used since `before`, biggest first. */
static void differences(struct row *now, u32 n, const struct row *before, u32 n_before)
{
	for (u32 i = 0; i < n; i++) {
		const struct row *old = find_row(before, n_before, now[i].id);
		if (old)
			now[i].run -= MIN(old->run, now[i].run);
	}
	for (u32 i = 1; i < n; i++) {
		struct row r = now[i];
		u32 k = i;
		for (; k && now[k - 1].run < r.run; k--)
			now[k] = now[k - 1];
		now[k] = r;
	}
}

static u32 permille(u64 part, u64 whole)
{
	while (whole > 0x3fffff) {
		whole >>= 1;
		part >>= 1;
	}
	return whole ? (u32)part * 1000 / (u32)whole : 0;
}

static void show_top(const struct row *rows, u32 n, u64 cycles)
{
	for (u32 i = 0; i < MIN(n, TOP_ROWS); i++) {
		u32 share = permille(rows[i].run, cycles);
		printk("%4u  %3u  %3u  %-9s %3u.%u %%  %s\n", rows[i].id, rows[i].cpu, rows[i].prio,
		       rows[i].state, share / 10, share % 10, rows[i].name);
	}
}

static int top_run(int argc, char **argv)
{
	u32 rounds = 1, n, n_before;
	bool missing;
	const char *count = take_option(&argc, argv, "-n", &missing);

	if (missing || (count && parse_u32(count, &rounds)))
		return shell_error(-EINVAL, "top: -n wants a number of rounds");
	int err = reject_options(argc, argv);
	if (err)
		return err;
	struct row *now = kmalloc(2 * MAX_ROWS * sizeof(*now)), *before = now + MAX_ROWS;
	if (!now)
		return shell_error(-ENOMEM, "top: no memory");
	while (rounds-- && !shell_interrupted()) {
		u64 start = rdtsc();
		n_before = snapshot(before, MAX_ROWS);
		if (sleep_interruptible_ns(NSEC_PER_SEC))
			break;
		n = snapshot(now, MAX_ROWS);
		differences(now, n, before, n_before);
		printk("  ID  CPU PRIO  STATE     OF CPU   NAME (over 1 s)\n");
		show_top(now, n, rdtsc() - start);
	}
	kfree(now);
	return 0;
}

const struct command top_command = {
	"top", "top [-n ROUNDS]", "the busiest tasks, a second a round", top_run, NULL,
};

/* -- kill ------------------------------------------------------------------------------ */

static int kill_run(int argc, char **argv)
{
	u32 id;

	if (argc != 2)
		return usage_error("kill");
	if (parse_u32(argv[1], &id))
		return shell_error(-EINVAL, "kill: %s is not a task's number; `ps` shows them", argv[1]);
	struct task *t = task_find(id);
	if (!t)
		return shell_error(-ESRCH, "kill: there is no task %u; `ps` shows them", id);
	int err = 0;
	if (!process_end_of_thread(t, -EINTR) && task_kill(t))
		err = shell_error(-ENOTSUP, "kill: task %u (%s) is the kernel's own and never ends", id, t->name);
	task_put(t);
	return err;
}

const struct command kill_command = {
	"kill", "kill TASK", "ask a task to end: its waits return", kill_run, NULL,
};

/* -- cpus ------------------------------------------------------------------------------- */

static int cpus_run(int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "-j");
	int err = reject_options(argc, argv);

	if (err)
		return err;
	if (!json)
		printk("CPU  APIC  TICKS    IRQS     IPIS     NMIS\n");
	for (u32 i = 0; i < nr_cpus; i++) {
		const struct cpu *c = cpus[i];
		struct json j;
		if (!json) {
			printk("%3u  %4u  %-8u %-8u %-8u %u\n", c->id, c->apic_id, (u32)c->tick_seq,
			       c->irq_count, c->ipi_count, c->nmi_count);
			continue;
		}
		json_begin(&j);
		json_u64(&j, "cpu", c->id);
		json_u64(&j, "apic_id", c->apic_id);
		json_u64(&j, "ticks", (u32)c->tick_seq);
		json_u64(&j, "irqs", c->irq_count);
		json_u64(&j, "ipis", c->ipi_count);
		json_u64(&j, "nmis", c->nmi_count);
		json_end(&j);
	}
	return 0;
}

const struct command cpus_command = { "cpus", "cpus [-j]", "list the CPUs", cpus_run, NULL };
