"""Verbs by which a steward acts on a hold: remove, encode again, review, go without a mask."""

from __future__ import annotations

import re
from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.deid.domain.profile_rules import WRITTEN_BY_RULES
from apps.deid.domain.reasons import Remedy, remedies_of
from apps.deid.models import Deidentification
from apps.intake import corrections
from apps.intake.models import ReceivedInstance

State = ReceivedInstance.State
_STEWARDS = {roles.DATA_STEWARD}
_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_MOST_TAGS = 200


def removable_tags(report: dict[str, Any]) -> list[int]:
    """The attributes that a hold names (the innermost of each place), as whole numbers, sorted."""
    places = [str(report.get("place", ""))]
    places += [str(finding.get("place", "")) for finding in report.get("findings", [])]
    found = set()
    for place in places:
        named = _TAG.findall(place)
        if named and not place.startswith("file meta"):
            found.add(int("".join(named[-1]), 16))
    return sorted(found - WRITTEN_BY_RULES)


def tag_text(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@verb("deid.remove_and_retry", roles=_STEWARDS, states=(State.HELD,))
def remove_and_retry(actor: Actor, received: ReceivedInstance, *, tags: list[int]) -> None:
    """Remove the attributes that a hold names from this instance as well, and run the rules again.
    Only stricter: nothing that the profile removes comes back."""
    deid = _offered(received, Remedy.REMOVE)
    allowed = removable_tags(deid.report)
    wrong = [tag for tag in tags if tag not in allowed]
    if wrong or not tags:
        raise Refused(
            "not_named", "These are not the attributes that the hold names.", "Tick one of them.",
            field="tag",
        )  # fmt: skip
    chosen = sorted({*deid.choices.get("remove", []), *tags})[:_MOST_TAGS]
    _again(actor, received, deid, "remove", chosen, shown=[tag_text(tag) for tag in tags])


@verb("deid.encode_and_retry", roles=_STEWARDS, states=(State.HELD,))
def encode_and_retry(actor: Actor, received: ReceivedInstance) -> None:
    """Have every picture of this instance encoded again, and run the rules again."""
    _again(actor, received, _offered(received, Remedy.ENCODE), "encode_again", True)


@verb("deid.retry_without_mask", roles=_STEWARDS, states=(State.HELD,))
def retry_without_mask(actor: Actor, received: ReceivedInstance) -> None:
    """Review this instance though its device has no mask yet; one can be saved there."""
    _again(actor, received, _offered(received, Remedy.WITHOUT_MASK), "without_mask", True)


@verb("deid.to_review", roles=_STEWARDS, states=(State.HELD,))
def send_to_review(actor: Actor, received: ReceivedInstance) -> None:
    """Run the rules again; a person decides about the pictures, whatever the sender chose."""
    deid = _offered(received, Remedy.REVIEW)
    received.pixels_choice = ""
    received.save(update_fields=["pixels_choice"])
    _again(actor, received, deid, "review", True)


def _offered(received: ReceivedInstance, remedy: Remedy) -> Deidentification:
    """The instance's row, where its reason offers this remedy. Raises Refused."""
    if remedy not in remedies_of(received.reason):
        raise Refused(
            "not_offered", "This does not help with what holds it.", "Use what its reason offers."
        )
    corrections.require_none_open(received)
    return Deidentification.objects.get(instance=received)


def _again(
    actor: Actor,
    received: ReceivedInstance,
    deid: Deidentification,
    choice: str,
    value: Any,
    shown: Any = None,
) -> None:
    reason = received.reason
    deid.choices = {**deid.choices, choice: value}
    deid.save(update_fields=["choices"])
    received.state, received.reason = State.RECEIVED, ""
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(actor, received, public={"was": reason, choice: shown if shown is not None else value})
