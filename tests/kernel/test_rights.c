/* Authority of processes, and what is left of those that have ended: the program user/tests/rights.c
 * tries it, and a balance sheet is taken before and after. */
#include "mm/kmap.h"
#include "shell/ktest.h"
#include "tests.h"

static int run_rights(const char *args) { return run_test_program("rights", args); }

int test_rights_masks(void) { return run_rights("rights masks"); }
int test_rights_turns(void) { return run_rights("rights turns"); }
int test_rights_calls(void) { return run_rights("rights calls"); }
int test_rights_alarm(void) { return run_rights("rights alarm"); }
int test_rights_servers(void) { return run_rights("rights servers"); }
int test_rights_receive(void) { return run_rights("rights receive"); }
int test_rights_watch(void) { return run_rights("rights watch"); }
int test_rights_gone(void) { return run_rights("rights gone"); }
int test_rights_lent(void) { return run_rights("rights lent"); }
int test_rights_close(void) { return run_rights("rights close"); }
int test_rights_flags(void) { return run_rights("rights flags"); }
int test_rights_twice(void) { return run_rights("rights twice"); }
int test_rights_family(void) { return run_rights("rights family"); }
int test_rights_task_end(void) { return run_rights("rights task-end"); }
int test_rights_wx(void) { return run_rights("rights wx"); }
int test_rights_copy_ends(void) { return run_rights("rights copied"); }

int test_rights_load_from_memory(void) { return run_test_program("carrier", "carrier"); }

/* 305 threads at once; what the cache keeps of their stacks is little, and the same afterwards. */
int test_rights_stacks_come_back(void)
{
	int err = run_rights("rights stacks");

	CHECK(!err);
	CHECK(stack_cached() <= 128 + 8);	/* those of the last ones may still be on their way */
	return 0;
}
