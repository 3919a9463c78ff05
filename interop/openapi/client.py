"""schemathesis against the account API as its own document describes it: links an account as the client in ../python does,
and lets schemathesis make up requests with the token."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests_oauth2client import OAuth2Client, PrivateKeyJwt

HERE = Path(__file__).parent
# What is asked of each answer. What the document says a client may send, the server may still refuse: a mark of another
# account is a well-formed one.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
EXAMPLES = os.environ.get("RENKEI_EXAMPLES", "40")


def tell(step: str, **what: object) -> None:
    print(json.dumps({"step": step, **what}), flush=True)


def main() -> None:
    given = json.loads(sys.stdin.readline())
    issuer = given["issuer"]
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    client = OAuth2Client.from_discovery_endpoint(
        url=f"{origin}/.well-known/oauth-authorization-server{parts.path}",
        issuer=issuer,
        auth=PrivateKeyJwt(given["client_id"], given["private_jwk"], alg=given["alg"], aud=issuer),
        redirect_uri=given["redirect_uri"],
        dpop_bound_access_tokens=True,
        dpop_alg="ES256",
        testing=True,  # plain http on loopback
    )
    request = client.authorization_request(scope=given["scope"], nonce=None)
    print("authorize", client.pushed_authorization_request(request).uri, flush=True)
    token = client.authorization_code(request.validate_callback(sys.stdin.readline().strip()))

    api = f"{issuer}/api/v1"
    read = lambda path: requests.get(f"{api}{path}", auth=token, timeout=30).json()  # noqa: E731
    accounts = [account["account_id"] for account in read("/accounts")["accounts"]]
    first = f"/accounts/{accounts[0]}/transactions"
    days = ["2026-08-01", "2026-10-31"]
    facts = {
        "access_token": token.access_token,
        "dpop_key": token.dpop_key.private_key.to_dict(),
        "institution": [parts.path.strip("/")],
        "account": accounts,
        "after": [read(f"{first}?limit=3")["next_mark"]],
        "cursor": [read(f"{first}?from={days[0]}&to={days[1]}&limit=3")["next_cursor"]],
        "from": days[:1],
        "to": days[1:],
    }
    tell("linked", accounts=len(accounts))
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{issuer}/api/openapi.json", "--url", origin,
        "--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", "1", "--generation-database", "none",
        "--phases", "examples,coverage,fuzzing", "--rate-limit", "auto", "--continue-on-failure", "--no-color",
        "--warnings", "off", "--output-sanitize", "true",
    ]
    environment = {**os.environ, "RENKEI_FACTS": json.dumps(facts), "SCHEMATHESIS_HOOKS": "hooks"}
    ran = subprocess.run(command, env=environment, cwd=HERE, stdout=sys.stderr, check=False)
    if ran.returncode != 0:
        sys.exit(1)
    tell("described", sound=True)


main()
