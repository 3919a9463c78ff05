"""PyPI requests-oauth2client. Everything is the library's, but for the address of the metadata: the library puts the name
of the document behind the issuer's path, RFC 8414 before it."""

import json
import sys
from urllib.parse import urlsplit

import requests
from requests_oauth2client import OAuth2Client, PrivateKeyJwt


def tell(step: str, **what: object) -> None:
    """Tells the runner that a step is done."""
    print(json.dumps({"step": step, **what}), flush=True)


def read(accounts: str, token: requests.auth.AuthBase) -> list[str]:
    """The account numbers, asked for with this token."""
    answer = requests.get(accounts, auth=token, timeout=30)
    answer.raise_for_status()
    return [account["number"] for account in answer.json()["accounts"]]


def metadata_url(issuer: str) -> str:
    """Where the metadata of an issuer with a path is (RFC 8414 section 3.1)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"


def main() -> None:
    given = json.loads(sys.stdin.readline())
    issuer = given["issuer"]
    auth = PrivateKeyJwt(given["client_id"], given["private_jwk"], alg=given["alg"], aud=issuer)
    client = OAuth2Client.from_discovery_endpoint(
        url=metadata_url(issuer),
        issuer=issuer,
        auth=auth,
        redirect_uri=given["redirect_uri"],
        dpop_bound_access_tokens=True,
        dpop_alg="ES256",
        testing=True,  # plain http on loopback
    )
    tell("discovered", issuer=client.issuer)

    request = client.authorization_request(scope=given["scope"], nonce=None)
    pushed = client.pushed_authorization_request(request)
    tell("pushed", request_uri=pushed.request_uri)
    print("authorize", pushed.uri, flush=True)

    answer = request.validate_callback(sys.stdin.readline().strip())
    tell("authorized", iss=answer.iss)
    token = client.authorization_code(answer)
    tell("token", token_type=token.token_type, scope=token.scope)

    accounts = f"{issuer}/api/v1/accounts"
    tell("accounts", numbers=read(accounts, token))
    fresh = client.refresh_token(token)
    tell("refreshed", is_new=fresh.access_token != token.access_token)
    tell("accounts_again", numbers=read(accounts, fresh))


main()
