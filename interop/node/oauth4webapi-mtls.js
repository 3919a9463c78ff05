// npm oauth4webapi with a certificate (RFC 8705). The library picks the endpoints that ask for one; the connections are
// undici's, to which the library's requests are handed as they are.

import { readFileSync } from "node:fs";
import * as oauth from "oauth4webapi";
import { Agent, fetch } from "undici";
import { hear } from "./conversation.js";
import { link } from "./linking.js";

const given = JSON.parse(await hear());
const read = (path) => readFileSync(path);
const connect = { cert: read(given.certificate), key: read(given.key), ca: read(given.ca) };
const dispatcher = new Agent({ connect });
const client = { client_id: given.client_id, use_mtls_endpoint_aliases: true };
await link(given, client, oauth.TlsClientAuth(), {
  [oauth.allowInsecureRequests]: true,
  [oauth.customFetch]: (url, init) => fetch(url, { ...init, dispatcher }),
});
process.exit(0);
