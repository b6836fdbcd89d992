// node tools/v86.mjs NPM BIOS VGABIOS OPTION...: boots Quiesce in v86; the serial port is stdin and stdout.
//
//     --kernel FILE  --archive FILE  --cmdline TEXT    without a boot loader
//     --cdrom FILE.iso  |  --disk FILE.iso             by GRUB
//     --mem MIB                                        memory (64)
//     --type TEXT                                      typed at the first prompt, with a line feed behind it
//     --save FILE                                      at the first prompt that finds nothing to type: the machine's
//                                                      state, for the page of `make web`; then it ends. With 1
//                                                      at a panic
//
// NPM is the folder where tools/npm has installed v86. Ends when the guest has switched itself off, with the
// status that it told.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { FAREWELL, PROMPT, listen, machine } from "../web/machine.js";

const [npm, bios, vgaBios, ...words] = process.argv.slice(2);
const option = {};
while (words.length > 1)
	option[words.shift().replace(/^--/, "")] = words.shift();

const v86 = path.join(npm, "node_modules/v86/build");
const { V86 } = await import(pathToFileURL(path.join(v86, "libv86.mjs")));

// An ArrayBuffer of its own: Node's small ones lie in a common pool.
const file = (name) => name && { buffer: new Uint8Array(fs.readFileSync(name)).buffer };

console.log = console.error;		// v86's remarks; stdout is the guest's

const emulator = new V86(machine({
	wasm: path.join(v86, "v86.wasm"),
	bios: file(bios),
	vgaBios: file(vgaBios),
	kernel: file(option.kernel),
	archive: file(option.archive),
	cmdline: option.cmdline,
	cdrom: file(option.cdrom),
	disk: file(option.disk),
	bytes: Number(option.mem ?? 64) << 20,
}));

async function save() {
	await emulator.stop();
	fs.writeFileSync(option.save, new Uint8Array(await emulator.save_state()));
	process.exit(0);
}

function atPrompt(prompt) {
	if (prompt !== PROMPT) {
		if (option.save)
			end(1);		// a panic is nothing to be saved
		return;
	}
	const text = option.type;
	delete option.type;
	if (text !== undefined)
		emulator.serial0_send(text + "\n");
	else if (option.save)
		save();
}

function end(status) {
	process.stdout.write("", () => process.exit(status));	// behind what is still to be written
}

listen(emulator, {
	byte: (character) => process.stdout.write(Buffer.from(character, "latin1")),
	line: (text) => {
		const last = FAREWELL.exec(text);
		if (last)
			end(Number(last[1] ?? 0));
	},
	prompt: atPrompt,
});

// v86 throws it when the kernel writes to QEMU's exit port, which it does after its last line.
process.on("uncaughtException", (error) => {
	if (error !== "HALT") {
		console.error(error);
		process.exit(1);
	}
});

process.stdin.on("data", (typed) => emulator.serial_send_bytes(0, typed));
process.stdin.on("end", () => process.stdin.unref?.());
