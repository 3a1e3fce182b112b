"""The site's SAML 2.0 identity provider, from its metadata (the extra `saml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_NAME = "CLINICAL_ANNOT_SAML_METADATA"
ORGANISATION, PROVIDER = "site", "saml-site"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
# What providers call a person's user name and printed name, by name or by OID.
_USERNAMES = ["uid", "urn:oid:0.9.2342.19200300.100.1.1", "username"]


def provider(metadata: str, name: str) -> dict[str, Any]:
    """django-allauth's settings of the provider whose metadata stand in this file; empty without
    one. Raises ImproperlyConfigured that names the variable."""
    if not metadata:
        return {}
    try:
        from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
    except ImportError:
        raise ImproperlyConfigured(
            f"{_NAME}: this needs the extra: pip install 'clinical-annot[saml]'"
        ) from None
    try:
        content = Path(metadata).read_bytes()
        found = OneLogin_Saml2_IdPMetadataParser.parse(content).get("idp", {})
    except Exception as error:
        raise ImproperlyConfigured(
            f"{_NAME}: no metadata of an identity provider ({type(error).__name__})"
        ) from None
    return {"saml": {"APPS": [app(found, name)]}}


def app(idp: dict[str, Any], name: str) -> dict[str, Any]:
    """One provider as django-allauth takes it. Its assertions must be signed, answer a request of
    ours, and name a person by a persistent NameID, or each sign-in would be another person's."""
    sign_on = idp.get("singleSignOnService", {}).get("url", "")
    several = idp.get("x509certMulti", {}).get("signing", [])
    certificate = idp.get("x509cert") or (several[0] if several else "")
    if not (idp.get("entityId") and sign_on and certificate):
        raise ImproperlyConfigured(
            f"{_NAME}: the metadata names no entity, no redirect sign-on or no signing certificate"
        )
    return {
        "provider_id": PROVIDER,
        "name": name,
        "client_id": ORGANISATION,
        "settings": {
            "attribute_mapping": {"uid": [], "username": _USERNAMES},
            "idp": {
                "entity_id": idp["entityId"],
                "sso_url": sign_on,
                "x509cert": certificate,
            },
            "advanced": {
                "name_id_format": _PERSISTENT,
                "want_name_id": True,
                "want_assertion_signed": True,
                "reject_idp_initiated_sso": True,
                "reject_deprecated_algorithm": True,
                "strict": True,
            },
        },
    }


def origins(providers: dict[str, Any]) -> list[str]:
    """Where a sign-in form of ours leads on to: a browser asks the policy about that too."""
    addresses = [
        one["settings"].get("server_url", "") or one["settings"].get("idp", {}).get("sso_url", "")
        for held in providers.values()
        for one in held.get("APPS", [])
    ]
    parts = [urlsplit(address) for address in addresses if address]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts})


def claims_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes (each a list) as the claims that the rest of signing in reads."""
    names = ("displayName", "urn:oid:2.16.840.1.113730.3.1.241", "cn", "name")
    named: list[Any] = next((attributes[key] for key in names if attributes.get(key)), [])
    return {**attributes, "name": str(named[0]) if named else ""}
