// Every way out: left, refused, ended by the customer at either side.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { AOBA, MINATO } from "./support/walk.js";

const stage = setStage();

/** From each screen that has a way to leave: how to get there, and who. */
const SCREENS = {
  login: async () => {},
  operations: async (walk) => {
    await walk.logInAs("aoi-master");
    await walk.arrive("operations");
  },
  pins: async (walk) => {
    await walk.logInAs("aoi-master");
    await walk.chooseOperations();
    await walk.arrive("pins");
  },
  results: async (walk) => {
    await walk.logInAs("aoi-master");
    await walk.chooseOperations();
    await walk.registerPins({ 2000002: "7391" });
  },
  existing: async (walk) => {
    await walk.logInAs("wakaba-master");
    await walk.chooseOperations();
    await walk.arrive("existing");
  },
};

for (const [screen, reach] of Object.entries(SCREENS)) {
  test(`leaving on the screen ${screen} leads back to the partner, who is told so`, async (t) => {
    const { page, walk } = await stage.visitor(t);
    const institution = screen === "existing" ? AOBA : MINATO;
    if (screen === "existing") {
      await walk.link("wakaba-master", AOBA);
    }
    await walk.begin(institution);
    await reach(walk);
    assert.match(await walk.text("main"), /かけいぼ会計（127\.0\.0\.1:\d+）に戻ります/);
    await walk.click("cancel");
    const { code, title } = await walk.returned();
    assert.equal(code, "access_denied");
    assert.equal(title, "連携を中止しました");
    assert.ok(await page.isVisible("#retry"));
  });
}

test("a PIN entered in a walk that was left is gone without trace", async (t) => {
  const { walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("midori-master");
  await walk.chooseOperations();
  await walk.registerPins({ 3000014: "2684" });
  await walk.click("cancel");
  await walk.returned();
  await walk.begin();
  await walk.logInAs("midori-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  assert.match(await walk.rowOf("3000014").textContent(), /未登録/);
});

test("refusing the permission leads back to the partner, who is told so", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.toPermission("sakura-master");
  const permission = page.url();
  await walk.click("deny");
  const { code, title } = await walk.returned();
  assert.equal(code, "access_denied");
  assert.equal(title, "連携は行われませんでした");
  await page.goto(permission);
  await walk.arrive("ended");
  assert.match(await walk.text("h1"), /許可しませんでした/);
});

test("a linkage ended at the partner is over at the institution", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const linkage = await walk.link("aoba-master", AOBA);
  const number = linkage.split("/").pop();
  await walk.click(`unlink-${number}`);
  await walk.click("unlink-confirm");
  await page.waitForSelector("#unlinked");
  assert.equal(await page.getAttribute("#linkage-reason", "data-reason"), "ended_by_partner");
  await walk.toMyLinkages("aoba-master", AOBA);
  assert.match(await walk.text("main"), /連携先での手続きにより停止しました/);
  assert.equal(await page.isVisible("#stop-1"), false);
});

test("R-167: a linkage stopped at the institution is over at the partner, who says why", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const linkage = await walk.link("sakura-master");
  await walk.toMyLinkages("sakura-master");
  await walk.click("linkage-1");
  await page.waitForSelector("#stop");
  await walk.arrive(page.url().split("/").pop());
  await walk.click("stop");
  await walk.arrive("stop");
  await walk.click("stop-confirm");
  await page.waitForSelector("#reference");
  await walk.arrive("stop");
  assert.match(await walk.text("h1"), /停止しました/);
  await page.goto(linkage);
  await walk.click(`sync-${linkage.split("/").pop()}`);
  await page.waitForSelector("#linkage-reason");
  assert.equal(await page.getAttribute("#linkage-reason", "data-reason"), "ended_by_customer");
  assert.match(await walk.text("#linkage-reason"), /金融機関の画面で停止されました/);
});

test("stopping can be thought over, and logging out ends the session", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.link("minato-master");
  await walk.toMyLinkages("minato-master");
  await walk.click("stop-1");
  await walk.arrive("stop");
  await walk.click("back");
  await page.waitForSelector("#stop");
  await walk.click("logout");
  await walk.arrive("login");
  await page.goto(`${stage.demo.origins[0]}/${MINATO}/my/linkages`);
  await walk.arrive("login");
});
