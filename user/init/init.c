#include "user/init/init.h"
#include "user/lib/fault.h"
#include "user/lib/program_help.h"
#include "user/lib/stdio.h"

u32 init_endpoint;

/* The name of a service or program, out of what the caller granted. */
int read_name(const struct call *c, struct service_name *out)
{
	if (c->w2 != sizeof(*out))
		return -EINVAL;
	int got = ipc_copy_in(0, out, sizeof(*out));
	if (got < 0)
		return got;
	out->name[sizeof(out->name) - 1] = '\0';
	return 0;
}

static int start_or_stop(const struct call *c)
{
	struct service_name name;

	if (c->badge != BADGE_CONTROL)
		return -EPERM;
	int err = read_name(c, &name);
	if (err)
		return err;
	return c->w0 == INIT_START ? start_program(name.name, name.authority) : stop_program(name.name);
}

static int answer(struct call *c)
{
	if (c->badge >= BADGE_FAULT)
		return note_fault(c->badge - BADGE_FAULT, c);
	switch (c->w0 & 0xff) {
	case INIT_LOOKUP: return answer_lookup(c, false);
	case INIT_WAIT:   return answer_lookup(c, true);
	case INIT_LIST:   return answer_list(c->w0 >> 8);
	case INIT_START:
	case INIT_STOP:   return start_or_stop(c);
	default:          return -ENOSYS;
	}
}

static void notified(u32 bits)
{
	if (bits & BIT_GONE)
		forget_waiters();
	look_after_all();
}

/* Without one of these there is nobody to talk to: init ends, and the kernel says so. */
static int start_at_boot(void)
{
	int err = 0;

	for (u32 i = 0; i < table_len && !err; i++) {
		if (table[i].at_boot)
			err = start_program(table[i].program, 0);
		if (err)
			printf("init: %s, which is started at boot: %s\n", table[i].program, errno_name(err));
	}
	return err;
}

PROGRAM_HELP("", "the first program: starts the prompt and servers, and again when they fail");

int main(int argc, char **argv)
{
	(void)argc, (void)argv;
	int endpoint = endpoint_create();
	if (endpoint < 0)
		return endpoint;
	init_endpoint = (u32)endpoint;
	int err = start_at_boot();
	if (err)
		return err;
	return serve(&(struct server){ .endpoint = init_endpoint, .call = answer, .notified = notified });
}
