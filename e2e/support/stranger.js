// Somebody else's site: it frames pages, sends forms and plants cookies, as an attacker would.

import { createServer } from "node:http";

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** Starts the site. It is reached as the same site (the demo's host) and as another site (another name for loopback). */
export async function openStranger(t) {
  const pages = new Map();
  const server = createServer((request, response) => {
    const page = pages.get(request.url);
    response.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8", ...page?.headers });
    response.end(page?.html ?? "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address();
  const show = (html, headers = {}) => {
    const path = `/${pages.size + 1}`;
    pages.set(path, { html, headers });
    return path;
  };
  return {
    /** Same site, another origin: the demo's cookies come along. */
    near: `http://127.0.0.1:${port}`,
    /** Another site. */
    far: `http://localhost:${port}`,
    show,
    /** A page with a frame around this address. */
    framing: (url) => show(`<!DOCTYPE html><title>x</title><iframe src="${escaped(url)}"></iframe>`),
    /** A page that sends a form as soon as it is there; `hidden` does so from a frame without an origin. */
    sending: (action, fields, { hidden = false } = {}) => {
      const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${escaped(value)}">`);
      const form = `<form method="post" target="_top" action="${escaped(action)}">${inputs.join("")}</form>
        <script>document.forms[0].submit()</script>`;
      const sandbox = "allow-forms allow-scripts allow-top-navigation";
      return show(
        `<!DOCTYPE html><title>x</title>` +
          (hidden ? `<iframe sandbox="${sandbox}" srcdoc="${escaped(form)}"></iframe>` : form),
      );
    },
  };
}
