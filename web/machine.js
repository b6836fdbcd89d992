// The machine that v86 emulates: the same for the page, for tools/v86.mjs, and for the state that one saves
// and the other restores.

export const PROMPT = "quiesce> ";
export const MONITOR = "monitor> ";	// behind a panic
// What the kernel says last: behind it v86 has nothing more to run, or would start the old memory again.
export const FAREWELL = /^quiesce: (?:exit status (\d+)|reboot)$/;

// rom, kernel, archive, disk, cdrom, state: {buffer} or {url}; bytes: of memory.
export function machine({ wasm, bios, vgaBios, kernel, archive, cmdline = "", cdrom, disk, state, bytes = 64 << 20 }) {
	return {
		wasm_path: wasm,
		bios,
		vga_bios: vgaBios,
		// Without it there are no ACPI tables and no APICs, and the kernel ends in a panic.
		acpi: true,
		memory_size: bytes,
		vga_memory_size: 8 << 20,
		// As a multiboot loader: kernel and boot archive.
		multiboot: kernel,
		initrd: archive,
		cmdline,
		cdrom,
		hda: disk,
		boot_order: cdrom ? 0x123 : 0x312,	// CD, or disk, first
		initial_state: state,
		disable_speaker: true,
		disable_mouse: true,
		autostart: true,
	};
}

// Calls byte(character) for each that comes out of the serial port, line(text) for each whole line, and prompt(text)
// when it is one of the two prompts.
export function listen(emulator, { byte, line, prompt }) {
	let text = "";
	emulator.add_listener("serial0-output-byte", (value) => {
		const character = String.fromCharCode(value);
		byte?.(character);
		if (character !== "\n") {
			text += character;
			if (text === PROMPT || text === MONITOR)
				prompt?.(text);
			return;
		}
		line?.(text.replace(/\x1b\[[0-9;]*[A-Za-z]|\r/g, ""));
		text = "";
	});
}
