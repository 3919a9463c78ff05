// A partner that is not ours: the npm package openid-client, unmodified, with a client of the demo's registry.

import { webcrypto } from "node:crypto";
import * as oauth from "openid-client";

const ALGORITHMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
};

/** One product at one institution, with keys of its own. */
export class Partner {
  /**
   * @param product the registry's key of a product for tools, as `test-es256-choice`.
   * @param issuer the institution; the demo's first one when not named.
   */
  static async discover(demo, product, issuer = demo.issuers[0]) {
    const client = demo.clients.find((candidate) => candidate.product === product && candidate.issuer === issuer);
    const { kid } = client.private_jwk;
    const key = await webcrypto.subtle.importKey("jwk", client.private_jwk, ALGORITHMS[client.alg], false, ["sign"]);
    const config = await oauth.discovery(
      new URL(issuer),
      client.client_id,
      undefined,
      oauth.PrivateKeyJwt({ key, kid }),
      { algorithm: "oauth2", execute: issuer.startsWith("http:") ? [oauth.allowInsecureRequests] : [] },
    );
    const dpop = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair("ES256"));
    return new Partner(issuer, config, dpop, client.redirect_uris.find((uri) => uri.startsWith("https:")));
  }

  constructor(issuer, config, dpop, redirectUri) {
    Object.assign(this, { issuer, config, dpop, redirectUri });
  }

  /** Pushes a request; gives the address to send the customer to. */
  async push(parameters = {}) {
    this.verifier = oauth.randomPKCECodeVerifier();
    this.state = oauth.randomState();
    return oauth.buildAuthorizationUrlWithPAR(
      this.config,
      {
        redirect_uri: this.redirectUri,
        scope: "balances transactions",
        code_challenge: await oauth.calculatePKCECodeChallenge(this.verifier),
        code_challenge_method: "S256",
        state: this.state,
        ...parameters,
      },
      { DPoP: this.dpop },
    );
  }

  /** The address the browser is sent back to when this makes it leave. Nobody answers there. */
  async answered(page, act) {
    const leaving = page.waitForEvent("requestfailed", (request) => request.url().startsWith(this.redirectUri));
    await act();
    const { href } = new URL((await leaving).url());
    // The page that says that nobody answers has to be there before the browser can be sent on.
    await page.waitForURL("chrome-error://chromewebdata/");
    return new URL(href);
  }

  /** Exchanges the code of the address the browser came back to. */
  async redeem(answer) {
    const checks = { pkceCodeVerifier: this.verifier, expectedState: this.state };
    this.tokens = await oauth.authorizationCodeGrant(this.config, answer, checks, undefined, { DPoP: this.dpop });
    return this.tokens;
  }

  async refresh() {
    const { refresh_token: token } = this.tokens;
    const fresh = await oauth.refreshTokenGrant(this.config, token, undefined, { DPoP: this.dpop });
    // The refresh token stays the same, and is not sent again.
    this.tokens = { ...this.tokens, ...fresh };
    return fresh;
  }

  revoke() {
    return oauth.tokenRevocation(this.config, this.tokens.refresh_token);
  }

  /** Calls the account API with the access token; gives the answer, also where the token is refused. */
  async get(path) {
    const url = new URL(`${this.issuer}/api/v1/${path}`);
    const { access_token: token } = this.tokens;
    try {
      const options = { DPoP: this.dpop };
      return await oauth.fetchProtectedResource(this.config, token, url, "GET", undefined, undefined, options);
    } catch (error) {
      if (error instanceof oauth.WWWAuthenticateChallengeError) {
        return error.response;
      }
      throw error;
    }
  }
}
