// Certificate login (電子証明書方式): the browser shows the certificate over mutual TLS.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setStage } from "./support/stage.js";
import { AOBA, MINATO, userOf } from "./support/walk.js";

const stage = setStage();

/** What makes a browser show this user's certificate, and trust the demo's own authority. */
function showing(loginId) {
  const { certificate, key } = userOf(stage.demo, loginId);
  const origin = stage.demo.certificate_origin;
  return { clientCertificates: [{ origin, certPath: certificate, keyPath: key }], ignoreHTTPSErrors: true };
}

test("R-196 a certificate user links without a password, in a session that is new from the login on", async (t) => {
  const { page, walk, context } = await stage.visitor(t, showing("aoi-cert"));
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  const session = async () => (await context.cookies()).find(({ name }) => name === `renkei-${MINATO}`).value;
  const before = await session();
  assert.ok(page.url().startsWith(stage.demo.certificate_origin));
  assert.match(await walk.text(".facts"), /株式会社あおい商会.*aoi-cert/s);
  await walk.click("certificate-login");
  await walk.chooseOperations();
  assert.ok(page.url().startsWith(stage.demo.origins[0]), "back at the other listener");
  assert.notEqual(await session(), before);
  await walk.registerPins({ 2000002: "7391" });
  await walk.click("confirm");
  await walk.allow();
  await walk.linked();
});

test("a revoked certificate is refused on a page that leads back to the login", async (t) => {
  const { page, walk } = await stage.visitor(t, showing("aoi-revoked"));
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  assert.match(await walk.text("h1"), /電子証明書を確認できませんでした/);
  await walk.click("way-on");
  await walk.arrive("login");
  await page.goto(`${stage.demo.origins[0]}/${MINATO}/my/login`);
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  assert.match(await walk.text("h1"), /電子証明書を確認できませんでした/);
});

test("a browser without a certificate is told what to do", async (t) => {
  const { walk } = await stage.visitor(t, { ignoreHTTPSErrors: true });
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  assert.match(await walk.text("h1"), /電子証明書を確認できませんでした/);
});

test("a certificate of one institution's user is none at another institution", async (t) => {
  const { walk } = await stage.visitor(t, showing("aoi-cert"));
  await walk.begin(AOBA);
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  assert.match(await walk.text("h1"), /電子証明書を確認できませんでした/);
});

test("a certificate user can't log in by password", async (t) => {
  const { page, walk } = await stage.visitor(t);
  await walk.begin();
  await walk.logInAs("aoi-cert", userOf(stage.demo, "aoi-master").password);
  await page.waitForSelector("#errors");
});

test("a certificate user looks at linkages with the certificate", async (t) => {
  const { page, walk } = await stage.visitor(t, showing("aoba-cert"));
  await page.goto(`${stage.demo.origins[0]}/${AOBA}/my/login`);
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  await walk.click("certificate-login");
  await walk.arrive("linkages");
  assert.match(await walk.text(".who"), /aoba-cert/);
});

test("everything a certificate page offers works from there", async (t) => {
  const { page, walk } = await stage.visitor(t, showing("aoi-cert"));
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  const links = await page.locator("a[href]").evaluateAll((anchors) => anchors.map((anchor) => anchor.href));
  for (const link of links.filter((link) => !link.includes("#"))) {
    const answer = await page.request.get(link);
    assert.equal(answer.status(), 200, link);
  }
  await walk.click("extend");
  await walk.arrive("certificate");
  assert.equal(await page.isVisible("#extend"), false, "the time was extended");
  await walk.click("certificate-login");
  await walk.arrive("operations");
});
