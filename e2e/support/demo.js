// The demo of the real binary: started on free ports with a data folder of its own, gone when the tests are over.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How long the demo may take from its start to its line of JSON, in milliseconds. */
const START_MS = 60_000;
/** How long it may take to stop before it is killed, in milliseconds. */
const STOP_MS = 10_000;

const BUILT = fileURLToPath(new URL("../../target/debug/renkei", import.meta.url));

/** The binary under test: `RENKEI_BINARY`, else the debug build of this checkout. */
function binary() {
  const path = process.env.RENKEI_BINARY ?? BUILT;
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: cargo build --bin renkei, or set RENKEI_BINARY`);
  }
  return path;
}

/** Ports that nobody uses now. All are held until all are known, so that they differ. */
async function freePorts(count) {
  const holders = [];
  for (let n = 0; n < count; n += 1) {
    const holder = createServer();
    await new Promise((resolve) => holder.listen(0, "127.0.0.1", resolve));
    holders.push(holder);
  }
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

/**
 * Starts the demo.
 *
 * @param {{ tls?: boolean }} options `tls`: everything over https.
 * @returns the demo's own description of itself, with `stop()`, `log()`, its data `folder`, and `renkei()` to run a
 * command of the binary on it.
 */
export async function startDemo({ tls = false } = {}) {
  const data = await mkdtemp(join(tmpdir(), "renkei-e2e-"));
  const [port, partnerPort, certificatePort] = await freePorts(3);
  const args = ["demo", "--data", join(data, "demo"), "--json", "--port", port];
  args.push("--partner-port", partnerPort, "--certificate-port", certificatePort, ...(tls ? ["--tls"] : []));
  const child = spawn(binary(), args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(patience);
    await rm(data, { recursive: true, force: true });
  };
  process.once("exit", () => child.kill("SIGKILL"));
  try {
    const described = await describe(child, exited);
    const origins = [described.issuers[0], described.partner_app, described.certificate_origin];
    const log = () => lines.join("\n");
    const folder = join(data, "demo");
    const renkei = (...parts) => spawnSync(binary(), [...parts, "--data", folder], { encoding: "utf8" });
    return { ...described, folder, renkei, origins: origins.map((url) => new URL(url).origin), stop, log };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${lines.join("\n")}`);
  }
}

/** The line of JSON the demo prints once it answers. */
async function describe(child, exited) {
  const printed = createInterface({ input: child.stdout });
  const line = new Promise((resolve) => printed.once("line", resolve));
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error("the demo did not start in time")), START_MS).unref();
  });
  const died = exited.then((code) => Promise.reject(new Error(`the demo ended with ${code}`)));
  died.catch(() => {});
  return JSON.parse(await Promise.race([line, died, late]));
}
