// What browsers are told about our pages, and what customers may expect of them there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { Walk, AOBA, MINATO, userOf } from "./support/walk.js";

const stage = setStage();
const bank = (path) => `${stage.demo.origins[0]}/${MINATO}${path}`;
/** What asks for a device, for money, or for what somebody copied. */
const FEATURES = ["camera", "microphone", "geolocation", "payment", "usb", "serial", "hid", "midi", "clipboard-read"];

test("R-193 no page may use a feature of the browser, and no header is one the browser does not know", async (t) => {
  const { page } = await stage.visitor(t);
  for (const path of ["/", "/my/login", "/api/", "/terms/2026-04", "/authorize", "/none"]) {
    await page.goto(bank(path));
    const [allowed, known] = await page.evaluate(() => {
      const { featurePolicy } = document;
      return [featurePolicy.allowedFeatures(), featurePolicy.features()];
    });
    // What begins with ch- are hints a page may ask for about the browser; none asks.
    assert.deepEqual(FEATURES.filter((name) => allowed.includes(name) || !known.includes(name)), [], path);
  }
});

test("R-206 what is kept elsewhere can be pasted, and nothing typed is shown", async (t) => {
  const { page, walk, context, allow } = await stage.visitor(t);
  allow("null");
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stage.demo.partner_app });
  const paste = async (text, selector) => {
    // Copied on another page, as from a password manager.
    const elsewhere = await context.newPage();
    await elsewhere.goto(stage.demo.partner_app);
    await elsewhere.evaluate((copied) => navigator.clipboard.writeText(copied), text);
    await elsewhere.close();
    await page.bringToFront();
    await page.focus(selector);
    await page.keyboard.press("Control+V");
    assert.equal(await page.inputValue(selector), text, selector);
  };
  await walk.begin();
  await paste("aoi-master", "#login-id");
  await paste("long-enough-and-pasted", "#password");
  const of = (selector, name) => page.getAttribute(selector, name);
  assert.deepEqual(
    [await of("#login-id", "autocomplete"), await of("#password", "autocomplete"), await of("#password", "type")],
    ["username", "current-password", "password"],
  );
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  const pin = "tbody input[type=password]";
  assert.deepEqual([await of(pin, "inputmode"), await of(pin, "autocomplete")], ["numeric", "off"]);
  await page.locator(pin).first().evaluate((field) => field.setAttribute("data-first", ""));
  await paste("7391", "[data-first]");
});

test("R-205 R-207 R-190 the page names who asks, who permits, and the very host it leads to", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.toPermission("sakura-master");
  const aside = await walk.text("aside.asking");
  assert.match(aside, /かけいぼ会計.*株式会社かけいぼ.*kakeibo\.example.*当組合が確認した連携先/s);
  const evidence = await walk.text("#evidence");
  assert.match(evidence, /かけいぼ会計.*kakeibo\.example.*sakura-master.*普通 \d{7}/s);
  const host = new URL(stage.demo.partner_app).host;
  assert.ok(evidence.includes(`（${host}）に戻ります`));
  const leaving = page.waitForRequest((request) => new URL(request.url()).pathname === "/callback");
  await walk.allow();
  assert.equal(new URL((await leaving).url()).host, host, "it leads where it said");
  await walk.linked();
});

test("R-203 two walks in two tabs: the second one is asked about what the first began", async (t) => {
  const { page, walk, newPage } = await stage.visitor(t);
  await walk.toPermission("aoba-master", AOBA);
  const other = new Walk(await newPage(), stage.demo);
  await other.begin(AOBA);
  await other.logInAs("aoba-master");
  await other.chooseOperations();
  await other.page.waitForURL(/\/(pins|permission)$/);
  await page.reload();
  await walk.allow();
  await walk.linked();
  if (other.page.url().endsWith("/pins")) {
    const missing = userOf(stage.demo, "aoba-master").accounts.filter((account) => !account.registered);
    await other.registerPins(Object.fromEntries(missing.map(({ number, pin }) => [number, pin])));
    await other.click("confirm");
  } else {
    await other.page.check("#intent");
    await other.click("allow");
  }
  await other.arrive("existing");
  await other.click("next");
  await other.allow();
  await other.linked();
  await walk.toMyLinkages("aoba-master", AOBA);
  assert.equal(await page.locator("article.linkage").count(), 1);
});

test("the language chosen is kept where no institution is", async (t) => {
  const { page } = await stage.visitor(t);
  await page.goto(stage.demo.origins[0]);
  await page.click("#lang-en");
  await page.waitForSelector("html[lang=en]");
  await page.goto(`${stage.demo.origins[0]}/nowhere/at/all`);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  assert.equal(await page.textContent("h1"), "Page not found");
});
