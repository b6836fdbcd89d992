/* System calls of the machine and its laboratory: commands, information, power. */
#include "entry/chrdev.h"
#include "entry/notifier.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "module/module.h"
#include "sched/sched.h"
#include "shell/commands.h"
#include "smp/races.h"
#include "user/inside.h"
#include "user/syscall.h"
#include "user/uaccess.h"
#include "x86/bootinfo.h"
#include "x86/console.h"
#include "x86/last_log.h"
#include "x86/machine.h"

/* -- the laboratory ---------------------------------------------------------------------- */

static int command_inside(void *line) { return shell_run_line(line); }

/* Room for the longest line, which is too much for a kernel stack. */
static int sys_command(struct regs *r)
{
	const u32 size = sizeof(boot_info.cmdline);
	int err = authority(r->ebx, AUTH_LAB);
	char *line;

	if (err)
		return err;
	line = kmalloc(size);
	if (!line)
		return -ENOMEM;
	err = copy_ascii_from_user(line, size, r->esi, r->edi);
	if (!err)
		err = call_inside(command_inside, line);
	kfree(line);
	if (shell_interrupted())
		WRITE_ONCE(current->killed, true);	/* now it may end */
	return err;
}

/* -- information --------------------------------------------------------------------------- */

/* One answer on its way to ring 3: a structure, or text. */
union answer {
	struct info_command command;
	struct info_device device;
	struct info_task task;
	char text[sizeof(boot_info.cmdline)];
};

static bool nth_command(u32 i, struct info_command *out)
{
	if (i >= nr_commands)
		return false;
	strlcpy(out->name, commands[i]->name, sizeof(out->name));
	strlcpy(out->usage, commands[i]->usage, sizeof(out->usage));
	strlcpy(out->gist, commands[i]->gist, sizeof(out->gist));
	return true;
}

static bool nth_module(u32 i, char *text, u32 size)
{
	struct module *m;
	bool found = false;

	mutex_lock(&modules_mutex);
	list_for_each(m, &modules, node) {
		if (!found && !i--) {
			strlcpy(text, m->owner.name, size);
			found = true;
		}
	}
	mutex_unlock(&modules_mutex);
	return found;
}

static bool nth_file(u32 i, char *text, u32 size)
{
	u32 bytes, nr_modules = 0;

	if (archive_nth(i, text, size - 3, &bytes)) {
		strlcpy(text + strlen(text), ".ko", 4);
		return true;
	}
	while (archive_nth(nr_modules, text, size, &bytes))
		nr_modules++;
	return archive_nth_program(i - nr_modules, text, size, &bytes);
}

static bool nth_device(u32 i, struct info_device *out)
{
	return chrdev_nth(i, out->name, sizeof(out->name), out->module, sizeof(out->module));
}

/* A thread that ends takes itself off t->user without a lock, and goes behind ipc_lock
 * (thread_exit): read once, it is there for as long as that is held. */
static bool nth_task(u32 i, struct info_task *out)
{
	u32 flags = spin_lock_irqsave(&ipc_lock);
	struct task *t;
	bool found = false;

	spin_lock(&tasklist_lock);
	list_for_each(t, &tasklist, all_node) {
		if (i--)
			continue;
		*out = (struct info_task){ .id = t->id, .state = READ_ONCE(t->state), .prio = READ_ONCE(t->prio),
		                           .cpu = READ_ONCE(t->cpu) };
		const struct user_thread *user = READ_ONCE(t->user);
		out->process = user ? to_process(user->process)->id : 0;
		strlcpy(out->name, t->name, sizeof(out->name));
		found = true;
		break;
	}
	spin_unlock(&tasklist_lock);
	spin_unlock_irqrestore(&ipc_lock, flags);
	return found;
}

/* The name that came in the buffer. */
static int asked_name(const struct info_args *a, char *name, u32 size)
{
	memset(name, 0, size);
	return copy_from_user(name, a->buffer, MIN(a->size, size - 1));
}

static int boot_option(const struct info_args *a, char *text, u32 size)
{
	char name[32];
	int err = asked_name(a, name, sizeof(name));

	return err ? err : cmdline_get(boot_info.cmdline, name, text, size) >= 0 ? 0 : -ENOENT;
}

static int program_help(const struct info_args *a, struct info_command *out)
{
	char name[sizeof(out->name)];
	int err = asked_name(a, name, sizeof(name));

	return err ? err : exec_help(name, out);
}

static int completion(const struct info_args *a, char *text, u32 size)
{
	const struct command *c;
	char name[24];
	int err = asked_name(a, name, sizeof(name));

	if (err)
		return err;
	c = command_find(name);
	return c && c->complete && c->complete(a->index, text, size) ? 0 : -ENOENT;
}

static bool nth_keyboard(u32 i, char *text, u32 size)
{
	strlcpy(text, "PS/2", size);
	return i == 0 && console_source_present(CONSOLE_KEYBOARD);
}

static int ok(bool found) { return found ? 0 : -ENOENT; }

/* 0; *len: bytes of a structure, 0: it is text. */
static int find_info(u32 what, const struct info_args *a, union answer *out, u32 *len)
{
	u32 size = sizeof(out->text);

	*len = 0;
	switch (what) {
	case INFO_COMMAND:
		*len = sizeof(out->command);
		return ok(nth_command(a->index, &out->command));
	case INFO_PROGRAM:
		*len = sizeof(out->command);
		return program_help(a, &out->command);
	case INFO_TASK:
		*len = sizeof(out->task);
		return ok(nth_task(a->index, &out->task));
	case INFO_DEVICE:
		*len = sizeof(out->device);
		return ok(nth_device(a->index, &out->device));
	case INFO_MODULE:      return ok(nth_module(a->index, out->text, size));
	case INFO_ARCHIVE:     return ok(nth_file(a->index, out->text, size));
	case INFO_BOOT_OPTION: return boot_option(a, out->text, size);
	case INFO_COMPLETION:  return completion(a, out->text, size);
	case INFO_KEYBOARD:    return ok(nth_keyboard(a->index, out->text, size));
	default:               return -EINVAL;
	}
}

static int sys_info(struct regs *r)
{
	struct info_args a;
	union answer out = { 0 };
	u32 len;
	int err = authority(r->ebx, AUTH_INFO);

	if (!err)
		err = copy_from_user(&a, r->edi, sizeof(a));
	if (!err)
		err = find_info(r->esi, &a, &out, &len);
	if (err)
		return err;
	if (!len)
		len = strlen(out.text) + 1;
	return len <= a.size ? copy_to_user(a.buffer, &out, len) : -ENAMETOOLONG;
}

/* -- power ------------------------------------------------------------------------------------ */

static int reboot_inside(void *status)
{
	notifier_call(&reboot_chain, *(u32 *)status, NULL);
	return 0;
}

static int sys_power(struct regs *r)
{
	int err = authority(r->ebx, AUTH_POWER);

	u32 status = MIN(r->edi, 123u);

	if (!err && r->esi != POWER_OFF && r->esi != POWER_REBOOT)
		err = -EINVAL;
	if (err)
		return err;
	(void)call_inside(reboot_inside, &status);
	last_log_drop();
	if (r->esi == POWER_REBOOT)
		machine_reboot();
	races_report();
	machine_poweroff(status);
}

void shell_init_syscalls(void)
{
	console_init_syscalls();
	syscall_set(SYS_COMMAND, sys_command);
	syscall_set(SYS_INFO, sys_info);
	syscall_set(SYS_POWER, sys_power);
}
