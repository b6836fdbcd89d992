// node tests/web/click.mjs NPM CHROMIUM URL [PICTURES]: drives the page at URL by clicking and typing, in a
// Chromium without a window; a line for each thing that is looked at, and status 1 when one of them is not so.
// PICTURES is a folder for screenshots at the width of a desktop and of a telephone.
//
// NPM is the folder where tools/npm has installed puppeteer-core. TIMEOUT_SCALE=3 in the environment makes all
// limits three times as long.
import { createRequire } from "node:module";
import path from "node:path";

const [npm, chromium, url, pictures] = process.argv.slice(2);
const puppeteer = createRequire(path.resolve(npm, "package.json"))("puppeteer-core");
const scale = Number(process.env.TIMEOUT_SCALE ?? 1);
const PATIENCE = 60000 * scale;		// ms; only what fails waits so long
const PROMPT_WITHIN = 2000 * scale;	// ms from the first request
const DESKTOP = { width: 1440, height: 900 }, TELEPHONE = { width: 400, height: 800 };

const browser = await puppeteer.launch({
	executablePath: chromium, headless: true,
	args: ["--disable-gpu", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],	// root has no sandbox
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
await page.setViewport(DESKTOP);

// -- what must not happen ---------------------------------------------------------------------------

const wrong = [];
page.on("pageerror", (error) => wrong.push(`an error in the page: ${error.message ?? error}`));
page.on("console", (message) => message.type() === "error" && wrong.push(`the page's console: ${message.text()}`));
page.on("requestfailed", (request) => wrong.push(`${request.url()}: ${request.failure().errorText}`));
page.on("response", (answer) => answer.status() >= 400 && wrong.push(`${answer.url()}: ${answer.status()}`));
page.on("request", (request) => {
	if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url()))
		wrong.push(`${request.url()}: the page asks another server`);
});

// -- what is looked at, and what is done -------------------------------------------------------------

const state = (wanted) => page.waitForFunction((s) => document.body.dataset.state === s, {}, wanted);
const text = (selector) => page.$eval(selector, (element) => element.innerText.replaceAll("\u00a0", " "));
const shows = (selector, wanted) => page.waitForFunction(
	(s, w) => document.querySelector(s).innerText.replaceAll("\u00a0", " ").includes(w), {}, selector, wanted);
const LINE = ".xterm-rows", SCREEN = "#screen > div";

function expect(what, seen, wanted) {
	if (!(wanted instanceof RegExp ? wanted.test(seen) : seen === wanted))
		throw new Error(`${what}: ${JSON.stringify(seen)}, not ${wanted}`);
}

// Clicks what types a command, and waits until it has ended.
async function clickAndWait(selector) {
	await page.click(selector);
	await state("busy");
	await state("prompt");
}

async function type(where, line) {
	await page.click(where);
	await page.keyboard.type(line);
	await page.keyboard.press("Enter");
}

const stage = (column) => clickAndWait(`.stage button:nth-child(${column})`);
const choose = (hazard) => page.click(`.group button[data-hazard="${hazard}"]`);

let failed = 0;
async function look(what, steps) {
	const began = performance.now();
	try {
		await steps();
		const bad = wrong.splice(0);
		if (bad.length)
			throw new Error(bad.join("; "));
		console.log(`ok: ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
	} catch (error) {
		failed++;
		console.log(`FAILED: ${what}: ${error.message}\n    the terminal shows:\n${await text(LINE).catch(() => "nothing")}`);
	}
}

await look(`the prompt is there within ${PROMPT_WITHIN / 1000} s`, async () => {
	const began = performance.now();
	await page.goto(url);
	await state("prompt");
	const took = performance.now() - began;
	if (took > PROMPT_WITHIN)
		throw new Error(`it took ${(took / 1000).toFixed(1)} s`);
	expect("the line", await text(LINE), /1\/1 CPUs[^]*quiesce>\s*$/);
	await shows(SCREEN, "quiesce>");
});

await look("the tour", async () => {
	await clickAndWait("#tour");
	await shows(LINE, "0 uses after unload");
	await shows(SCREEN, "0 uses after unload");
});

await look("a hazard under naive, under trap, and under another strategy", async () => {
	await choose("B1");
	expect("the heading", await text("#hazard h2"), /^B1 /);
	expect("the drawing", await text("#hazard pre"), /CPU 0 \(rmmod\)/);
	await stage(1);
	await shows(LINE, "UAF: the memory was used after the unload");
	await stage(2);
	await shows(LINE, "safe: the driver is out");
	await page.select(".stage select", "johnson");
	await state("busy");
	await state("prompt");
	await shows(LINE, "unloaded by");
});

await look("a hazard that one CPU has no stage for", async () => {
	await choose("A2");
	expect("its stage", await text("#hazard"), /no stage here: takes 2 CPUs/);
	expect("buttons", String(await page.$$eval(".stage button", (buttons) => buttons.length)), "0");
	expect("the count", await text("#count"), /^\d\d of \d+ can be staged on the one CPU/);
});

await look("typing at the serial line", async () => {
	await type("#terminal", "cpus");
	await shows(LINE, "CPU  APIC");
	await state("prompt");
});

await look("typing at the PS/2 keyboard", async () => {
	await type("#screen", "ps");
	await shows(SCREEN, "NAME / WAITS FOR");
});

await look("stopping a command", async () => {
	await type("#terminal", "torture -t 1000s");
	await state("busy");
	await page.click("#interrupt");
	await state("prompt");
});

await look("power-on", async () => {
	await clickAndWait("#power-on");
	await shows(LINE, "1/1 CPUs");
});

await look("a reboot that the guest asks for", async () => {
	await type("#terminal", "reboot");
	await state("busy");
	await state("prompt");
	await shows(LINE, "1/1 CPUs");
});

await look("a panic, and out of its monitor", async () => {
	await type("#terminal", "panic");
	await shows("#status", "the monitor");
	await type("#terminal", "reboot");
	await state("prompt");
	await shows(LINE, "1/1 CPUs");
});

await look("Tab leaves the screen", async () => {
	await page.click("#screen");
	await page.keyboard.press("Tab");
	expect("the focus", await page.evaluate(() => String(document.activeElement.id === "screen")), "false");
});

await look("off, and back to the prompt", async () => {
	await type("#terminal", "poweroff");
	await state("off");
	await page.click("#restore");
	await state("prompt");
	await type("#terminal", "lsmod");
	await shows(LINE, "Module");
});

for (const [name, viewport] of Object.entries({ desktop: DESKTOP, telephone: TELEPHONE })) {
	await look(`nothing is wider than the page of a ${name}`, async () => {
		await choose("A3");
		await page.setViewport(viewport);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth);
		if (wide > viewport.width)
			throw new Error(`${wide} px, of ${viewport.width}`);
		if (pictures)
			await page.screenshot({ path: path.join(pictures, `${name}.png`) });
	});
}

await browser.close();
process.exit(failed ? 1 : 0);
