"""What schemathesis has to know beside the document: how a request proves whose token it brings, and what exists."""

import json
import os

import requests
import schemathesis
from requests_oauth2client import DPoPKey
from requests_oauth2client.dpop import add_dpop_proof

FACTS = json.loads(os.environ["RENKEI_FACTS"])
KEY = DPoPKey(private_key=FACTS["dpop_key"])


class Proven(requests.auth.AuthBase):
    """The token, with a fresh proof for each request."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"DPoP {FACTS['access_token']}"
        add_dpop_proof(request, dpop_key=KEY, access_token=FACTS["access_token"])
        return request


schemathesis.auth.set_from_requests(Proven())


def mostly(known: list[str], generated: object) -> object:
    """Something that exists in place of most of what was made up: behind it lies more than a 404."""
    at = sum(str(generated).encode()) % 8
    return known[at % len(known)] if at < 6 else generated


@schemathesis.hook
def map_path_parameters(context, path_parameters):  # noqa: ANN001, ANN201
    for name in ("institution", "account"):
        if name in (path_parameters or {}):
            path_parameters[name] = mostly(FACTS[name], path_parameters[name])
    return path_parameters


@schemathesis.hook
def map_query(context, query):  # noqa: ANN001, ANN201
    for name in ("after", "cursor", "from", "to"):
        if name in (query or {}):
            query[name] = mostly(FACTS[name], query[name])
    return query
