// The page: a machine that was saved at its prompt, its serial line and screen, and buttons that type.
// What it says is in page.json, which tools/mkweb makes of the docs, the sources and a run.
import { FAREWELL, PROMPT, listen, machine } from "./machine.js";
import { Terminal } from "./xterm.js";
import { V86 } from "./v86.js";

const COLUMNS = 80, ROWS = 24;
const LARGEST = 15;	// px, of the font; page.css has it, too
const byId = (id) => document.getElementById(id);

// -- small things ----------------------------------------------------------------------------------

// An element with these children; `code` in texts becomes an element of its own.
function make(name, attributes, ...children) {
	const element = Object.assign(document.createElement(name), attributes);
	for (const child of children)
		element.append(...(typeof child === "string" ? withCode(child) : [child]));
	return element;
}

function withCode(text) {
	return text.split("`").map((part, i) => i % 2 ? make("code", { textContent: part }) : part);
}

function fill(id, text) {
	byId(id).replaceChildren(...withCode(text));
}

// The whole file; one that is packed (prompt.state) is unpacked here, whatever the server makes of it.
async function load(name) {
	const answer = await fetch(name);
	if (!answer.ok)
		throw new Error(`${name}: the server says ${answer.status} ${answer.statusText}`);
	const data = await answer.arrayBuffer();
	const [first, second] = new Uint8Array(data, 0, 2);
	if (first !== 0x1f || second !== 0x8b)
		return data;
	return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

// -- the machine -----------------------------------------------------------------------------------

let emulator = null;	// null: off
let files = null;	// what it is made of, by name
let page = null;	// page.json

const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, scrollback: 2000, convertEol: true, cursorBlink: true, lineHeight: 1.1,
				fontFamily: getComputedStyle(document.body).getPropertyValue("--mono") });

function say(text, wrong = false) {
	byId("status").textContent = text;
	byId("status").classList.toggle("wrong", wrong);
}

// Which buttons make sense. starting: v86 is being made, and could not be taken away; busy: a command runs; prompt; off.
function show(state) {
	document.body.dataset.state = state;
	for (const button of document.querySelectorAll(".stage button, .stage select, #tour"))
		button.disabled = state !== "prompt";
	byId("interrupt").disabled = state !== "busy";
	byId("restore").disabled = byId("power-on").disabled = state === "starting";
}

async function end() {
	const old = emulator;
	emulator = null;
	await old?.destroy();
}

// Starts a machine, from its saved state or from power-on.
async function start(state) {
	show("starting");
	await end();
	terminal.reset();
	if (state)
		terminal.write(page.boot);
	say(state ? "Going back to the prompt…" : "Booting…");
	const began = performance.now();
	const mine = emulator = new V86({
		...machine({ wasm: "v86.wasm", bios: { buffer: files.bios }, vgaBios: { buffer: files.vgaBios },
			     kernel: { buffer: files.kernel }, archive: { buffer: files.archive },
			     state: state && { buffer: state } }),
		screen: { container: byId("screen") },
	});
	const ready = () => {
		show("prompt");
		const seconds = ((performance.now() - began) / 1000).toFixed(1);
		say(`At the prompt, after ${seconds} s.`);
	};
	mine.add_listener("emulator-ready", () => mine.keyboard_set_enabled(document.activeElement === byId("screen")));
	mine.add_listener("emulator-started", state ? ready : () => show("busy"));
	let prompts = 0;
	listen(mine, {
		byte: (character) => mine === emulator && terminal.write(character),
		line: (text) => mine === emulator && hear(text),
		prompt: (text) => {
			if (mine !== emulator)
				return;
			if (!state && prompts++ === 0 && text === PROMPT)
				ready();
			else
				atPrompt(text);
		},
	});
}

function atPrompt(text) {
	if (text === PROMPT) {
		show("prompt");
		say("At the prompt.");
	} else {
		show("busy");
		say("A panic: this is the monitor. Type help there; reboot starts the machine anew.", true);
	}
}

// The guest's last words. v86 does not load the kernel anew at a reset, so a new machine is made.
function hear(text) {
	const last = FAREWELL.exec(text);
	if (!last)
		return;
	if (last[1] === undefined) {
		start(null);
		return;
	}
	end();
	show("off");
	say("The machine has switched itself off.");
}

// Types a command, in the place of what may be half typed there.
function run(command) {
	show("busy");
	say(`Running: ${command}`);
	emulator.serial0_send(`\x05\x15${command}\n`);		// to the line's end, erase it
	if (matchMedia("(hover: hover)").matches)	// else a keyboard would come up
		terminal.focus();
}

// v86 throws it when the kernel writes to QEMU's exit port, behind its last line.
addEventListener("error", (event) => {
	if (event.error === "HALT" || event.message?.endsWith("HALT"))
		event.preventDefault();
});

// -- what you are looking at -----------------------------------------------------------------------

const verdict = (word) => make("span", { className: word, textContent: word });

function verdictRow(column, hazard) {
	const seen = hazard.seen[column];
	return make("tr", {}, make("th", { scope: "row" }, `\`${column}\``),
		    make("td", {}, seen ? verdict(seen) : make("span", { className: "small", textContent: "no stage" })),
		    make("td", {}, verdict(hazard.four[column])));
}

function verdictTable(hazard) {
	return make("table", {},
		    make("thead", {}, make("tr", {}, make("th", {}, "under"), make("th", {}, "one CPU, in v86"),
					   make("th", {}, "four CPUs, in QEMU"))),
		    make("tbody", {}, ...Object.keys(hazard.four).map((column) => verdictRow(column, hazard))));
}

function stageButtons(hazard) {
	const staged = Object.keys(hazard.seen);
	if (!staged.length)
		return make("p", {}, `It has no stage here: ${hazard.why}. On a machine with more, type \`hazard ${hazard.id} trap\`.`);
	const buttons = staged.map((column) => make("button", {
		className: "run", textContent: `Stage it under ${column}`, onclick: () => run(`hazard ${hazard.id} ${column}`),
	}));
	const others = make("select", { title: "another strategy", onchange: () => {
		run(`hazard ${hazard.id} ${others.value}`);
		others.selectedIndex = 0;
	} }, make("option", {}, "under another…"));
	for (const { strategy, gist } of page.strategies)
		others.append(make("option", { value: strategy, textContent: `${strategy}: ${gist}` }));
	return make("div", { className: "stage" }, ...buttons, others);
}

function meanings(hazard) {
	const words = new Set([...Object.values(hazard.seen), ...Object.values(hazard.four)]);
	return [...words].map((word) => make("p", { className: "small" }, verdict(word), `: ${page.verdicts[word]}.`));
}

function choose(hazard) {
	for (const button of document.querySelectorAll(".group button"))
		button.ariaPressed = String(button.dataset.hazard === hazard.id);
	const findings = hazard.findings.flatMap(({ title, text }) => [make("h3", {}, title), make("p", {}, text)]);
	byId("hazard").replaceChildren(
		make("h2", {}, `${hazard.id} ${hazard.name}`),
		make("p", {}, `${hazard.what} `, make("span", { className: "small" }, `(${hazard.source})`)),
		stageButtons(hazard), verdictTable(hazard), ...meanings(hazard),
		make("pre", { textContent: hazard.drawing, tabIndex: 0 }),
		...findings);
	show(document.body.dataset.state);
}

function hazardButton(hazard) {
	const button = make("button", {
		textContent: hazard.id, title: `${hazard.name}: ${hazard.what}`,
		className: Object.keys(hazard.seen).length ? "" : "no-stage",
		onclick: () => {
			choose(hazard);
			byId("hazard").querySelector("table").scrollIntoView({ block: "nearest" });
		},
	});
	button.dataset.hazard = hazard.id;
	return button;
}

function showTexts() {
	fill("question", page.question);
	fill("answer", page.answer);
	fill("tour-text", page.tour);
	fill("hazards-text", page.hazards);
	for (const [group, title] of Object.entries(page.groups)) {
		const mine = page.hazards_list.filter(({ id }) => id.startsWith(group));
		byId("choice").append(make("div", { className: "group" }, make("h3", {}, `${group}: ${title}`),
					   make("div", {}, ...mine.map(hazardButton))));
	}
	const without = page.hazards_list.filter(({ seen }) => !Object.keys(seen).length);
	fill("count", `${page.hazards_list.length - without.length} of ${page.hazards_list.length} can be staged on the one CPU ` +
		      `that this machine has. The others, dashed, take more; \`make run\` boots four.`);
	choose(page.hazards_list.find(({ id }) => id === "A3"));
}

// -- the story -------------------------------------------------------------------------------------

// As large as 80 columns fit into, so that tables stay tables; on a telephone that is small.
function fitText() {
	const probe = make("span", { textContent: "0".repeat(COLUMNS) });
	probe.style.cssText = `font: 100px ${terminal.options.fontFamily}; position: absolute; visibility: hidden`;
	document.body.append(probe);
	const perPixel = probe.getBoundingClientRect().width / 100;
	probe.remove();
	const size = (byId("terminal").clientWidth - 20) / perPixel;
	const fontSize = Math.max(5, Math.min(LARGEST, Math.floor(size * 4) / 4));
	terminal.options.fontSize = fontSize;
	byId("screen").style.setProperty("--scale", fontSize / LARGEST);
}

function connect() {
	terminal.open(byId("terminal"));
	fitText();
	addEventListener("resize", fitText);
	terminal.onData((typed) => {
		if (typed.endsWith("\r") && document.body.dataset.state === "prompt") {
			show("busy");
			say("Running.");
		}
		emulator?.serial0_send(typed);
	});
	byId("screen").addEventListener("keydown", (event) => {		// to the next thing on the page, not to the guest
		if (event.key === "Tab")
			event.stopPropagation();
	});
	byId("screen").addEventListener("focus", () => emulator?.keyboard_set_enabled(true));
	byId("screen").addEventListener("blur", () => emulator?.keyboard_set_enabled(false));
	byId("tour").onclick = () => run("tour");
	byId("interrupt").onclick = () => emulator?.serial0_send("\x03");
	byId("restore").onclick = () => start(files.state);
	byId("power-on").onclick = () => start(null);
}

async function main() {
	const json = load("page.json");
	const names = { bios: "bios.bin", vgaBios: "vgabios.bin", kernel: "quiesce.elf", archive: "modules.tar", state: "prompt.state" };
	const loading = Object.entries(names).map(async ([key, name]) => [key, await load(name)]);
	page = JSON.parse(new TextDecoder().decode(await json));
	showTexts();
	connect();
	files = Object.fromEntries(await Promise.all(loading));
	await start(files.state);
}

main().catch((error) => say(`This page could not start: ${error.message}`, true));
