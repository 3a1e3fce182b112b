"""Signatures against the log: part of verifying the trail."""

from __future__ import annotations

import json

from apps.access import signing
from apps.access.models import Signature
from apps.audit.models import Event


def first_wrong_signature() -> str | None:
    """The first entry whose signature is gone, or is not what was signed; None when all hold."""
    events = Event.objects.filter(action__endswith=".signature", outcome="done")
    rows = {
        row.event: row for row in Signature.objects.select_related("signer").order_by("signed_at")
    }
    for event in events.select_related("leaf").order_by("leaf__seq"):
        place = f"entry {event.leaf.seq}" if hasattr(event, "leaf") else f"event {event.pk}"
        signature = rows.pop(event.pk, None)
        if signature is None:
            return f"{place}: its signature is missing"
        if not signing.is_valid(signature):
            return f"{place}: its signature is not the one that was given"
        logged = json.loads(bytes(event.entry))["public"]
        held = (signature.digest, signature.signer.pseudonym, signature.object_id)
        if held != (logged["digest"], logged["signer"], event.object_id):
            return f"{place}: its signature is of something else"
    if rows:
        return f"signature {next(iter(rows.values())).pk} was never logged"
    return None
