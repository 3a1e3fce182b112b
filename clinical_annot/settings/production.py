"""A site's settings: refuses to start when unsafe, naming the variable."""

from django.core.exceptions import ImproperlyConfigured

from clinical_annot.sign_in import saml

from .base import *  # noqa: F403
from .base import (
    ALLOWED_HOSTS,
    CLINICAL_ANNOT_DATA_DIR,
    CLINICAL_ANNOT_DESTROYED_FILE,
    CLINICAL_ANNOT_KEY_FILE,
    CLINICAL_ANNOT_KEY_PROVIDER,
    CSRF_TRUSTED_ORIGINS,
    SECRET_KEY,
    SOCIALACCOUNT_PROVIDERS,
)

if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("CLINICAL_ANNOT_SECRET_KEY: give at least 50 random characters")
if CLINICAL_ANNOT_KEY_FILE.is_relative_to(CLINICAL_ANNOT_DATA_DIR) and (
    CLINICAL_ANNOT_KEY_PROVIDER == "file" or CLINICAL_ANNOT_KEY_FILE.exists()
):
    raise ImproperlyConfigured(
        "CLINICAL_ANNOT_KEY_FILE lies inside CLINICAL_ANNOT_DATA_DIR: keep and back it up apart"
    )
if CLINICAL_ANNOT_DESTROYED_FILE.is_relative_to(CLINICAL_ANNOT_DATA_DIR):
    raise ImproperlyConfigured(
        "CLINICAL_ANNOT_DESTROYED_FILE lies inside CLINICAL_ANNOT_DATA_DIR: a restore of the data "
        "would take it along"
    )
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("CLINICAL_ANNOT_HOSTS: name the hosts this server answers to")

if any(not origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS):
    raise ImproperlyConfigured("CLINICAL_ANNOT_ORIGINS: only https:// origins are trusted")
for _kind, _provider in SOCIALACCOUNT_PROVIDERS.items():
    if any(not origin.startswith("https://") for origin in saml.origins({_kind: _provider})):
        _name = "SAML_METADATA" if _kind == "saml" else "OIDC_ISSUER"
        raise ImproperlyConfigured(f"CLINICAL_ANNOT_{_name}: the provider must speak https://")

SECURE_SSL_REDIRECT = True
# Asked from the same machine, past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
