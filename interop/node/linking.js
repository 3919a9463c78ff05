// The steps of a linkage with npm oauth4webapi. Everything is the library's; the caller names the steps.

import * as oauth from "oauth4webapi";
import { hear, numbersOf, tell } from "./conversation.js";

/** Links, reads, refreshes. `auth` says who the client is; `options` how requests go, and what tokens are bound to. */
export async function link(given, client, auth, options) {
  const issuer = new URL(given.issuer);
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
  const as = await oauth.processDiscoveryResponse(issuer, found);
  tell("discovered", { issuer: as.issuer });

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
  url.searchParams.set("client_id", client.client_id);
  url.searchParams.set("request_uri", pushed.request_uri);
  console.log(`authorize ${url.href}`);
  const answer = oauth.validateAuthResponse(as, client, new URL(await hear()), state);
  tell("authorized", { iss: answer.get("iss") });

  const exchange = [as, client, auth, answer, given.redirect_uri, verifier, options];
  const exchanged = await oauth.authorizationCodeGrantRequest(...exchange);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, exchanged);
  tell("token", { token_type: tokens.token_type, scope: tokens.scope });

  const accounts = new URL(`${given.api}/accounts`);
  const read = async (token) =>
    numbersOf(await oauth.protectedResourceRequest(token, "GET", accounts, undefined, undefined, options));
  tell("accounts", { numbers: await read(tokens.access_token) });
  const refreshing = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, options);
  const fresh = await oauth.processRefreshTokenResponse(as, client, refreshing);
  tell("refreshed", { is_new: fresh.access_token !== tokens.access_token });
  tell("accounts_again", { numbers: await read(fresh.access_token) });
}
