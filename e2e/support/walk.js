// A walk through the linkage screens in a page, the way a customer takes it. Every screen arrived at is looked at:
// it is the right one, and axe has nothing against it.

import assert from "node:assert/strict";
import { assertAccessible } from "./browser.js";

/** The institution most walks are taken at. */
export const MINATO = "2990";
/** The other one. */
export const AOBA = "2991";

/** A user of the demo with this login id. */
export function userOf(demo, loginId) {
  const user = demo.users.find((candidate) => candidate.login_id === loginId);
  assert.ok(user, `the demo has no user ${loginId}`);
  return user;
}

/** One page, walking. */
export class Walk {
  /** @param looks whether each screen is given to axe; off where the same screens were looked at already. */
  constructor(page, demo, { looks = true } = {}) {
    this.page = page;
    this.demo = demo;
    this.looks = looks;
  }

  /** Clicks what has this id. */
  click(id) {
    return this.page.click(`#${id}`);
  }

  text(selector) {
    return this.page.textContent(selector);
  }

  /** The page has come to an address with this end, and is fit to be seen. */
  async arrive(end) {
    await this.page.waitForURL((url) => url.pathname.endsWith(`/${end}`));
    await this.page.waitForLoadState("load");
    if (this.looks) {
      await assertAccessible(this.page);
    }
  }

  // The partner app.

  /** From the accounting site to the institution's first screen. */
  async begin(institution = MINATO) {
    await this.page.goto(`${this.demo.partner_app}/link`);
    await this.click(`institution-${institution}`);
    await this.arrive("login");
  }

  /** Back at the accounting site, linked; gives the address of the linkage there. */
  async linked() {
    await this.page.waitForSelector("#linked");
    assert.match(this.page.url(), /\/linkages\/\d+\?news=linked$/);
    return this.page.url().replace(/\?.*/, "");
  }

  /** Back at the accounting site without a linkage; gives the reason it was told. */
  async returned() {
    await this.page.waitForSelector("#problem");
    assert.ok(this.page.url().startsWith(`${this.demo.partner_app}/callback`));
    return { code: await this.page.getAttribute("#problem", "data-reason"), title: await this.text("h1") };
  }

  // The screens, in order.

  /** Types login id and password and sends them. */
  async logInAs(loginId, password = userOf(this.demo, loginId).password) {
    await this.page.fill("#login-id", loginId);
    await this.page.fill("#password", password);
    await this.click("login-submit");
  }

  /** Goes on with these operations; all that are offered when none is named. */
  async chooseOperations(...operations) {
    await this.arrive("operations");
    for (const operation of operations.length > 0 ? ["balances", "transactions"] : []) {
      await this.page.setChecked(`#operation-${operation}`, operations.includes(operation));
    }
    await this.click("next");
  }

  /** The row of an account, on the screens that list them. */
  rowOf(number) {
    return this.page.locator("tbody tr", { hasText: number });
  }

  /** Ticks these accounts and types their PINs: `{ number: pin }`. */
  async typePins(pins) {
    for (const [number, pin] of Object.entries(pins)) {
      const row = this.rowOf(number);
      await row.locator("input[type=checkbox]").check();
      await row.locator("input[type=password]").fill(pin);
    }
  }

  /** Registers the PINs of these accounts and stops at the results. */
  async registerPins(pins) {
    await this.arrive("pins");
    await this.typePins(pins);
    await this.click("register");
    await this.arrive("results");
  }

  /** Gives the permission, the tick included. */
  async allow() {
    await this.arrive("permission");
    await this.page.check("#intent");
    await this.click("allow");
  }

  /** The whole way for a user none of whose accounts has its PIN registered, up to the permission. */
  async toPermission(loginId, institution = MINATO) {
    await this.begin(institution);
    await this.logInAs(loginId);
    await this.chooseOperations();
    const missing = userOf(this.demo, loginId).accounts.filter((account) => !account.registered);
    if (missing.length > 0) {
      await this.registerPins(Object.fromEntries(missing.map(({ number, pin }) => [number, pin])));
      await this.click("confirm");
    }
    await this.arrive("permission");
  }

  /** The whole way to a linkage; gives its address at the accounting site. */
  async link(loginId, institution = MINATO) {
    await this.toPermission(loginId, institution);
    await this.allow();
    return this.linked();
  }

  // The institution's own pages for its customers.

  /** Logs in to look at linkages. */
  async toMyLinkages(loginId, institution = MINATO) {
    await this.page.goto(`${this.demo.origins[0]}/${institution}/my/login`);
    await this.logInAs(loginId);
    await this.arrive("linkages");
  }
}

/** The transactions the accounting site shows of an account, all pages of them. */
export async function transactionsOf(page, accountUrl) {
  await page.goto(accountUrl);
  const ids = [];
  for (;;) {
    const rows = page.locator("[data-transaction]");
    ids.push(...(await rows.evaluateAll((shown) => shown.map((row) => row.dataset.transaction))));
    if (!(await page.isVisible("#older"))) {
      return ids;
    }
    await page.click("#older");
  }
}

/** The addresses of a linkage's accounts at the accounting site, which is being shown. */
export function accountsShown(page) {
  return page.locator("a.account").evaluateAll((links) => links.map((link) => link.href));
}
