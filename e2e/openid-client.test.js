// The npm package openid-client, unmodified, as the partner: what it takes to link, read, refresh and end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Partner } from "./support/partner.js";
import { setStage } from "./support/stage.js";

const stage = setStage();

/** A visitor who may be sent to the client's own address, where nobody answers. */
async function visitorOf(t, partner) {
  const visitor = await stage.visitor(t);
  visitor.allow(new URL(partner.redirectUri).origin);
  return visitor;
}

const json = async (answer) => {
  assert.equal(answer.status, 200);
  return answer.json();
};

const READERS = { "test-es256-choice": "aoi-master", "test-ps256-choice": "minato-master" };

for (const [product, user] of Object.entries(READERS)) {
  test(`${product} links, reads, refreshes, and is refused with the reason after it revoked`, async (t) => {
    const partner = await Partner.discover(stage.demo, product);
    const { page, walk } = await visitorOf(t, partner);
    await page.goto((await partner.push()).href);
    await walk.arrive("login");
    await walk.logInAs(user);
    await walk.chooseOperations();
    const known = stage.demo.users.find(({ login_id: id }) => id === user).accounts;
    await walk.registerPins({ [known[0].number]: known[0].pin });
    await walk.click("confirm");
    const answer = await partner.answered(page, () => walk.allow());
    assert.equal(answer.searchParams.get("iss"), partner.issuer);

    const tokens = await partner.redeem(answer);
    assert.equal(tokens.token_type, "dpop");
    assert.ok(tokens.grant_id);
    const { accounts } = await json(await partner.get("accounts"));
    assert.ok(accounts.some(({ number }) => number === known[0].number));
    const [{ account_id: account }] = accounts.filter(({ number }) => number === known[0].number);
    const balances = await json(await partner.get(`accounts/${account}/balances`));
    assert.equal(typeof balances.book_balance, "number");
    const feed = await json(await partner.get(`accounts/${account}/transactions`));
    assert.ok(Array.isArray(feed.transactions));

    const { access_token: before } = tokens;
    const renewed = await partner.refresh();
    assert.notEqual(renewed.access_token, before);
    await json(await partner.get("accounts"));

    await partner.revoke();
    const refused = await partner.get("accounts");
    assert.equal(refused.status, 401);
    assert.equal((await refused.json()).error, "ended_by_partner");
    await assert.rejects(partner.refresh(), (error) => error.error === "invalid_grant");
  });
}

test("a product whose operations are fixed asks nothing about operations", async (t) => {
  const partner = await Partner.discover(stage.demo, "test-es256-fixed");
  const { page, walk } = await visitorOf(t, partner);
  await page.goto((await partner.push()).href);
  await walk.logInAs("sakura-master");
  await walk.arrive("permission");
  assert.match(await walk.text("main .step"), /2 \/ 2/);
  const tokens = await partner.redeem(await partner.answered(page, () => walk.allow()));
  assert.equal(tokens.scope, "balances transactions");
});

test("a refusal comes back as access_denied, with issuer and state", async (t) => {
  const partner = await Partner.discover(stage.demo, "test-ps256-fixed");
  const { page, walk } = await visitorOf(t, partner);
  await page.goto((await partner.push()).href);
  await walk.logInAs("sakura-master");
  await walk.arrive("permission");
  const answer = await partner.answered(page, () => walk.click("deny"));
  await assert.rejects(partner.redeem(answer), (error) => error.error === "access_denied");
  assert.equal(answer.searchParams.get("iss"), partner.issuer);
  assert.equal(answer.searchParams.get("state"), partner.state);
});

test("a linkage named by its grant_id is renewed without a question", async (t) => {
  const partner = await Partner.discover(stage.demo, "test-ps256-fixed");
  const { page, walk } = await visitorOf(t, partner);
  await page.goto((await partner.push()).href);
  await walk.logInAs("midori-master");
  await walk.registerPins({ 3000014: "2684" });
  await walk.click("confirm");
  const { grant_id: grant } = await partner.redeem(await partner.answered(page, () => walk.allow()));
  const before = await json(await partner.get("accounts"));
  await page.goto((await partner.push({ grant_id: grant, grant_management_action: "replace" })).href);
  await walk.logInAs("midori-master");
  await walk.arrive("permission");
  const renewed = await partner.redeem(await partner.answered(page, () => walk.allow()));
  assert.equal(renewed.grant_id, grant);
  const { accounts } = await json(await partner.get("accounts"));
  assert.deepEqual(accounts.map(({ account_id: id }) => id), before.accounts.map(({ account_id: id }) => id));
});

test("a request that was used leads nowhere a second time", async (t) => {
  const partner = await Partner.discover(stage.demo, "test-es256-fixed");
  const { page, walk, newPage } = await visitorOf(t, partner);
  const url = await partner.push();
  await page.goto(url.href);
  await walk.logInAs("sakura-master");
  await page.waitForURL(/\/existing$/);
  await partner.answered(page, () => walk.click("cancel"));
  const again = await newPage();
  await again.goto(url.href);
  assert.match(await again.textContent("h1"), /この手続きは続けられません/);
  assert.equal(await again.isVisible("#way-on"), false);
});
