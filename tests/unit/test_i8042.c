// sources: kernel/x86/i8042.c
// cflags: -iquote tests/unit/fake_ports
#include <string.h>
#include "lib/errno.h"
#include "unit.h"
#include "x86/cpu.h"
#include "x86/i8042.h"

/* A controller with a keyboard on its first port, a mouse on the second one, as far as their commands
 * go that i8042.c uses. */
static struct machine {
	bool no_chip, no_keyboard;
	bool asleep;			/* takes no command before its self test */
	bool forgets;			/* the self test resets the configuration */
	bool dead;			/* never takes a byte */
	bool mouse_talks, keys_held;	/* a byte of theirs comes before each answer */
	bool no_result;			/* of the keyboard's reset */
	u32 garbled;			/* so many commands to the keyboard are asked for again */
	/* What it does. */
	u8 config;
	u8 awaits;			/* the command whose argument comes next */
	bool scanning, reset;
	struct { u8 byte; bool mouse; } queue[64];
	u32 queued;
	u32 reads;
} m;

#define FACTORY 0x30			/* both ports off, no translation */

static void say(u8 byte, bool mouse)
{
	assert_in_range(m.queued, 0, 63);
	m.queue[m.queued].byte = byte;
	m.queue[m.queued++].mouse = mouse;
}

static void answer(u8 byte)
{
	if (m.mouse_talks && !(m.config & 0x20))
		say(0x08, true);
	if (m.keys_held && !(m.config & 0x10))
		say(0x1e, false);
	say(byte, false);
}

static void keyboard(u8 byte)
{
	if (m.no_keyboard || m.garbled) {
		m.garbled -= m.garbled > 0;
		answer(0xfe);
		return;
	}
	answer(0xfa);
	if (byte == 0xff) {
		m.reset = true;
		m.scanning = false;	/* until 0xf4 comes, as some do */
		if (!m.no_result)
			say(0xaa, false);
	} else if (byte == 0xf4) {
		m.scanning = true;
	}
}

static void chip(u8 command)
{
	if (m.asleep && command != 0xaa)
		return;
	switch (command) {
	case 0x20: answer(m.config); break;
	case 0x60: m.awaits = command; break;
	case 0xa7: m.config |= 0x20; break;
	case 0xad: m.config |= 0x10; break;
	case 0xae: m.config &= (u8)~0x10; break;
	case 0xaa:
		m.asleep = false;
		m.config = m.forgets ? FACTORY & ~0x20 : m.config;
		answer(0x55);
		break;
	default: fail_msg("a command that no i8042 has: %#x", command);
	}
}

void outb(u16 port, u8 value)
{
	assert_true(port == 0x60 || port == 0x64);
	if (m.no_chip || m.dead)
		return;
	if (port == 0x64)
		chip(value);
	else if (m.awaits == 0x60)
		m.config = value, m.awaits = 0;
	else
		keyboard(value);
}

u8 inb(u16 port)
{
	m.reads++;
	if (m.no_chip)
		return 0xff;
	if (port == 0x64)
		return (u8)((m.queued ? 1 : 0) | (m.dead ? 2 : 0) | (m.queued && m.queue[0].mouse ? 0x20 : 0));
	u8 byte = m.queued ? m.queue[0].byte : 0;
	if (m.queued)
		memmove(m.queue, m.queue + 1, --m.queued * sizeof(m.queue[0]));
	return byte;
}

static bool init(struct machine machine)
{
	m = machine;
	bool found = i8042_init();
	assert_int_equal(found, i8042_present());
	assert_in_range(m.reads, 1, 2500000);		/* a few seconds on a PC, at most */
	return found;
}

/* Translated, no interrupts, mouse held, nothing left over; a key gets through. */
static void expect_ready(void)
{
	assert_int_equal(m.config & 0x73, 0x60);
	assert_true(m.reset && m.scanning);
	assert_int_equal(m.queued, 0);
	assert_int_equal(i8042_read(), -EAGAIN);
	say(0x2a, true);
	say(0x1e, false);
	assert_true(i8042_ready());
	assert_int_equal(i8042_read(), 0x1e);
	assert_false(i8042_ready());
}

static void a_keyboard_as_firmware_leaves_it(void **state)
{
	(void)state;
	assert_true(init((struct machine){ .config = 0x45 }));
	expect_ready();
}

static void an_empty_port_has_no_keyboard(void **state)
{
	(void)state;
	assert_false(init((struct machine){ .config = 0x45, .no_keyboard = true }));
	assert_false(i8042_ready());
	assert_int_equal(i8042_read(), -EAGAIN);
}

static void no_controller_is_seen_at_once(void **state)
{
	(void)state;
	assert_false(init((struct machine){ .no_chip = true }));
	assert_int_equal(m.reads, 1);
	assert_false(init((struct machine){ .dead = true }));
}

static void a_chip_that_fast_boot_left_alone(void **state)
{
	(void)state;
	assert_true(init((struct machine){ .config = FACTORY, .asleep = true, .forgets = true }));
	expect_ready();
	assert_true(init((struct machine){ .config = 0x45, .forgets = true, .mouse_talks = true }));
	expect_ready();
}

static void what_devices_say_meanwhile_is_no_answer(void **state)
{
	(void)state;
	assert_true(init((struct machine){ .config = 0x45, .mouse_talks = true, .keys_held = true }));
	expect_ready();
}

static void a_garbled_command_is_sent_again(void **state)
{
	(void)state;
	assert_true(init((struct machine){ .config = 0x45, .garbled = 2 }));
	expect_ready();
	assert_false(init((struct machine){ .config = 0x45, .garbled = 3 }));
}

static void firmware_that_plays_a_keyboard_tests_nothing(void **state)
{
	(void)state;
	assert_true(init((struct machine){ .config = 0x45, .no_result = true }));
	expect_ready();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keyboard_as_firmware_leaves_it),
		cmocka_unit_test(an_empty_port_has_no_keyboard),
		cmocka_unit_test(no_controller_is_seen_at_once),
		cmocka_unit_test(a_chip_that_fast_boot_left_alone),
		cmocka_unit_test(what_devices_say_meanwhile_is_no_answer),
		cmocka_unit_test(a_garbled_command_is_sent_again),
		cmocka_unit_test(firmware_that_plays_a_keyboard_tests_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
