"""Verbs on the places that releases are pushed to: DICOMweb services and buckets."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, NotFound, Refused
from apps.access.verb import event, verb
from apps.intake.pacs.client import PeerError
from apps.keys.keyring import seal_for
from apps.release.models import Destination, Sending
from apps.release.outside import SEALED_AS, way_to

Kind = Destination.Kind
FIELDS = ("name", "kind", "url", "bucket", "prefix", "region", "account", "secret",
          "ca_certificate")  # fmt: skip
_ADMINS = {roles.PACS_ADMINISTRATOR}
# Amazon's rules of a bucket's name; a prefix of plain words.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)*|")
_REGION = re.compile(r"[a-z0-9-]{0,40}")
_ACCOUNT = re.compile(r"[!-9;-~]{0,128}")


@verb("destination.add", roles=_ADMINS)
def add_destination(actor: Actor, _: None, **values: Any) -> Destination:
    """Enter a DICOMweb service or a bucket to which releases may be pushed."""
    fields, secret = _checked(values)
    made = Destination(**fields)
    if secret:
        made.sealed_secret = seal_for(None, secret.encode(), SEALED_AS)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise Refused(
            "taken", "A place of this name exists.", "Choose another.", field="name"
        ) from None
    event(actor, made, private=_told(made))
    return made


@verb("destination.remove", roles=_ADMINS)
def remove_destination(actor: Actor, place: Destination) -> None:
    """Remove such a place; its credentials are forgotten."""
    if place.removed_at is not None:
        raise NotFound
    if place.sendings.filter(state=Sending.State.QUEUED).exists():
        raise Conflict("being_sent", "A release is on its way there.", "Have it cancelled.")
    place.removed_at, place.sealed_secret = timezone.now(), None
    place.save(update_fields=["removed_at", "sealed_secret"])
    event(actor, place, private=_told(place))


@verb("destination.check", roles=_ADMINS)
def note_check(actor: Actor, place: Destination, *, reason: str) -> Destination:
    """Keep whether such a place answered to our credentials."""
    if place.removed_at is not None:
        raise NotFound
    place.check_reason, place.checked_at = reason, timezone.now()
    place.save(update_fields=["check_reason", "checked_at"])
    event(
        actor,
        place,
        outcome="failed" if reason else "done",
        private={"reason": reason, "name": place.name},
    )
    return place


def ask(place: Destination) -> str:
    """Try a place, outside any transaction: "" or the reason code."""
    try:
        way_to(place, "").check()
    except PeerError as error:
        return error.reason
    return ""


def _told(place: Destination) -> dict[str, Any]:
    return {name: getattr(place, name) for name in FIELDS if name not in ("secret", "account")}


def _checked(values: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The fields as they are stored, and the secret. Raises Refused that names the field."""
    text = {name: str(values.get(name) or "").strip() for name in FIELDS}
    secret = text.pop("secret")
    if not 1 <= len(text["name"]) <= 60:
        raise Refused("name", "A name of 1 to 60 characters is needed.", "Name it.", field="name")
    if text["kind"] not in Kind.values:
        raise Refused("kind", "There is no such way.", "Choose one.", field="kind")
    is_bucket = text["kind"] == Kind.BUCKET
    if text["url"] or not is_bucket:
        _check_url(text["url"])
    if len(secret) > 4096 or not secret.isprintable() or not _ACCOUNT.fullmatch(text["account"]):
        raise Refused(
            "secret",
            "The account or its secret holds what neither can.",
            "Copy both anew.",
            field="account",
        )
    if is_bucket:
        _check_bucket(text, secret)
    else:
        text |= {"bucket": "", "prefix": "", "region": ""}
    _check_certificate(text["ca_certificate"], is_bucket)
    return text, secret


def _check_url(url: str) -> None:
    """https, or plain HTTP on this machine: what goes there carries credentials."""
    try:
        parts = urlsplit(url)
        plain = len(url) <= 400 and not (parts.query or parts.fragment or parts.username)
        parts.port  # noqa: B018  raises for what is no number
        host = parts.hostname or ""
        is_fit = plain and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host)))
    except ValueError:
        host, is_fit = "", False
    if not host or not is_fit:
        raise Refused(
            "url",
            "The address is not https://host/path without a query (http:// on this machine alone).",
            "Give the address of the DICOMweb service, or of the store.",
            field="url",
        )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_bucket(text: dict[str, str], secret: str) -> None:
    if find_spec("boto3") is None:
        raise Refused(
            "kind",
            "This server has no S3 client.",
            "Have its administrator install requirements-s3.lock.",
            field="kind",
        )
    for name, form in (("bucket", _BUCKET), ("prefix", _PREFIX), ("region", _REGION)):
        if not form.fullmatch(text[name]) or len(text[name]) > 200:
            raise Refused(name, f"The {name} is not one of S3.", "Correct it.", field=name)
    if not text["account"] or not secret:
        raise Refused(
            "account", "Access key and secret key are needed.", "Enter both.", field="account"
        )


def _check_certificate(text: str, is_bucket: bool) -> None:
    from cryptography.x509 import load_pem_x509_certificates

    if not text:
        return
    try:
        found = [] if is_bucket else load_pem_x509_certificates(text[:100_000].encode())
    except ValueError:
        found = []
    if not found:
        raise Refused(
            "ca_certificate",
            "A store's certificate must be one that the system trusts."
            if is_bucket
            else "This is no certificate in PEM form.",
            "Leave it empty."
            if is_bucket
            else "Paste the certificate of the peer's authority, or leave it empty.",
            field="ca_certificate",
        )
