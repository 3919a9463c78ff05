// What a file of tests begins with: one demo, one Chromium, and browsers of people in it.

import { after, before } from "node:test";
import { launch, openContext } from "./browser.js";
import { startDemo } from "./demo.js";
import { Walk } from "./walk.js";

/** Sets the stage of a test file. The fields are there once its first test runs. */
export function setStage({ tls = false } = {}) {
  const stage = { demo: null, browser: null, visitor: null };
  before(async () => {
    stage.demo = await startDemo({ tls });
    stage.browser = await launch();
  });
  after(async () => {
    await stage.browser?.close();
    await stage.demo?.stop();
  });
  /** A person with a browser of its own; when the test is over, what the browser complained about fails it. */
  stage.visitor = async (t, options = {}) => {
    const opened = await openContext(stage.browser, stage.demo, options);
    t.after(opened.close);
    const page = await opened.newPage();
    return { ...opened, page, walk: new Walk(page, stage.demo) };
  };
  return stage;
}
