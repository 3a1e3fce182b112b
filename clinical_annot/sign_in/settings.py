"""Settings of django-allauth, and the provider that a site names in its environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from clinical_annot.sign_in import saml

APPS = [
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    # Reads what a SAML provider says; what speaks SAML is the extra `saml`.
    "allauth.socialaccount.providers.saml",
]
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]


def sign_in_settings(env: Env, data_dir: Path) -> dict[str, Any]:
    """Raises ImproperlyConfigured that names the variable."""
    return {
        **_OURS,
        # Counts of failed passwords must be one for all processes; several machines name a shared
        # cache.
        "CACHES": {
            "default": env.dj_cache_url("CLINICAL_ANNOT_CACHE_URL", f"file://{data_dir / 'cache'}")
        },
        "CLINICAL_ANNOT_OIDC_GROUPS": _groups(env.str("CLINICAL_ANNOT_OIDC_GROUPS", "{}")),
        "CLINICAL_ANNOT_OIDC_CLAIM": env.str("CLINICAL_ANNOT_OIDC_CLAIM", "groups"),
        "SOCIALACCOUNT_PROVIDERS": {
            **_provider(env),
            **saml.provider(
                env.str("CLINICAL_ANNOT_SAML_METADATA", ""),
                env.str("CLINICAL_ANNOT_SAML_NAME", "Single sign-on"),
            ),
        },
    }


_OURS: dict[str, Any] = {
    "ACCOUNT_ADAPTER": "clinical_annot.sign_in.adapters.AccountAdapter",
    "ACCOUNT_LOGIN_METHODS": {"username"},
    "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_LOGOUT_REDIRECT_URL": "/accounts/login/",
    "ACCOUNT_RATE_LIMITS": {"login": "300/m/ip", "login_failed": "30/m/ip,5/5m/key"},
    "ACCOUNT_REAUTHENTICATION_TIMEOUT": 300,
    "MFA_ADAPTER": "clinical_annot.sign_in.adapters.MfaAdapter",
    "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
    "MFA_PASSKEY_LOGIN_ENABLED": True,
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
    "MFA_TOTP_ISSUER": "ClinicalAnnot",
    "SOCIALACCOUNT_ADAPTER": "clinical_annot.sign_in.adapters.SocialAdapter",
    "SOCIALACCOUNT_AUTO_SIGNUP": True,
    "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,
    "SOCIALACCOUNT_STORE_TOKENS": False,
    # No mail leaves this server.
    "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
}


def _groups(text: str) -> dict[str, str]:
    """{"a group of the provider": "role" or "project:role"}."""
    try:
        found = json.loads(text)
        if not all(isinstance(name, str) and isinstance(to, str) for name, to in found.items()):
            raise ValueError
    except (ValueError, AttributeError):
        raise ImproperlyConfigured(
            'CLINICAL_ANNOT_OIDC_GROUPS: JSON like {"group": "project:role"} is expected'
        ) from None
    return dict(found)


def _provider(env: Env) -> dict[str, Any]:
    issuer = env.str("CLINICAL_ANNOT_OIDC_ISSUER", "")
    if not issuer:
        return {}
    client = env.str("CLINICAL_ANNOT_OIDC_CLIENT_ID", "")
    if not client:
        raise ImproperlyConfigured("CLINICAL_ANNOT_OIDC_CLIENT_ID: the provider's client is needed")
    return {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "site",
                    "name": env.str("CLINICAL_ANNOT_OIDC_NAME", "Single sign-on"),
                    "client_id": client,
                    "secret": env.str("CLINICAL_ANNOT_OIDC_SECRET", ""),
                    "settings": {
                        "server_url": issuer,
                        "scope": env.list("CLINICAL_ANNOT_OIDC_SCOPES", ["openid", "profile"]),
                    },
                }
            ],
        }
    }
