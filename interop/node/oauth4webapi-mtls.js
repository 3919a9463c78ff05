// npm oauth4webapi with a certificate (RFC 8705). The library picks the endpoints that ask for one; the connections are
// undici's, to which the library's requests are handed as they are.

import { readFileSync } from "node:fs";
import * as oauth from "oauth4webapi";
import { Agent, fetch } from "undici";
import { hear, numbersOf, tell } from "./conversation.js";

const given = JSON.parse(await hear());
const read = (path) => readFileSync(path);
const connect = { cert: read(given.certificate), key: read(given.key), ca: read(given.ca) };
const dispatcher = new Agent({ connect });
const options = {
  [oauth.allowInsecureRequests]: true,
  [oauth.customFetch]: (url, init) => fetch(url, { ...init, dispatcher }),
};
const issuer = new URL(given.issuer);
const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
const as = await oauth.processDiscoveryResponse(issuer, found);
tell("discovered", { issuer: as.issuer });

const client = { client_id: given.client_id, use_mtls_endpoint_aliases: true };
const auth = oauth.TlsClientAuth();
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const parameters = new URLSearchParams({
  response_type: "code",
  redirect_uri: given.redirect_uri,
  scope: given.scope,
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
const pushing = await oauth.pushedAuthorizationRequest(as, client, auth, parameters, options);
const pushed = await oauth.processPushedAuthorizationResponse(as, client, pushing);
tell("pushed", { request_uri: pushed.request_uri });

const url = new URL(as.authorization_endpoint);
url.searchParams.set("client_id", given.client_id);
url.searchParams.set("request_uri", pushed.request_uri);
console.log(`authorize ${url.href}`);
const answer = oauth.validateAuthResponse(as, client, new URL(await hear()), state);
tell("authorized", { iss: answer.get("iss") });

const exchange = [as, client, auth, answer, given.redirect_uri, verifier, options];
const exchanged = await oauth.authorizationCodeGrantRequest(...exchange);
const tokens = await oauth.processAuthorizationCodeResponse(as, client, exchanged);
tell("token", { token_type: tokens.token_type, scope: tokens.scope });

const accounts = new URL(`${given.api}/accounts`);
const numbers = async (token) =>
  numbersOf(await oauth.protectedResourceRequest(token, "GET", accounts, undefined, undefined, options));
tell("accounts", { numbers: await numbers(tokens.access_token) });
const refreshing = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, options);
const fresh = await oauth.processRefreshTokenResponse(as, client, refreshing);
tell("refreshed", { is_new: fresh.access_token !== tokens.access_token });
tell("accounts_again", { numbers: await numbers(fresh.access_token) });
process.exit(0);
