// Chromium, and what every page of every test has to hold.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright-core";

/** A desk's screen, in CSS pixels. */
export const WIDE = { width: 1280, height: 900 };
/** The narrowest screen the pages are made for (WCAG 1.4.10), in CSS pixels. */
export const NARROW = { width: 320, height: 640 };
/** The desk's screen at 200 % zoom: half as many CSS pixels. */
export const ZOOMED = { width: 640, height: 450 };

/** How long a page may take to show what is waited for, in milliseconds; a busy machine needs some. */
const PATIENCE_MS = 15_000;
const SCREENS = fileURLToPath(new URL("../../artifacts/screens/", import.meta.url));
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** What Chromium says of a page whose status is an error, although the page is shown as it should be. */
const REFUSED_PAGE = /^Failed to load resource: the server responded with a status of 4\d\d/;

/** Starts Chromium, with nothing going on in the background. */
export function launch(options = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
    ...options,
  });
}

/**
 * A browser of a person's own, watched: whatever the console complains about, and whatever is asked of anybody but
 * the demo, is a fault that `close()` reports.
 */
export async function openContext(browser, demo, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, locale: "ja-JP", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  const origins = new Set(demo.origins);
  context.on("request", (request) => {
    const { origin } = new URL(request.url());
    if (!origins.has(origin)) {
      faults.push(`asked elsewhere: ${request.url()}`);
    }
  });
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !REFUSED_PAGE.test(message.text())) {
      faults.push(`console: ${message.text()} (${message.page()?.url()})`);
    }
  });
  context.on("weberror", (error) => faults.push(`script: ${error.error().message}`));
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, [], "a browser saw what it should not");
  };
  return { context, close, newPage: () => context.newPage(), allow: (origin) => origins.add(origin) };
}

/** What axe has against the page as it stands. */
export async function assertAccessible(page) {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (tags) => {
    const result = await globalThis.axe.run(document, {
      runOnly: { type: "tag", values: tags },
      resultTypes: ["violations"],
      preload: false,
    });
    const where = (nodes) => nodes.map((node) => node.html).join(" | ");
    return result.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${where(nodes)}`);
  }, AXE_TAGS);
  assert.deepEqual(violations, [], `axe at ${page.url()}`);
}

/** Nothing sticks out sideways. */
export async function assertNoSidewaysScroll(page) {
  const [content, window] = await page.evaluate(() => {
    const root = document.documentElement;
    return [root.scrollWidth, root.clientWidth];
  });
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`);
}

/** Looks at the page in every size and colour it is made for, checks it in each, and keeps a picture of each. */
export async function photograph(page, name) {
  mkdirSync(SCREENS, { recursive: true });
  const keep = (kind) => page.screenshot({ path: `${SCREENS}${name}-${kind}.png`, fullPage: true });
  await assertAccessible(page);
  await keep("wide");
  await page.setViewportSize(ZOOMED);
  await assertNoSidewaysScroll(page);
  await page.setViewportSize(NARROW);
  await assertNoSidewaysScroll(page);
  await assertAccessible(page);
  await keep("narrow");
  await page.setViewportSize(WIDE);
  // Colours that fade into each other are no colours to be measured.
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await assertAccessible(page);
  await keep("dark");
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}
