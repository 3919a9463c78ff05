// Runs each client against the demo and tells what came of it.
//
// A client is a program. It is given one line of JSON on its standard input: issuer, client_id, redirect_uri, scope, the
// private key of its assertions as a JWK, the address of the account API, and where its certificate is. It prints `authorize URL`, reads the address the customer was sent back to,
// and then prints one line of JSON for each step it completed. What it is asked to do is in `STEPS`.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startDemo } from "../../e2e/support/demo.js";
import { CLIENTS } from "./clients.js";
import { permit } from "./walk.js";

/** How long a client may take, in milliseconds. */
const PATIENCE_MS = 180_000;
/** Whose accounts are linked: every PIN is registered, so the walk asks for none. */
const CUSTOMER = "sakura-master";
const HERE = fileURLToPath(new URL("..", import.meta.url));

/** What each client has to have done, and how that is seen. */
const STEPS = {
  discovered: (told, given) => told.issuer === given.issuer,
  pushed: (told) => told.request_uri.startsWith("urn:ietf:params:oauth:request_uri:"),
  authorized: (told, given) => told.iss === given.issuer,
  token: (told, given) => told.token_type.toLowerCase() === given.token_type && told.scope === given.scope,
  accounts: (told) => told.numbers.length === 2 && told.numbers.every((number) => /^\d{7}$/.test(number)),
  refreshed: (told) => told.is_new === true,
  accounts_again: (told) => told.numbers.length === 2,
};
/** What those have to have done that try something else. */
const OTHER_STEPS = {
  linked: (told) => told.accounts === 2,
  described: (told) => told.sound === true,
};

/** What one client is given of the demo. */
function givenOf(demo, client) {
  const line = demo.clients.find(({ product, issuer }) => product === client.product && issuer === demo.issuers[0]);
  const redirectUri = line.redirect_uris.find((uri) => uri.startsWith("https://"));
  return {
    issuer: line.issuer,
    client_id: line.client_id,
    redirect_uri: redirectUri,
    scope: "balances transactions",
    alg: line.alg,
    private_jwk: line.private_jwk,
    token_type: line.sender_constraint === "mtls" ? "bearer" : "dpop",
    // Certificates are shown at the listener that asks for them; the account API is there too.
    api: `${line.certificate ? `${demo.partner_tls_origin}${new URL(line.issuer).pathname}` : line.issuer}/api/v1`,
    certificate: line.certificate,
    key: line.key,
    ca: demo.ca,
  };
}

/** Lets one client do its work; gives what it told, by step. */
async function drive(client, given, user) {
  const [program, ...args] = client.command;
  const child = spawn(program, args, { cwd: `${HERE}${client.folder}`, stdio: ["pipe", "pipe", "pipe"] });
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const complaints = [];
  child.stderr.on("data", (data) => complaints.push(data));
  child.stdin.on("error", () => {});
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  child.stdin.write(`${JSON.stringify(given)}\n`);
  const told = {};
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = line.match(/^authorize (.*)$/) ?? [];
      if (url) {
        child.stdin.write(`${await permit(url, user, given.redirect_uri)}\n`);
      } else if (line.startsWith("{")) {
        const { step, ...rest } = JSON.parse(line);
        told[step] = rest;
      }
    }
    const status = await ended;
    if (status !== 0) {
      throw new Error(`it ended with ${status}`);
    }
    return { told };
  } catch (error) {
    return { told, fault: `${error.message}\n${Buffer.concat(complaints)}`.trim() };
  } finally {
    clearTimeout(late);
    child.kill("SIGKILL");
  }
}

/** The first step that is missing or wrong. */
function flaw(told, given, client) {
  const steps = client.steps?.map((step) => [step, OTHER_STEPS[step]]) ?? Object.entries(STEPS);
  const holds = (step, check) => {
    try {
      return check(told[step], given);
    } catch {
      return false;
    }
  };
  const wrong = steps.find(([step, check]) => !(step in told) || !holds(step, check));
  return wrong && `${wrong[0]}: ${JSON.stringify(told[wrong[0]])}`;
}

const names = process.argv.slice(2);
const chosen = CLIENTS.filter(({ name }) => names.length === 0 || names.includes(name));
const demo = await startDemo();
let failed = 0;
try {
  const user = demo.users.find(({ login_id: id }) => id === CUSTOMER);
  for (const client of chosen) {
    const given = givenOf(demo, client);
    const { told, fault } = await drive(client, given, user);
    const wrong = fault ?? flaw(told, given, client);
    failed += wrong ? 1 : 0;
    console.log(`${wrong ? "FAILED" : "passed"}  ${client.name.padEnd(24)} ${client.shows}`);
    if (wrong) {
      console.log(wrong.replace(/^/gm, "    "));
    }
  }
} finally {
  await demo.stop();
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
