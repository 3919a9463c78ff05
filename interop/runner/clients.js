// The clients and what else is tried from outside: libraries of other people, unmodified, each with a program of ours around it that is as short as can be.

export const CLIENTS = [
  {
    name: "openid-client",
    folder: "node",
    command: ["node", "openid-client.js"],
    product: "test-ps256-fixed",
    shows: "npm: private_key_jwt PS256, DPoP ES256",
  },
  {
    name: "oauth4webapi",
    folder: "node",
    command: ["node", "oauth4webapi.js"],
    product: "test-es256-fixed",
    shows: "npm: private_key_jwt ES256, DPoP Ed25519",
  },
  {
    name: "oauth4webapi-mtls",
    folder: "node",
    command: ["node", "oauth4webapi-mtls.js"],
    product: "test-tls-mtls",
    shows: "npm: tls_client_auth, tokens bound to the certificate",
  },
  {
    name: "requests-oauth2client",
    folder: "python",
    command: ["../../target/interop/python/bin/python", "client.py"],
    product: "test-ps256-fixed",
    shows: "PyPI: private_key_jwt PS256, DPoP ES256, code bound by dpop_jkt",
  },
  {
    name: "nimbus",
    folder: "java",
    command: ["java", "-cp", "../../target/interop/java:../../target/interop/java/lib/*", "Client"],
    product: "test-es256-fixed",
    shows: "Maven: oauth2-oidc-sdk: private_key_jwt ES256, DPoP ES256",
  },
  {
    name: "nimbus-mtls",
    folder: "java",
    command: ["java", "-cp", "../../target/interop/java:../../target/interop/java/lib/*", "MtlsClient"],
    product: "test-self-signed-mtls",
    shows: "Maven: oauth2-oidc-sdk: self_signed_tls_client_auth, tokens bound to the certificate",
  },
  {
    name: "indigo",
    folder: "go",
    command: ["../../target/interop/go/client"],
    product: "test-es256-fixed",
    shows: "Go: atproto/auth/oauth: private_key_jwt ES256, DPoP ES256; metadata and callback are ours",
  },
  {
    name: "huskarl",
    folder: "rust",
    command: ["../../target/interop/rust/debug/client"],
    product: "test-es256-fixed",
    shows: "crates.io: private_key_jwt ES256, DPoP ES256",
  },
  {
    name: "schemathesis",
    folder: "openapi",
    command: ["../../target/interop/openapi/bin/python", "client.py"],
    product: "test-es256-fixed",
    shows: "PyPI: made-up requests to every operation of the OpenAPI document, each with a proof",
    steps: ["linked", "described"],
  },
];
