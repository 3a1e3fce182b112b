"""What django-allauth asks of a site: who may sign up, where secrets lie, who comes by it."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.access.actor import service
from apps.access.models import User
from apps.keys import keyring
from clinical_annot.sign_in import groups, saml
from clinical_annot.sign_in.events import note

_SEAL = "second-factor"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator or come from the site's provider: never by sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return str(request.META.get("REMOTE_ADDR", "")) or "0.0.0.0"  # noqa: S104

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises ValidationError while the account is locked; that is an event."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            known = User.objects.filter(username=credentials.get("username") or "").first()
            note("session.locked_out", request, known, outcome="refused")
            raise


class MfaAdapter(DefaultMFAAdapter):
    """Secrets of second factors lie sealed in the database."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(keyring.seal_for(None, text.encode(), _SEAL)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring.unseal_for(None, base64.b64decode(encrypted_text), _SEAL).decode()

    def generate_authenticator_name(self, user: User, type: str) -> str:
        return _("Passkey %(number)s") % {
            "number": Authenticator.objects.filter(user=user, type=type).count() + 1
        }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "ClinicalAnnot"}


class SocialAdapter(DefaultSocialAccountAdapter):
    """People of the site's provider: let in by their groups, which say their roles each time."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(groups.granted_by(_claims(sociallogin)))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if not sociallogin.is_existing:
            return
        if groups.sync(service("sign-in"), sociallogin.user, _claims(sociallogin)) == 0:
            note("session.sign_in", request, sociallogin.user, outcome="refused")
            raise ImmediateHttpResponse(redirect("socialaccount_login_cancelled"))

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """A person who comes for the first time; their account is an event."""
        user = sociallogin.user
        claims = _claims(sociallogin)
        user.printed_name = str(claims.get("name") or user.username)[:120]
        user.set_unusable_password()
        sociallogin.save(request)
        groups.welcome(service("sign-in"), user)
        groups.sync(service("sign-in"), user, claims)
        return user


def _claims(sociallogin: Any) -> dict[str, Any]:
    """What the provider says: the ID token's claims, then those of userinfo."""
    extra = sociallogin.account.extra_data
    if sociallogin.account.provider == saml.PROVIDER:
        return saml.claims_of(extra)
    return {**extra, **(extra.get("id_token") or {}), **(extra.get("userinfo") or {})}


def provider_addresses() -> list[dict[str, str]]:
    """Where a person signs in by a provider of the site, and what it is called."""
    found = []
    for kind, held in settings.SOCIALACCOUNT_PROVIDERS.items():
        for app in held["APPS"]:
            name = {"openid_connect": "openid_connect_login", "saml": "saml_login"}[kind]
            by = app["provider_id"] if kind == "openid_connect" else app["client_id"]
            found.append({"url": reverse(name, args=[by]), "name": app["name"]})
    return found
