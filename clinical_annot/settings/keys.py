"""Who keeps the key-encryption key: read from the environment, checked before all else."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from apps.vault.domain.local_keys import NotKeysError, parse

PROVIDERS = ("file", "environment", "transit")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def key_settings(env: Env) -> tuple[str, str, dict[str, str]]:
    """Provider's name, the keys given in the environment, and what the transit provider takes.

    Raises ImproperlyConfigured, which names the variable and never quotes a secret.
    """
    provider = env.str("CLINICAL_ANNOT_KEY_PROVIDER", "file")
    if provider not in PROVIDERS:
        raise ImproperlyConfigured(
            f"CLINICAL_ANNOT_KEY_PROVIDER: give one of {', '.join(PROVIDERS)}"
        )
    keys = env.str("CLINICAL_ANNOT_KEYS", "")
    if provider == "environment":
        try:
            parse(keys)
        except NotKeysError as error:
            raise ImproperlyConfigured(f"CLINICAL_ANNOT_KEYS {error}") from None
    transit = {
        "url": env.str("CLINICAL_ANNOT_TRANSIT_URL", ""),
        "key": env.str("CLINICAL_ANNOT_TRANSIT_KEY", ""),
        "mount": env.str("CLINICAL_ANNOT_TRANSIT_MOUNT", "transit"),
        "token": env.str("CLINICAL_ANNOT_TRANSIT_TOKEN", ""),
        "token_file": env.str("CLINICAL_ANNOT_TRANSIT_TOKEN_FILE", ""),
        "ca_file": env.str("CLINICAL_ANNOT_TRANSIT_CA_FILE", ""),
    }
    if provider == "transit":
        _check(transit)
    return provider, keys, transit


def _check(transit: dict[str, str]) -> None:
    try:
        at = urlsplit(transit["url"])
        told = at.scheme in ("http", "https") and bool(at.hostname) and at.port != 0
    except ValueError:
        told = False
    if not told:
        raise ImproperlyConfigured(
            "CLINICAL_ANNOT_TRANSIT_URL: give the key server's address, https://host:port"
        )
    if at.scheme == "http" and at.hostname not in _LOOPBACK:
        raise ImproperlyConfigured(
            "CLINICAL_ANNOT_TRANSIT_URL: keys go over https, or over http on this machine only"
        )
    if not transit["key"]:
        raise ImproperlyConfigured("CLINICAL_ANNOT_TRANSIT_KEY: name the key-encryption key")
    if not transit["token"] and not transit["token_file"]:
        raise ImproperlyConfigured(
            "CLINICAL_ANNOT_TRANSIT_TOKEN_FILE (or CLINICAL_ANNOT_TRANSIT_TOKEN): give a token"
        )
