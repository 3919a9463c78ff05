// Every screen as a person sees it: wide, narrow and dark, in artifacts/screens. Each is checked in each form: axe
// finds nothing, and nothing sticks out at 320 CSS pixels or at 200 % zoom.

import { test } from "node:test";
import { photograph } from "./support/browser.js";
import { setStage } from "./support/stage.js";
import { MINATO, userOf } from "./support/walk.js";

const stage = setStage();

test("the walk of a customer with three accounts, from the accounting site and back", async (t) => {
  const { page, walk } = await visitor(t);
  await page.goto(stage.demo.partner_app);
  await photograph(page, "01-partner-welcome");
  await page.goto(`${stage.demo.partner_app}/link`);
  await photograph(page, "02-partner-institutions");
  await walk.begin();
  await photograph(page, "03-login");
  await walk.logInAs("aoi-master", "not-the-password");
  await page.waitForSelector("#errors");
  await photograph(page, "04-login-refused");
  await walk.logInAs("aoi-master");
  await walk.arrive("operations");
  await photograph(page, "05-operations");
  await walk.chooseOperations();
  await walk.arrive("pins");
  await photograph(page, "06-pins");
  await walk.typePins({ 2000002: "73" });
  await walk.click("register");
  await page.waitForSelector("#errors");
  await photograph(page, "07-pins-not-four-digits");
  await walk.registerPins({ 2000002: "7391", "0300014": "0000" });
  await photograph(page, "08-results");
  await walk.click("more");
  await walk.arrive("pins");
  await photograph(page, "09-pins-staged");
  await walk.registerPins({ 1111111: "5937" });
  await walk.click("confirm");
  await walk.arrive("permission");
  await photograph(page, "10-permission");
  await walk.click("allow");
  await page.waitForSelector("#errors");
  await photograph(page, "11-permission-without-intent");
  await walk.allow();
  const linkage = await walk.linked();
  await photograph(page, "12-partner-linked");
  await page.click("a.account");
  await photograph(page, "13-partner-account");
  await page.goto(stage.demo.partner_app);
  await photograph(page, "14-partner-home");
  await page.goto(`${linkage}/unlink`);
  await photograph(page, "15-partner-unlink");
  await walk.begin();
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.click("skip");
  await walk.arrive("existing");
  await photograph(page, "16-existing");
  await walk.click("cancel");
  await walk.returned();
  await photograph(page, "17-partner-cancelled");
});

test("the pages of a customer who looks at linkages", async (t) => {
  const { page, walk } = await visitor(t);
  await walk.link("midori-master");
  await page.goto(`${stage.demo.origins[0]}/${MINATO}/my/login`);
  await photograph(page, "20-my-login");
  await walk.toMyLinkages("midori-master");
  await photograph(page, "21-my-linkages");
  await walk.click("linkage-1");
  await page.waitForSelector("#accounts");
  await photograph(page, "22-my-linkage");
  await walk.click("accounts");
  await walk.arrive("accounts");
  await photograph(page, "23-my-accounts");
  await page.goBack();
  await walk.click("stop");
  await walk.arrive("stop");
  await photograph(page, "24-my-stop");
  await walk.click("stop-confirm");
  await page.waitForSelector("#reference");
  await photograph(page, "25-my-stopped");
  await walk.click("back");
  await page.waitForSelector("article.linkage");
  await photograph(page, "26-my-linkages-ended");
});

test("what anybody may see, and where addresses lead nowhere", async (t) => {
  const { page } = await visitor(t);
  const [bank] = stage.demo.origins;
  await page.goto(bank);
  await photograph(page, "30-institutions");
  await page.goto(`${bank}/${MINATO}/`);
  await photograph(page, "31-public");
  await page.click("footer a");
  await photograph(page, "32-terms");
  await page.goto(`${bank}/${MINATO}/authorize?client_id=nobody&request_uri=nothing`);
  await photograph(page, "33-not-valid");
  await page.goto(`${bank}/nowhere/at/all`);
  await photograph(page, "34-not-found");
  await page.goto(`${bank}/${MINATO}/api/`);
  await photograph(page, "35-api");
});

test("the certificate pages, and a customer with twelve accounts", async (t) => {
  const { certificate: certPath, key: keyPath } = userOf(stage.demo, "aoi-cert");
  const clientCertificates = [{ origin: stage.demo.certificate_origin, certPath, keyPath }];
  const { page, walk } = await visitor(t, { clientCertificates, ignoreHTTPSErrors: true });
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  await photograph(page, "40-certificate");
  await page.goBack();
  await walk.logInAs("minato-master");
  await walk.chooseOperations();
  await walk.arrive("pins");
  await photograph(page, "41-pins-twelve");
});

test("the same in English", async (t) => {
  const { page, walk } = await visitor(t);
  await page.goto(`${stage.demo.partner_app}/?lang=en`);
  await photograph(page, "50-partner-welcome-en");
  await walk.begin();
  await photograph(page, "51-login-en");
  await walk.logInAs("sakura-master");
  await walk.arrive("operations");
  await photograph(page, "52-operations-en");
  await walk.chooseOperations();
  await walk.arrive("permission");
  await photograph(page, "53-permission-en");
  await walk.allow();
  await walk.linked();
  await photograph(page, "54-partner-linked-en");
});

/** Pictures are checked as they are taken, so arriving does not check them too. */
async function visitor(t, options) {
  const visitor = await stage.visitor(t, options);
  visitor.walk.looks = false;
  return visitor;
}
