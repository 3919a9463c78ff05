// What a linkage is renewed by, and what stays the same when it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { AOBA, accountsShown, transactionsOf } from "./support/walk.js";

const stage = setStage();

/** What the accounting site has of a linkage: its id, its accounts, and their transactions. */
async function bookOf(page, linkage) {
  await page.goto(linkage);
  const id = await page.textContent(".facts code");
  const accounts = await accountsShown(page);
  const transactions = [];
  for (const account of accounts) {
    transactions.push(...(await transactionsOf(page, account)));
  }
  return { id, accounts, transactions };
}

test("a renewal from the partner keeps linkage, accounts and transactions, without a duplicate", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const linkage = await walk.link("sakura-master");
  const before = await bookOf(page, linkage);
  assert.ok(before.transactions.length > 0);
  assert.equal(new Set(before.transactions).size, before.transactions.length);
  await page.goto(linkage);
  await walk.click(`renew-${linkage.split("/").pop()}`);
  await walk.arrive("login");
  await walk.logInAs("sakura-master");
  await walk.chooseOperations();
  await walk.arrive("permission");
  assert.match(await walk.text("#evidence"), /登録済みのAPI連携（有効期限 .+）を更新します/);
  await walk.allow();
  assert.equal(await walk.linked(), linkage);
  assert.equal(await page.getAttribute("#sync-result", "data-new"), "0", "nothing came a second time");
  assert.deepEqual(await bookOf(page, linkage), before);
});

test("a renewal by somebody else changes nothing and is told as that", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const linkage = await walk.link("midori-master");
  await walk.click(`renew-${linkage.split("/").pop()}`);
  await walk.arrive("login");
  await walk.logInAs("sakura-master");
  await walk.arrive("ended");
  await walk.click("way-on");
  assert.equal((await walk.returned()).title, "別の利用者でログインされました");
  await page.goto(linkage);
  assert.equal(await page.isVisible("#linkage-reason"), false);
});

test("a customer who links again is asked: the one there is is renewed, or another one added", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const first = await walk.link("wakaba-master", AOBA);
  const before = await bookOf(page, first);
  await walk.begin(AOBA);
  await walk.logInAs("wakaba-master");
  await walk.chooseOperations();
  await walk.arrive("existing");
  assert.equal(await page.isChecked("#renew-1"), true);
  await walk.click("next");
  await walk.allow();
  assert.equal(await walk.linked(), first, "the accounting site knows the renewed linkage");
  assert.deepEqual(await bookOf(page, first), before);

  await walk.begin(AOBA);
  await walk.logInAs("wakaba-master");
  await walk.chooseOperations();
  await walk.arrive("existing");
  await page.check("#renew-new");
  await walk.click("next");
  await walk.allow();
  const second = await walk.linked();
  assert.notEqual(second, first);
  const other = await bookOf(page, second);
  assert.notEqual(other.id, before.id);
  await page.goto(first);
  assert.equal(await page.isVisible("#linkage-reason"), false, "the first one lives on");
});

test("an account left out is added at the institution later, and the partner finds it", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin(AOBA);
  await walk.logInAs("aoba-master");
  await walk.chooseOperations();
  await walk.registerPins({ 1000001: "5283" });
  await walk.click("confirm");
  await walk.allow();
  const linkage = await walk.linked();
  assert.equal((await accountsShown(page)).length, 1);
  await walk.toMyLinkages("aoba-master", AOBA);
  await walk.click("linkage-1");
  await walk.click("accounts");
  await walk.arrive("accounts");
  await walk.typePins({ 1000002: "0000" });
  await walk.click("register");
  await page.waitForSelector("[id$='-error']");
  await walk.arrive("accounts");
  await walk.typePins({ 1000002: "7164" });
  await walk.click("register");
  await page.waitForSelector("p.good");
  await page.goto(linkage);
  await walk.click(`sync-${linkage.split("/").pop()}`);
  await page.waitForSelector("#sync-result");
  assert.equal((await accountsShown(page)).length, 2);
});
