// Without script, without a mouse, on a small screen: the same walk for everybody.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW } from "./support/browser.js";
import { setStage } from "./support/stage.js";
import { AOBA, accountsShown } from "./support/walk.js";

const stage = setStage();
/** More key presses than any page has places to stop at. */
const TABS_MAX = 80;

test("R-204: the whole walk needs no script", async (t) => {
  const { page, walk } = await stage.visitor(t, { javaScriptEnabled: false });
  walk.looks = false;
  await walk.begin();
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.registerPins({ 2000002: "7391", "0300014": "4826" });
  await walk.click("more");
  await walk.registerPins({ 1111111: "5937" });
  await walk.click("confirm");
  await walk.allow();
  await walk.linked();
  assert.equal((await accountsShown(page)).length, 3);
  await walk.begin();
  await walk.click("cancel");
  assert.equal((await walk.returned()).code, "access_denied", "leaving needs no script either");
});

/** Walks with the Tab key to what has this id; wherever it stops on the way has a visible focus. */
async function tabTo(page, id) {
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const { activeElement } = document;
      // A choice is framed as a whole, with its words.
      const style = getComputedStyle(activeElement.closest(".choice") ?? activeElement);
      return { id: activeElement.id, ring: Number.parseFloat(style.outlineWidth), shown: style.outlineStyle };
    });
    if (focused.id) {
      assert.ok(focused.shown !== "none" && focused.ring >= 3, `the focus on ${focused.id} can be seen`);
    }
    if (focused.id === id) {
      return;
    }
  }
  assert.fail(`no Tab key leads to ${id} on ${page.url()}`);
}

test("the whole walk can be taken by keyboard alone", async (t) => {
  const { page, walk } = await stage.visitor(t);
  const { keyboard } = page;
  walk.looks = false;
  await page.goto(`${stage.demo.partner_app}/link`);
  await tabTo(page, `institution-${AOBA}`);
  await keyboard.press("Enter");
  await walk.arrive("login");
  await tabTo(page, "skip-link");
  await tabTo(page, "login-id");
  await keyboard.type("aoba-master");
  await tabTo(page, "password");
  await keyboard.type(stage.demo.users.find(({ login_id: id }) => id === "aoba-master").password);
  await keyboard.press("Enter");
  await walk.arrive("operations");
  await tabTo(page, "next");
  await keyboard.press("Enter");
  await walk.arrive("pins");
  await tabTo(page, "select-1");
  await keyboard.press("Space");
  await tabTo(page, "pin-1");
  await keyboard.type("5283");
  await tabTo(page, "register");
  await keyboard.press("Enter");
  await walk.arrive("results");
  await tabTo(page, "confirm");
  await keyboard.press("Enter");
  await walk.arrive("permission");
  await tabTo(page, "intent");
  await keyboard.press("Space");
  await tabTo(page, "allow");
  await keyboard.press("Enter");
  await walk.linked();
});

test("the way past the head of the page leads to what the page is about", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await tabTo(page, "skip-link");
  await page.keyboard.press("Enter");
  await tabTo(page, "login-id");
});

test("whatever can be pressed is large enough for a finger", async (t) => {
  const { page, walk } = await stage.visitor(t, { viewport: NARROW, hasTouch: true });
  await walk.toPermission("sakura-master");
  const small = await page.locator("button, a.button, .choice").evaluateAll((controls) =>
    controls
      .map((control) => [control.textContent.trim(), control.getBoundingClientRect().height])
      .filter(([, height]) => height > 0 && height < 44),
  );
  assert.deepEqual(small, []);
});

test("a permission can be printed as a receipt", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.toPermission("sakura-master");
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.isVisible("#evidence"));
  assert.ok((await page.pdf({ format: "A4" })).length > 0);
});
