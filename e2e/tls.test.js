// Everything over TLS, as an installation is reached: the browser and the partner trust the demo's own authority.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setStage } from "./support/stage.js";
import { MINATO, accountsShown, userOf } from "./support/walk.js";

const stage = setStage({ tls: true });

/** Chromium keeps authorities in a store of the system's; this one browser takes the demo's as it is. */
const TRUSTING = { ignoreHTTPSErrors: true };

test("the whole walk over TLS, with cookies that belong to this host alone", async (t) => {
  const { context, page, walk } = await stage.visitor(t, TRUSTING);
  await walk.begin();
  assert.ok(page.url().startsWith("https:"));
  await walk.logInAs("aoi-master");
  await walk.chooseOperations();
  await walk.registerPins({ 2000002: "7391" });
  await walk.click("confirm");
  const institution = stage.demo.origins[0];
  const cookies = (await context.cookies(institution)).filter(({ name }) => name.includes("renkei"));
  assert.ok(cookies.length > 0);
  for (const cookie of cookies) {
    assert.match(cookie.name, /^__Host-renkei/);
    assert.deepEqual(
      { secure: cookie.secure, httpOnly: cookie.httpOnly, sameSite: cookie.sameSite, path: cookie.path },
      { secure: true, httpOnly: true, sameSite: "Lax", path: "/" },
    );
  }
  await walk.allow();
  await walk.linked();
  assert.equal((await accountsShown(page)).length, 1);
});

test("every answer says to come back over TLS only", async (t) => {
  const { context } = await stage.visitor(t, TRUSTING);
  for (const path of [`/${MINATO}/`, `/${MINATO}/my/login`, "/nowhere", `/${MINATO}/jwks`]) {
    const answer = await context.request.get(`${stage.demo.origins[0]}${path}`);
    assert.match(answer.headers()["strict-transport-security"] ?? "", /max-age=\d{8,}/, path);
  }
});

test("a certificate user links over TLS from end to end", async (t) => {
  const { certificate: certPath, key: keyPath } = userOf(stage.demo, "aoi-cert");
  const clientCertificates = [{ origin: stage.demo.certificate_origin, certPath, keyPath }];
  const { walk } = await stage.visitor(t, { ...TRUSTING, clientCertificates });
  await walk.begin();
  await walk.click("certificate-login");
  await walk.arrive("certificate");
  await walk.click("certificate-login");
  await walk.chooseOperations();
  await walk.arrive("pins");
});

test("a program that trusts the demo's authority reaches it, and no other does", () => {
  const program = "fetch(process.argv[1]).then((answer) => process.exit(answer.ok ? 0 : 2), () => process.exit(3))";
  const reach = (env) => {
    const options = { cwd: fileURLToPath(new URL(".", import.meta.url)), env: { ...process.env, ...env } };
    const issuer = new URL(stage.demo.issuers[0]);
    const metadata = `${issuer.origin}/.well-known/oauth-authorization-server${issuer.pathname}`;
    return spawnSync(process.execPath, ["-e", program, metadata], options).status;
  };
  assert.equal(reach({ NODE_EXTRA_CA_CERTS: stage.demo.ca }), 0);
  assert.equal(reach({ NODE_EXTRA_CA_CERTS: "" }), 3);
});
