/* Where a thread of ring 3 may enter a module.
 *
 * An inspection takes a word on a kernel stack that looks like an address of the module for
 * one. Ring 3 could keep every module in the kernel by a number that lies on its kernel stack
 * while it waits: the length of a sleep, the words of a call. So the stack of such a thread is
 * not read at all, unless the thread is in call_inside(); and then from there down only:
 *
 *	task_stack_top()  registers of ring 3
 *	                  sys_ioctl(): words of ring 3
 *	task->scan_top    call_inside()			<- inspections stop here
 *	                  file_ioctl(), the driver's ioctl()
 *	                  with_registers_on_stack()
 *	task->sp          switch_stacks()		<- and begin here
 *
 *	outside of call_inside():  scan_top == stack, the lowest byte: nothing is read
 *
 * That loses nobody. Every way into a module asserts stack_is_read() (sched/task.h), so a thread
 * that is outside of call_inside() executes no module, and no function of the core that runs
 * there keeps an address of one. An interrupt handler of a module that runs on top of it does
 * so with interrupts off, and so has returned before its CPU switches or parks; a CPU that
 * answers an IPI in the middle of a handler reads the whole stack (look_at_self()).
 *
 * The numbers that go through the door into a module are refused if they look like addresses
 * of one (looks_like_module()), and text is ASCII (copy_ascii_from_user()), four bytes of which
 * are no such address. */
#pragma once
#include "lib/types.h"

/* Task context; may be nested. What fn() returns. A thread that ends in there never returns:
 * see task_is_outside(). */
int call_inside(int (*fn)(void *arg), void *arg);

/* Would an inspection take it for an address of a module, some module's margin included? */
bool looks_like_module(u32 number);
