// A customer without a browser: the screens are plain forms, so following redirects, keeping cookies and sending the
// forms back is all it takes.

/** Pages a walk may take before it counts as lost. */
const STEPS_MAX = 12;

/** The value of an attribute within one tag. */
function attribute(tag, name) {
  return tag.match(new RegExp(` ${name}="([^"]*)"`))?.[1]?.replaceAll("&amp;", "&");
}

/** The inputs of a page: `[name, value, type]`. */
function inputsOf(page) {
  const tags = page.match(/<input[^>]*>/g) ?? [];
  return tags.map((tag) => [attribute(tag, "name"), attribute(tag, "value") ?? "", attribute(tag, "type")]);
}

/** What the customer fills in on each screen, beside the hidden fields. */
const ANSWERS = {
  login: (inputs, user) => [["login_id", user.login_id], ["password", user.password]],
  operations: () => [["operation", "balances"], ["operation", "transactions"]],
  existing: () => [["renew", "new"]],
  permission: (inputs) => [
    ...inputs.filter(([name]) => name === "account").map(([name, value]) => [name, value]),
    ["intent", "yes"],
    ["action", "allow"],
  ],
};

/** Asks, with the cookies kept so far, and keeps new ones. */
async function ask(cookies, url, form) {
  const options = { redirect: "manual", headers: { cookie: cookies.map(([k, v]) => `${k}=${v}`).join("; ") } };
  if (form) {
    Object.assign(options, { method: "POST", body: new URLSearchParams(form) });
    options.headers.origin = new URL(url).origin;
  }
  const answer = await fetch(url, options);
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    const known = cookies.findIndex(([kept]) => kept === name);
    cookies.splice(known < 0 ? cookies.length : known, 1, [name, value]);
  }
  const location = answer.headers.get("location");
  return { answer, next: location && new URL(location, url).href };
}

/** Walks from the authorization URL to the address the customer is sent back to. */
export async function permit(authorizationUrl, user, redirectUri) {
  const cookies = [];
  let { next, answer } = await ask(cookies, authorizationUrl);
  for (let step = 0; step < STEPS_MAX; step += 1) {
    if (!next) {
      throw new Error(`no way on: ${answer.status} ${answer.url}`);
    }
    if (next.startsWith(redirectUri)) {
      return next;
    }
    const page = await (await ask(cookies, next)).answer.text();
    const inputs = inputsOf(page);
    const hidden = inputs.filter(([, , type]) => type === "hidden").map(([name, value]) => [name, value]);
    const fill = ANSWERS[new URL(next).pathname.split("/").pop()];
    if (!fill) {
      throw new Error(`an unexpected screen: ${next}`);
    }
    ({ next, answer } = await ask(cookies, next, [...hidden, ...fill(inputs, user)]));
  }
  throw new Error("the walk does not end");
}
