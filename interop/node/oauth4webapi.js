// npm oauth4webapi with signed assertions and proofs.

import * as oauth from "oauth4webapi";
import { hear, keyOf } from "./conversation.js";
import { link } from "./linking.js";

const given = JSON.parse(await hear());
const client = { client_id: given.client_id };
const auth = oauth.PrivateKeyJwt({ key: await keyOf(given), kid: given.private_jwk.kid });
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("Ed25519"));
await link(given, client, auth, { DPoP, [oauth.allowInsecureRequests]: true });
process.exit(0);
