// How a client talks with the runner: lines in, lines out.

import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** The next line the runner sent. */
export const hear = async () => (await lines.next()).value;

/** Tells the runner that a step is done. */
export const tell = (step, what) => console.log(JSON.stringify({ step, ...what }));

/** The private key of the assertions, as the platform's own. */
export function keyOf({ alg, private_jwk: jwk }) {
  const algorithm = {
    ES256: { name: "ECDSA", namedCurve: "P-256" },
    PS256: { name: "RSA-PSS", hash: "SHA-256" },
  }[alg];
  return crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
}

/** The account numbers of an answer of the account API. */
export const numbersOf = async (answer) => (await answer.json()).accounts.map(({ number }) => number);
