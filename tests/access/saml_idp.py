"""A SAML 2.0 identity provider on pysaml2, for the tests of single sign-on: a process and a virtual
environment of its own (pysaml2 with pyXMLSecurity shares nothing with python3-saml).

Arguments: port, folder with key.pem and cert.pem, the service provider's metadata (a file that may
come later), people as JSON {"login": ["group"]}.
"""

from __future__ import annotations

import base64
import html
import json
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_PERSISTENT
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA1, DIGEST_SHA256, SIG_RSA_SHA1, SIG_RSA_SHA256

PORT, FOLDER, THEIRS = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
PEOPLE: dict[str, list[str]] = json.loads(sys.argv[4])
BASE = f"http://127.0.0.1:{PORT}"


def config(with_theirs: bool) -> IdPConfig:
    said: dict[str, Any] = {
        "entityid": f"{BASE}/metadata",
        "crypto_backend": "XMLSecurity",
        "key_file": str(FOLDER / "key.pem"),
        "cert_file": str(FOLDER / "cert.pem"),
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": [(f"{BASE}/sso", BINDING_HTTP_REDIRECT)]},
                "sign_assertion": True,
                "sign_response": False,
                "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                "policy": {"default": {"lifetime": {"minutes": 5}}},
            }
        },
    }
    if with_theirs:
        said["metadata"] = {"local": [str(THEIRS)]}
    return IdPConfig().load(said)


@cache
def server() -> Server:
    return Server(config=config(with_theirs=True))


def answer_to(asked: str, login: str) -> tuple[str, str]:
    """(where to post it, the response in base64) for a request, as this person."""
    message = server().parse_authn_request(asked, BINDING_HTTP_REDIRECT).message
    where = server().response_args(message)
    response = server().create_authn_response(
        {"uid": [login], "displayName": [f"Dr {login}"], "groups": PEOPLE[login]},
        userid=login,
        authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": BASE},
        sign_assertion=True,
        sign_response=False,
        # What a provider of the past signs with.
        sign_alg=SIG_RSA_SHA1 if login == "sha1" else SIG_RSA_SHA256,
        digest_alg=DIGEST_SHA1 if login == "sha1" else DIGEST_SHA256,
        **where,
    )
    return where["destination"], base64.b64encode(str(response).encode()).decode()


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/metadata":
            self._say(create_metadata_string(None, config=config(False)), "text/xml")
        elif parts.path == "/sso":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._say(_form("/login", asked), "text/html")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        place, response = answer_to(given["SAMLRequest"], given["login"])
        sent = {"SAMLResponse": response, "RelayState": given.get("RelayState", "")}
        self._say(_form(place, sent), "text/html")

    def _say(self, content: str | bytes, kind: str) -> None:
        content = content.encode() if isinstance(content, str) else content
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _form(action: str, fields: dict[str, str]) -> str:
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return f'<form method="post" action="{html.escape(action)}">{inputs}<button>On</button></form>'


if __name__ == "__main__":
    httpd = HTTPServer(("127.0.0.1", PORT), Door)
    print("READY", flush=True)
    httpd.serve_forever()
