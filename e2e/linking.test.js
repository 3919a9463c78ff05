// From the accounting site to a linkage: every branch a customer can take on the way there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { AOBA, accountsShown, transactionsOf } from "./support/walk.js";

const stage = setStage();

test("a customer registers a wrong PIN, mends it, leaves one account out and links", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  assert.match(await page.title(), /みなと信用組合/);
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  assert.equal(await page.isVisible("#skip"), false, "there is nothing to go on with yet");
  await walk.registerPins({ 2000002: "7391", "0300014": "0000" });
  assert.match(await walk.rowOf("2000002").textContent(), /登録済み\*/);
  assert.match(await walk.rowOf("0300014").textContent(), /お届けの照会用暗証番号と異なります/);
  assert.match(await walk.rowOf("1111111").textContent(), /未登録/);
  await walk.click("more");
  await walk.registerPins({ "0300014": "4826" });
  assert.match(await walk.rowOf("0300014").textContent(), /登録済み\*/);
  await walk.click("confirm");
  await walk.arrive("permission");
  assert.equal(await page.locator("input[name=account]").count(), 2, "the account without a PIN can't be ticked");
  assert.match(await walk.text("#evidence"), /次の口座は照会用暗証番号が未登録/);
  await walk.allow();
  await walk.linked();
  const accounts = await accountsShown(page);
  assert.equal(accounts.length, 2);
  assert.ok((await transactionsOf(page, accounts[0])).length > 0);
});

test("PINs once in force are not asked for again, and show a dash", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  const registered = walk.rowOf("2000002");
  assert.match(await registered.textContent(), /登録済み/);
  assert.equal(await registered.locator("input").count(), 0);
  await walk.click("skip");
  await walk.arrive("existing");
  await page.check("#renew-new");
  await walk.click("next");
  await walk.arrive("permission");
});

test("a customer all of whose PINs are registered sees no PIN screen", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master");
  await walk.chooseOperations();
  await walk.arrive("permission");
  assert.match(await walk.text("main .step"), /3 \/ 3/);
  assert.equal(await page.locator("input[name=account]").count(), 2);
});

test("only the operations that were chosen are permitted", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin(AOBA);
  await walk.logInAs("wakaba-master");
  await walk.arrive("operations");
  await page.uncheck("#operation-balances");
  await page.uncheck("#operation-transactions");
  await walk.click("next");
  await page.waitForSelector("#errors");
  assert.match(await page.title(), /^エラー：/);
  await walk.chooseOperations("balances");
  await walk.allow();
  await walk.linked();
  const facts = await walk.text(".facts");
  assert.match(facts, /残高照会/);
  assert.doesNotMatch(facts, /入出金明細照会/);
});

test("without the tick, or without an account, nothing is permitted", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.toPermission("sakura-master");
  await page.uncheck("#account-2");
  await walk.click("allow");
  await page.waitForSelector("#errors");
  assert.equal(await page.locator("#errors a").getAttribute("href"), "#intent");
  assert.equal(await page.isChecked("#account-2"), false, "what was chosen stays chosen");
  assert.equal(await page.evaluate(() => document.activeElement.id), "errors");
  await page.uncheck("#account-1");
  await page.check("#intent");
  await walk.click("allow");
  await page.waitForSelector("#errors a[href='#account-1']");
  await page.check("#account-1");
  await page.check("#intent");
  await walk.click("allow");
  await walk.linked();
  assert.equal((await accountsShown(page)).length, 1, "the account that was ticked off is not there");
});

test("a PIN that is no four digits is told at its row and above, and full-width digits are taken", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("midori-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  await walk.click("register");
  await page.waitForSelector("#errors");
  await walk.typePins({ 3000014: "26" });
  await walk.click("register");
  await page.waitForSelector("#pin-1-error");
  assert.match(await walk.text("#errors"), /数字4桁で入力してください.*3000014/);
  assert.equal(await page.inputValue("#pin-1"), "", "a PIN is never sent back");
  await walk.registerPins({ 3000014: "２６８４" });
  await walk.click("confirm");
  await walk.allow();
  await walk.linked();
});

test("a wrong password is told in one sentence and typed again", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("sakura-master", "not-the-password");
  await page.waitForSelector("#errors");
  const wrong = await walk.text("#errors");
  assert.equal(await page.inputValue("#login-id"), "sakura-master");
  assert.equal(await page.inputValue("#password"), "");
  await walk.logInAs("nobody-at-all", "not-the-password");
  await page.waitForSelector("#errors");
  assert.equal(await walk.text("#errors"), wrong, "nobody learns which login ids there are");
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
});

test("whoever may not link is told so, at the institution and at the partner", async (t) => {
  const { walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("aoi-none");
  await walk.arrive("ended");
  assert.match(await walk.text("h1"), /API連携をご利用いただけません/);
  await walk.click("way-on");
  assert.equal((await walk.returned()).title, "この契約では連携できません");
});

test("a user who may inquire balances only is offered balances only", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("aoi-balances");
  await walk.arrive("operations");
  assert.equal(await page.isVisible("#operation-balances"), true);
  assert.equal(await page.isVisible("#operation-transactions"), false);
});

test("an account whose PIN was guessed at too often is locked, and says whom to call", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("minato-master");
  await walk.chooseOperations();
  for (const guess of ["0001", "0002", "0003"]) {
    await walk.registerPins({ 5000001: guess });
    if (guess !== "0003") {
      await walk.click("more");
    }
  }
  assert.match(await walk.rowOf("5000001").textContent(), /0120-299-000/);
  await walk.click("more");
  await walk.arrive("pins");
  assert.match(await walk.rowOf("5000001").textContent(), /受付停止中/);
  await walk.click("skip");
  await walk.arrive("permission");
  assert.equal(await page.locator("input[name=account]").count(), 1);
});
