// What browsers and their owners do: back, reload, two tabs, two clicks, another language, a pause.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { Walk, AOBA, MINATO } from "./support/walk.js";

const stage = setStage();

test("going back in the browser never undoes or repeats a step", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.chooseOperations();
  await walk.arrive("permission");
  await page.goBack();
  await walk.arrive("permission");
  await page.goBack();
  await walk.arrive("permission");
});

test("a reload shows the same screen, and does not send a form again", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await page.reload();
  await walk.arrive("login");
  await walk.logInAs("aoi-master");
  await walk.chooseOperations("balances");
  await walk.registerPins({ 2000002: "7391" });
  await page.reload();
  await walk.arrive("results");
  assert.match(await walk.rowOf("2000002").textContent(), /登録済み\*/);
  await walk.click("confirm");
  await walk.arrive("permission");
  await page.reload();
  await walk.arrive("permission");
});

test("going back after the permission shows that it is done, and links nothing twice", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.toPermission("wakaba-master", AOBA);
  const permission = page.url();
  await walk.allow();
  await walk.linked();
  await page.goto(permission);
  await walk.arrive("ended");
  assert.match(await walk.text("h1"), /この手続きは完了しています/);
  await walk.toMyLinkages("wakaba-master", AOBA);
  assert.equal(await page.locator("article.linkage").count(), 1);
});

test("two tabs on one walk: the one that is behind is brought to the screen of the other", async (t) => {
  const { page, walk, newPage } = await stage.visitor(t);
  await walk.begin();
  const other = new Walk(await newPage(), stage.demo);
  await other.page.goto(page.url());
  await other.arrive("login");
  await other.logInAs("sakura-master");
  await other.chooseOperations();
  await other.arrive("permission");
  await walk.logInAs("sakura-master");
  await walk.arrive("permission");
  await walk.allow();
  await walk.linked();
  await other.page.check("#intent");
  await other.click("allow");
  await other.page.waitForURL((url) => !url.pathname.endsWith("/permission"));
  await walk.toMyLinkages("sakura-master");
  assert.equal(await page.locator("article.linkage").count(), 1, "linked once");
});

/** Milliseconds between two clicks: before an answer can come, and while the first answer is on its way. */
const DOUBLE_CLICKS = [
  { apart: 0, user: "midori-master", institution: MINATO },
  { apart: 20, user: "aoba-master", institution: AOBA },
  { apart: 60, user: "aoi-master", institution: MINATO },
];

for (const { apart, user, institution } of DOUBLE_CLICKS) {
  test(`two clicks on 許可, ${apart} ms apart, link once and end at the linkage`, async (t) => {
    const { page, walk } = await stage.visitor(t);
    await walk.toPermission(user, institution);
    await page.check("#intent");
    await page.locator("#allow").evaluate((allow, wait) => {
      allow.click();
      setTimeout(() => allow.click(), wait);
    }, apart);
    await walk.linked();
    await walk.toMyLinkages(user, institution);
    assert.equal(await page.locator("article.linkage").count(), 1);
  });
}

test("another user who logs in in a second tab ends the first one's walk", async (t) => {
  const { page, walk, newPage } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  const other = new Walk(await newPage(), stage.demo);
  await other.begin();
  await other.logInAs("midori-master");
  await other.arrive("operations");
  await walk.click("next");
  await walk.arrive("ended");
  assert.match(await walk.text("h1"), /別の利用者がログインしました/);
  await walk.click("way-on");
  assert.equal((await walk.returned()).title, "別の利用者でログインされました");
  assert.ok(page.url().startsWith(stage.demo.partner_app));
  await other.click("next");
  await other.page.waitForURL(/\/(pins|existing|permission)$/);
});

test("English is chosen on any screen, keeps the place, and stays", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  await walk.click("lang-en");
  await walk.arrive("operations");
  assert.equal(await page.getAttribute("html", "lang"), "en");
  assert.match(await walk.text("body"), /Minato Credit Cooperative/);
  await walk.click("next");
  await page.waitForURL(/\/(existing|permission)$/);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await walk.click("lang-ja");
  await page.waitForLoadState("load");
  assert.equal(await page.getAttribute("html", "lang"), "ja");
});

test("a walk can be given more time, once", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  const before = await walk.text(".time strong");
  await walk.click("extend");
  await walk.arrive("operations");
  assert.notEqual(await walk.text(".time strong"), before);
  assert.equal(await page.isVisible("#extend"), false);
  await walk.click("next");
  await page.waitForURL(/\/(existing|permission)$/);
});

test("a form sent with another browser's token is refused, and the walk goes on", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await page.locator("form[action$='/login'] input[name=csrf]").evaluate((field) => {
    field.value = "0".repeat(field.value.length);
  });
  await walk.logInAs("sakura-master");
  await page.waitForSelector("#way-on");
  assert.match(await walk.text("h1"), /送信された内容を受け付けられませんでした/);
  await walk.click("way-on");
  await walk.arrive("login");
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
});

test("a walk's address is worth nothing in another browser", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  const stranger = await stage.visitor(t);
  await stranger.page.goto(page.url());
  assert.match(await stranger.walk.text("h1"), /この手続きは続けられません/);
  assert.equal(await stranger.page.locator("a[href^='http']").count(), 0, "it sends nobody anywhere");
});

test("a request that is not the partner's ends on a page that leads nowhere", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const request = "urn:ietf:params:oauth:request_uri:made-up";
  await page.goto(`${stage.demo.origins[0]}/${MINATO}/authorize?client_id=kakeibo&request_uri=${request}`);
  assert.match(await walk.text("h1"), /この手続きは続けられません/);
  assert.equal(await page.isVisible("#way-on"), false);
});

test("an address that leads nowhere shows the way to where one can go", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const [bank] = stage.demo.origins;
  await page.goto(`${bank}/${MINATO}/terms/none`);
  await walk.click("way-on");
  assert.equal(page.url(), `${bank}/${MINATO}/`);
  await page.goto(`${bank}/nowhere?lang=en`);
  assert.match(await walk.text("h1"), /Page not found/);
  await walk.click("way-on");
  assert.equal(page.url(), `${bank}/`);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await page.goto(stage.demo.issuers[0]);
  assert.equal(page.url(), `${bank}/${MINATO}/`, "an issuer in the address bar");
});

test("a registered domain stands whole on a desk's screen", async (t) => {
  const { page } = await stage.visitor(t);
  await page.goto(`${stage.demo.origins[0]}/${MINATO}/`);
  const heights = await page.locator("td .host").evaluateAll((hosts) => hosts.map((host) => host.offsetHeight));
  assert.ok(heights.length > 5 && heights.every((height) => height === Math.min(...heights)), `${heights}`);
});
