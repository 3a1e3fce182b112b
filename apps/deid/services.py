"""Verbs of de-identification: begin, propose, confirm, finish, hold."""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.deid import rules
from apps.deid.domain import accounting
from apps.deid.domain import decision as decisions
from apps.deid.domain.device import DeviceKey
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.reasons import REASON_TEXTS, Reason
from apps.deid.domain.seen import SeenPictures
from apps.deid.models import Deidentification, Device, ProjectSubject, SeenVideo
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import lookup_digest, seal_for, unseal_for
from apps.projects.models import Project
from apps.vault.models import VaultFile

State = ReceivedInstance.State
_PROPOSALS, _HARVEST, _PICTURES = "proposals", "harvest", "pictures"
_STEWARDS = {roles.DATA_STEWARD}


def reason_text(code: str) -> tuple[str, str]:
    """Sentence and remedy of a reason code."""
    try:
        text = REASON_TEXTS[Reason(code)]
    except ValueError:
        return (
            "De-identification did not come to its end.",
            "Retry; if it stays, tell the system administrator.",
        )
    return text.sentence, text.remedy


def device_digest(key: DeviceKey) -> bytes:
    """Keyed digest (32 bytes) under which a device is found again."""
    return lookup_digest("device", *map(str, astuple(key)))


@verb("deid.begin", roles={roles.SERVICE}, states=(State.RECEIVED, State.DEIDENTIFYING))
def begin(
    actor: Actor,
    received: ReceivedInstance,
    *,
    profile: str,
    version: int,
    digest: str,
    device: DeviceKey | None = None,
) -> Deidentification:
    """Take a received instance into de-identification under the project's profile; its device is
    noted, a new one as not seen before."""
    found, is_new = None, False
    if device is not None:
        names = json.dumps([device.manufacturer, device.model, device.software]).encode()
        found, is_new = Device.objects.get_or_create(
            project=received.project,
            key_digest=device_digest(device),
            defaults={
                "sealed_names": seal_for(None, names, "device"),
                "rows": device.rows,
                "columns": device.columns,
            },
        )
    received.state, received.reason = State.DEIDENTIFYING, ""
    received.save(update_fields=["state", "reason", "state_changed_at"])
    deid, _ = Deidentification.objects.update_or_create(
        instance=received,
        defaults={
            "profile": profile,
            "profile_version": version,
            "profile_digest": digest,
            "decision": None,
            "confirmed_by": None,
            "confirmed_at": None,
            "second_by": None,
            "second_at": None,
            "device": found,
        },
    )
    where = {"device": str(found.pk), "device_is_new": is_new} if found is not None else {}
    event(actor, received, public={"profile": digest, **where})
    return deid


def reviewers_needed(received: ReceivedInstance) -> int:
    """How many people confirm the pictures: two where the project or the profile asks for it."""
    if received.project.options.get("second_reviewer"):
        return 2
    deid = received.deidentification
    profile = rules.begun_with(
        received.project, deid.profile, deid.profile_version, deid.profile_digest
    )
    return profile.n_reviewers


def _refuse_unless_standing(deid: Deidentification, confirmed_at: datetime | None) -> None:
    """A worker that was paused past its lease must not finish by a decision that was replaced."""
    if deid.confirmed_at != confirmed_at:
        raise Conflict(
            "decision_changed", "Another decision stands by now.", "The newer one is carried out."
        )


@verb("deid.propose", roles={roles.SERVICE}, states=(State.DEIDENTIFYING, State.REDACTING))
def propose(
    actor: Actor,
    received: ReceivedInstance,
    *,
    harvest: bytes,
    proposals: dict[str, Any] | None,
    project_subject: ProjectSubject,
    has_pixels: bool,
    streams_dropped: list[str],
    stream_notes: list[tuple[str, str]],
    actions: dict[str, int],
    again: bool = False,
    confirmed_at: datetime | None = None,
    seen: SeenPictures | None = None,
) -> ReceivedInstance:
    """Keep what was found; with pictures a person decides next, unless the sender's choice does.

    ``stream_notes``: what is doubtful in the stream (code, words). ``again``: the second look found
    text; ``confirmed_at`` names the decision that was carried
    out. ``seen``: what a video's pictures are known by, for the library. Raises Conflict when
    another decision stands by now.
    """
    deid = received.deidentification
    _refuse_unless_standing(deid, confirmed_at if again else None)
    deid.project_subject = project_subject
    deid.sealed_harvest = seal_for(received.subject, harvest, _HARVEST)
    deid.report = {
        "streams_dropped": streams_dropped,
        "stream_notes": stream_notes,
        "actions": actions,
        "again": again,
    }
    if proposals is not None:
        deid.sealed_proposals = seal_for(
            received.subject, json.dumps(proposals).encode(), _PROPOSALS
        )
        deid.n_boxes, deid.n_spans = len(proposals["boxes"]), len(proposals["spans"])
    received.state = State.PIXEL_REVIEW if has_pixels else State.REDACTING
    by_choice = bool(received.pixels_choice and has_pixels and reviewers_needed(received) == 1)
    if by_choice and not again:
        deid.decision = _chosen(received.pixels_choice, proposals)
        deid.confirmed_by, deid.confirmed_at = actor.user, timezone.now()
        received.state = State.REDACTING
    elif again:
        deid.decision, deid.confirmed_by, deid.confirmed_at = None, None, None
        deid.second_by, deid.second_at = None, None
    deid.save()
    if not again:
        _keep_seen(deid, seen)
    received.save(update_fields=["state", "state_changed_at"])
    event(
        actor,
        received,
        public={
            "boxes": deid.n_boxes,
            "spans": deid.n_spans,
            "by_choice_of_sender": received.pixels_choice if by_choice else "",
            "again": again,
        },
    )
    return received


def _chosen(choice: str, proposals: dict[str, Any] | None) -> dict[str, Any]:
    if choice == "accept" and proposals is not None:
        return decisions.decision_from(proposals)
    return {"boxes": [], "spans": []}


def proposals_of(received: ReceivedInstance) -> dict[str, Any] | None:
    """What was proposed, with the text that was found: only for who confirms it."""
    sealed = received.deidentification.sealed_proposals
    if sealed is None:
        return None
    return dict(json.loads(unseal_for(received.subject, bytes(sealed), _PROPOSALS)))


def harvest_bytes_of(received: ReceivedInstance) -> bytes:
    sealed = received.deidentification.sealed_harvest
    return unseal_for(received.subject, bytes(sealed), _HARVEST) if sealed is not None else b"{}"


def _keep_seen(deid: Deidentification, seen: SeenPictures | None) -> None:
    forget_seen_pictures(deid.instance)
    if seen is not None:
        sealed = seal_for(deid.instance.subject, seen.to_bytes(), _PICTURES)
        SeenVideo.objects.create(deidentification=deid, sealed=sealed)


def seen_pictures_of(received: ReceivedInstance) -> SeenPictures | None:
    """What a video's pictures are known by since examination; None where nothing was kept."""
    row = SeenVideo.objects.filter(deidentification__instance=received).first()
    if row is None:
        return None
    return SeenPictures.from_bytes(unseal_for(received.subject, bytes(row.sealed), _PICTURES))


def forget_seen_pictures(received: ReceivedInstance) -> None:
    """Let them go once the clip holds its own; within the verb that made it ready."""
    SeenVideo.objects.filter(deidentification__instance=received).delete()


@verb(
    "deid.open_review",
    roles=_STEWARDS,
    states=(State.PIXEL_REVIEW, State.HELD, State.RECEIVED, State.DEIDENTIFYING, State.REDACTING),
)
def open_review(actor: Actor, received: ReceivedInstance) -> ReceivedInstance:
    """Look at an instance in quarantine: its pictures may show who the patient is."""
    event(actor, received)
    return received


@verb("deid.confirm", roles=_STEWARDS, states=(State.PIXEL_REVIEW,))
def confirm(
    actor: Actor, received: ReceivedInstance, *, decision: Any, batch_of: str = ""
) -> ReceivedInstance:
    """Confirm which boxes and spans are blanked and which are kept; redaction follows, where two
    are asked for once another person has confirmed the same.

    Every proposal is decided on: what is kept is said (``accounting``). ``decision["basis"]``,
    where it is sent, is what the person saw; Conflict when other things stand by now. A second
    person's other decision stands instead, and then waits for another. ``batch_of``: the id of the
    instance whose decision is carried over.
    """
    proposed = proposals_of(received)
    if proposed is None:
        raise Refused("nothing_proposed", "Nothing was proposed yet.", "Wait a moment.")
    deid, needs_two = received.deidentification, reviewers_needed(received) == 2
    if needs_two and deid.decision is not None and deid.confirmed_by_id == actor.user.pk:
        raise Conflict(
            "confirmed_by_you",
            "You have confirmed it: another person has to confirm the same.",
            "Ask another data steward.",
        )
    try:
        decisions.check_whole(decision)
        if decision.get("basis", "") not in ("", accounting.basis_of(proposed, deid.decision)):
            raise Conflict(
                "changed_meanwhile",
                "Something else stands by now: another person decided, or text was found again.",
                "Reload, and decide on what stands there.",
            )
        sent = decisions.checked(
            decision,
            proposed["width_px"],
            proposed["height_px"],
            proposed["n_frames"],
            len(proposed["boxes"]) + len(proposed["spans"]),
        )
        checked = accounting.accounted(proposed, sent, by_rule=bool(batch_of))
    except decisions.InvalidDecision as error:
        raise invalid(error) from None
    is_second = needs_two and deid.decision is not None and deid.decision == checked
    if is_second:
        deid.second_by, deid.second_at = actor.user, timezone.now()
    else:
        deid.decision = checked
        deid.confirmed_by, deid.confirmed_at = actor.user, timezone.now()
    deid.save(update_fields=["decision", "confirmed_by", "confirmed_at", "second_by", "second_at"])
    if is_second or not needs_two:
        received.state = State.REDACTING
        received.save(update_fields=["state", "state_changed_at"])
    event(
        actor,
        received,
        public={
            **accounting.decision_counts(checked),
            "confirmation": "second" if is_second else "first",
            "waits_for_second": needs_two and not is_second,
            **({"batch_of": batch_of} if batch_of else {}),
        },
    )
    return received


def invalid(error: decisions.InvalidDecision) -> Refused:
    """What is wrong with a decision, for the person who sent it."""
    said = f"{error.field} {error.message}."
    return Refused("invalid_decision", said, error.remedy, field=error.field)


@verb("deid.refuse_review", roles=_STEWARDS, states=(State.PIXEL_REVIEW,))
def refuse_review(actor: Actor, received: ReceivedInstance, *, note: str) -> ReceivedInstance:
    """Refuse another person's decision about the pictures, with a note; the instance is held."""
    deid = received.deidentification
    if deid.decision is None:
        raise Refused("nothing_confirmed", "Nobody has confirmed it yet.", "Confirm or reject it.")
    note = note_text(note, "note")
    # It is shown and reported: who is meant must not stand in it.
    if Harvest.from_bytes(harvest_bytes_of(received)).find_in_text(note):
        raise Refused(
            "note_identifies",
            "The note holds something that identifies the patient.",
            "Say what is wrong without names, numbers and dates.",
            field="note",
        )
    deid.decision, deid.confirmed_by, deid.confirmed_at = None, None, None
    deid.report = {**deid.report, "place": "", "findings": [], "note": note}
    deid.save(update_fields=["decision", "confirmed_by", "confirmed_at", "report"])
    received.state, received.reason = State.HELD, str(Reason.REVIEW_REFUSED)
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(
        actor,
        received,
        outcome="refused",
        public={"reason": str(Reason.REVIEW_REFUSED)},
        private={"note": note},
    )
    return received


@verb("deid.finish", roles={roles.SERVICE}, states=(State.REDACTING,))
def finish(
    actor: Actor,
    received: ReceivedInstance,
    *,
    output: VaultFile,
    report: dict[str, Any],
    decision: dict[str, Any] | None,
    confirmed_at: datetime | None,
    was_copied: bool = False,
) -> ReceivedInstance:
    """Clear an instance: the output is written, searched and clean.

    ``confirmed_at`` names the decision that was carried out; raises Conflict when another stands.
    """
    deid = received.deidentification
    _refuse_unless_standing(deid, confirmed_at)
    output.save(force_insert=True)
    deid.output, deid.report, deid.decision = output, report, decision
    deid.finished_at = timezone.now()
    deid.save()
    if not was_copied:
        # What was encoded shows other pictures than examination saw.
        forget_seen_pictures(received)
    received.state, received.reason = State.CLEARED, ""
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(
        actor,
        received,
        public={
            "profile": deid.profile_digest,
            "output_sha256": output.sha256,
            "actions": report.get("actions", {}),
            "scan_clean": True,
        },
    )
    return received


@verb(
    "deid.hold",
    roles={roles.SERVICE},
    states=(State.RECEIVED, State.DEIDENTIFYING, State.REDACTING, State.PIXEL_REVIEW),
)
def hold(
    actor: Actor,
    received: ReceivedInstance,
    *,
    reason: str,
    place: str = "",
    findings: list[dict[str, str]] | None = None,
) -> ReceivedInstance:
    """Hold an instance with a reason that the steward can act on; nothing of it goes further."""
    received.state, received.reason = State.HELD, reason[:60]
    received.save(update_fields=["state", "reason", "state_changed_at"])
    deid = Deidentification.objects.filter(instance=received).first()
    if deid is not None:
        deid.report = {**deid.report, "reason": reason, "place": place, "findings": findings or []}
        deid.save(update_fields=["report"])
    event(
        actor,
        received,
        outcome="refused",
        public={"reason": reason},
        private={"place": place[:100]},
    )
    return received


@verb("deid.folder", roles={roles.SERVICE}, lock=False)
def note_folder(
    actor: Actor, project: Project, *, outcome: str, profile: str, counts: dict[str, int]
) -> None:
    """Record that a folder was de-identified outside the store: begun, or done with its counts."""
    event(actor, project, outcome=outcome, public={"profile": profile, "counts": counts})
