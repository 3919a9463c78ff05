// npm openid-client. Everything is the library's.

import * as oauth from "openid-client";
import { hear, keyOf, numbersOf, tell } from "./conversation.js";

const given = JSON.parse(await hear());
const auth = oauth.PrivateKeyJwt({ key: await keyOf(given), kid: given.private_jwk.kid });
const options = { algorithm: "oauth2", execute: [oauth.allowInsecureRequests] };
const config = await oauth.discovery(new URL(given.issuer), given.client_id, undefined, auth, options);
tell("discovered", { issuer: config.serverMetadata().issuer });

const DPoP = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair("ES256"));
const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
const expectedState = oauth.randomState();
const parameters = {
  redirect_uri: given.redirect_uri,
  scope: given.scope,
  state: expectedState,
  code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
};
const url = await oauth.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
tell("pushed", { request_uri: url.searchParams.get("request_uri") });
console.log(`authorize ${url.href}`);
const back = new URL(await hear());

const checks = { pkceCodeVerifier, expectedState };
const tokens = await oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
tell("authorized", { iss: back.searchParams.get("iss") });
tell("token", { token_type: tokens.token_type, scope: tokens.scope });

const accounts = new URL(`${given.issuer}/api/v1/accounts`);
const read = async (token) =>
  numbersOf(await oauth.fetchProtectedResource(config, token, accounts, "GET", undefined, undefined, { DPoP }));
tell("accounts", { numbers: await read(tokens.access_token) });
const fresh = await oauth.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
tell("refreshed", { is_new: fresh.access_token !== tokens.access_token });
tell("accounts_again", { numbers: await read(fresh.access_token) });
process.exit(0);
