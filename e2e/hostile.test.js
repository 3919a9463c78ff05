// Texts that somebody wrote to do harm: in the registry, in a login id. They are words on a page and nothing else.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { MINATO } from "./support/walk.js";

const stage = setStage();
/** What a page would be changed by, if any of it were more than text. */
const MARKUP = [
  `<svg onload="globalThis.struck=1">`,
  `"><script>globalThis.struck=1</script>`,
  `' autofocus onfocus='globalThis.struck=1`,
  "{{7*7}}{%raw%}{$product}{ $domain }",
  "javascript:globalThis.struck=1",
  "</title></textarea></style><img src=x onerror=globalThis.struck=1>",
  "&#60;b&#62;&lt;i&gt;",
];

/** The tables of the registry that say who asks and whose pages they are, and what in them is text. */
const TEXTS = [
  [`[[partners]]\nkey = "kakeibo"`, ["name"]],
  [`[[partners.products]]\nkey = "kakeibo"`, ["name", "purpose"]],
  [`[[institutions]]\ncode = "${MINATO}"`, ["name", "hours"]],
];

/** Writes this text into the registry, wherever a text may stand, and applies it; gives how the command ended. */
async function register(text) {
  const file = join(stage.demo.folder, "demo", "registry.toml");
  const before = await readFile(file, "utf8");
  const tables = before.split(/(?=^\[\[)/m);
  for (const [head, keys] of TEXTS) {
    const at = tables.findIndex((table) => table.startsWith(head));
    for (const key of keys) {
      tables[at] = tables[at].replace(new RegExp(`^${key} = .*$`, "m"), () => `${key} = ${JSON.stringify(text)}`);
    }
  }
  await writeFile(file, tables.join(""));
  const done = stage.demo.renkei("apply", file, "--yes", "--allow-loopback-http");
  await writeFile(file, before);
  return done;
}

/** Nothing on the page was made by such a text, and nothing of it ran. */
async function harmless(page, text) {
  const made = await page.evaluate(() => ({
    struck: globalThis.struck,
    scripts: document.querySelectorAll("script, iframe, img, object, embed, base, [onload], [onerror], [onfocus]").length,
    strange: [...document.links].filter((link) => !/^https?:$/.test(link.protocol)).length,
  }));
  assert.deepEqual(made, { struck: undefined, scripts: 0, strange: 0 }, `${page.url()} with ${text}`);
}

/** The page holds the text as text. */
async function shows(page, text) {
  assert.ok((await page.textContent("body")).includes(text), `${page.url()} shows ${text}`);
  await harmless(page, text);
}

test("A-121 R-042 names, purposes and texts with markup are shown as they are and do nothing", async (t) => {
  const { page, walk } = await stage.visitor(t);
  walk.looks = false;
  for (const text of MARKUP) {
    const done = await register(text);
    assert.equal(done.status, 0, done.stderr);
    await page.goto(`${stage.demo.origins[0]}/${MINATO}/`);
    await shows(page, text);
    await walk.begin();
    await shows(page, text);
    assert.ok((await page.title()).includes(text), "the title is text, too");
  }
  const text = MARKUP.slice(0, 2).join("");
  assert.equal((await register(text)).status, 0);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  await shows(page, text);
  await walk.click("next");
  await walk.arrive("permission");
  await shows(page, text);
  await walk.allow();
  await walk.linked();
  await walk.toMyLinkages("sakura-master");
  await shows(page, text);
  await walk.click("linkage-1");
  await page.waitForSelector("#stop");
  await shows(page, text);
});

test("A-119 what can't be seen is in no name, and a login id with it is no login id", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const unseen = ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u0007", "\ue000"];
  for (const hidden of unseen) {
    const done = await register(`かけ${hidden}いぼ`);
    assert.equal(done.status, 1, `U+${hidden.codePointAt(0).toString(16)} in the registry`);
  }
  await walk.begin();
  for (const hidden of ["\u202e", "\u200b", "\ue000"]) {
    await walk.logInAs(`midori${hidden}-master`, "whatever-it-may-be");
    await page.waitForSelector("#errors");
    await harmless(page, hidden);
  }
  for (const text of MARKUP) {
    await walk.logInAs(text, "whatever-it-may-be");
    await page.waitForSelector("#errors");
    assert.equal(await page.inputValue("#login-id"), text);
    await harmless(page, text);
  }
});
