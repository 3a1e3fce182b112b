"""Background work of de-identification: examine what was received, write what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.cache import cache

from apps.access.actor import service
from apps.deid import devices, remedies, retention, rules, services, withdrawal
from apps.deid.domain import decision as decisions
from apps.deid.domain import pipeline
from apps.deid.domain.accounting import numbered
from apps.deid.domain.boxes import Box
from apps.deid.domain.device import DeviceKey, phantom_problems, vetted
from apps.deid.domain.harvest import Harvest, as_before, harvest_identifiers
from apps.deid.domain.header import DeidContext
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import Profile
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.refusals import StreamRefusal
from apps.deid.identity import Identity, identity_of
from apps.deid.known import subject_harvest
from apps.deid.models import Deidentification
from apps.intake import erased
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
from apps.jobs.work import FailedError, JobHandle, StoppedError, enqueue, job, on_parked, sweep
from apps.keys.keyring import open_vault_file, subject_key
from apps.vault.files import create_file, open_file, storage
from apps.vault.models import VaultFile

State = ReceivedInstance.State
LONG_BYTES = 64 << 20
_ROUNDS = 3


class DetectorFailed(Exception):
    """The text detector's process ended again and again: the job is tried again, then parked."""


@sweep
def find_received() -> int:
    """Queue what waits for its next step, in the order of arrival."""
    found = 0
    for state, kind in (
        (State.RECEIVED, "deid.examine"),
        (State.DEIDENTIFYING, "deid.examine"),
        (State.REDACTING, "deid.redact"),
    ):
        rows = ReceivedInstance.objects.filter(
            state=state, clash_with=None, original__isnull=False
        ).values_list("pk", "pixels_choice", "size_bytes")
        for pk, choice, size_bytes in rows.order_by("received_at")[:50]:
            found += enqueue(
                kind,
                pk,
                priority=6 if choice or kind == "deid.redact" else 2,
                is_long=size_bytes > LONG_BYTES,
            )
    return found


def _instance(handle: JobHandle, *states: str) -> ReceivedInstance | None:
    return (
        ReceivedInstance.objects.select_related("project", "subject", "original")
        .filter(pk=handle.job.object_id, state__in=states)
        .first()
    )


def _context(
    received: ReceivedInstance, profile: Profile, identity: Identity, others: Harvest | None
) -> DeidContext:
    return DeidContext(
        profile=profile,
        uid_key=identity.uid_key,
        pseudonym=identity.pseudonym,
        date_offset_s=identity.date_shift_s,
        harvest=others,
        pixels_confirmed=True,
        visual_features_confirmed=True,
    )


def others_harvest(received: ReceivedInstance) -> Harvest | None:
    """What the subject's other instances in this project held."""
    return subject_harvest(received.project, received.subject, received.pk)


@job("deid.examine")
def examine(handle: JobHandle) -> None:
    """Parse, harvest and propose; then a person decides."""
    received = _instance(handle, State.RECEIVED, State.DEIDENTIFYING)
    if received is None or received.original is None or received.subject is None:
        return
    worker = service("worker")
    profile = rules.chosen(received.project)
    deid = services.begin(
        worker,
        received,
        profile=profile.name,
        version=profile.version,
        digest=profile.sha256,
        device=_device_key(received),
    )
    received.refresh_from_db()
    masks = devices.mask_of(deid.device)
    if (missing := _missing(received, deid, profile, masks)) is not None:
        services.hold(worker, received, reason=str(missing))
        return
    identity = identity_of(received.project, received.subject, profile)
    profile = profile.without(frozenset(deid.choices.get("remove", [])))
    others = others_harvest(received)
    try:
        with open_vault_file(received.original) as source:
            found = pipeline.examine(
                source,  # type: ignore[arg-type]
                with_proposals=received.pixels_choice != "keep"
                or services.reviewers_needed(received) == 2,
                others=others,
                device_masks=masks,
                under_masks=deid.is_phantom,
                prove=True,
                header=_context(received, profile, identity, others),
                tell=handle.progress,
                cancelled=handle.cancelled,
            )
            actions = pipeline.header_actions(
                source,  # type: ignore[arg-type]
                _context(received, profile, identity, found.harvest),
            )
    except Refused as refusal:
        services.hold(worker, received, reason=str(refusal.reason), place=refusal.place)
        return
    except StreamRefusal as refusal:
        _stop_or_fail(refusal)
    if found.proposals is not None and profile.keeps_out_of_body:
        for span in found.proposals["spans"]:
            span["action"] = "keep"
    services.propose(
        worker,
        received,
        harvest=found.harvest.to_bytes(),
        proposals=found.proposals,
        project_subject=identity.row,
        has_pixels=found.kind != "none",
        streams_dropped=list(found.streams_dropped),
        stream_notes=list(found.notes),
        actions=actions,
        seen=found.seen,
    )


def _device_key(received: ReceivedInstance) -> DeviceKey | None:
    """The device as it may be stored; None where there are no pictures, or nothing can be read (the
    examination says why)."""
    assert received.original is not None
    try:
        with open_vault_file(received.original) as source:
            parsed = parse_instance(source)  # type: ignore[arg-type]
            key = pipeline.device_in(parsed)
            if key is None or devices.known(received.project, key) is not None:
                return key
            return vetted(key, harvest_identifiers(parsed.dataset))
    except Refused:
        return None


def _missing(
    received: ReceivedInstance, deid: Deidentification, profile: Profile, masks: Sequence[Box]
) -> Reason | None:
    """What stops it before anything is looked at: the subject withdrew, the device has no phantom
    yet, or no mask."""
    if withdrawal.is_withdrawn(received.project, received.subject):
        return Reason.SUBJECT_WITHDRAWN
    if deid.device is None or deid.is_phantom:
        return None
    if devices.is_gated(received.project, deid.device):
        return Reason.DEVICE_UNSEEN
    if profile.needs_device_mask and not masks and not deid.choices.get("without_mask"):
        return Reason.DEVICE_MASK_MISSING
    return None


def _stop_or_fail(refusal: StreamRefusal) -> None:
    if refusal.reason == "cancelled":
        raise StoppedError from None
    if refusal.reason == "detector_failed":
        raise DetectorFailed from None
    raise FailedError(refusal.reason) from None


@job("deid.redact")
def redact(handle: JobHandle) -> None:
    """Write the output as decided, search it, clear it; a hit stops it."""
    received = _instance(handle, State.REDACTING)
    if received is None or received.original is None or received.subject is None:
        return
    worker = service("worker")
    deid = received.deidentification
    profile = rules.begun_with(
        received.project, deid.profile, deid.profile_version, deid.profile_digest
    ).without(frozenset(deid.choices.get("remove", [])))
    identity = identity_of(received.project, received.subject, profile)
    decision = received.deidentification.decision
    proposals = services.proposals_of(received)
    by_choice, copy = received.pixels_choice, True
    for _ in range(_ROUNDS):
        try:
            output, produced, checked = _write_and_check(
                handle, received, profile, identity, decision, proposals, copy
            )
        except Refused as refusal:
            services.hold(worker, received, reason=str(refusal.reason), place=refusal.place)
            return
        except StreamRefusal as refusal:
            _stop_or_fail(refusal)
        if pipeline.left_in_stream(produced, checked):
            storage().delete(output.storage_name)
            copy = False
            continue
        if checked.findings:
            storage().delete(output.storage_name)
            in_tag = any(f.place.startswith(("header", "file meta")) for f in checked.findings)
            services.hold(
                worker,
                received,
                reason=str(
                    Reason.IDENTIFIER_LEFT_IN_TAG if in_tag else Reason.IDENTIFIER_LEFT_IN_STREAM
                ),
                place=checked.findings[0].place,
                findings=[{"place": f.place, "kind": f.kind} for f in checked.findings[:50]],
            )
            return
        if not checked.texts:
            _finish(worker, received, profile, produced, decision, checked, output)
            return
        storage().delete(output.storage_name)
        if proposals is None or by_choice != "accept":
            break
        # The sender's rule was to blank what is found: what the second look found goes as well.
        assert decision is not None
        decision = {**decision, "boxes": [*decision["boxes"], *_without_text(checked.texts)]}
    if proposals is None or decision is None:
        services.hold(worker, received, reason=str(Reason.IDENTIFIER_LEFT_IN_FRAME))
        return
    services.propose(
        worker,
        received,
        harvest=services.harvest_bytes_of(received),
        proposals=numbered(decisions.looked_at_again(proposals, decision, checked.texts)),
        project_subject=identity.row,
        has_pixels=True,
        streams_dropped=received.deidentification.report.get("streams_dropped", []),
        stream_notes=list(produced.notes),
        actions=dict(produced.header.actions),
        again=True,
        confirmed_at=received.deidentification.confirmed_at,
    )


def _without_text(boxes: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [{key: value for key, value in box.items() if key != "text"} for box in boxes]


def _write_and_check(
    handle: JobHandle,
    received: ReceivedInstance,
    profile: Profile,
    identity: Identity,
    decision: dict[str, Any] | None,
    proposals: dict[str, Any] | None,
    copy: bool,
) -> tuple[VaultFile, pipeline.Produced, pipeline.Checked]:
    assert received.original is not None and received.subject is not None
    harvest = Harvest.from_bytes(services.harvest_bytes_of(received))
    others = others_harvest(received)
    known = as_before(harvest.merge(others) if others is not None else harvest)
    key = subject_key(received.subject)
    with open_vault_file(received.original) as source, create_file("deidentified", key) as out:
        produced = pipeline.produce(
            source,  # type: ignore[arg-type]
            out,  # type: ignore[arg-type]
            _context(received, profile, identity, known),
            decision,
            copy=copy and not received.deidentification.choices.get("encode_again"),
            proven=services.seen_pictures_of(received) is not None,
            tell=handle.progress,
            cancelled=handle.cancelled,
        )
        output = out.finish()
    with open_file(output, key) as result:
        checked = pipeline.check(
            result,  # type: ignore[arg-type]
            known,
            profile,
            produced.header,
            decision,
            proposals,
            look_for_text=proposals is not None,
            tell=handle.progress,
            cancelled=handle.cancelled,
        )
    return output, produced, checked


def _finish(
    worker: Any,
    received: ReceivedInstance,
    profile: Profile,
    produced: pipeline.Produced,
    decision: dict[str, Any] | None,
    checked: pipeline.Checked,
    output: VaultFile,
) -> None:
    deid = received.deidentification
    if deid.is_phantom:
        storage().delete(output.storage_name)
        problems = phantom_problems(services.proposals_of(received), decision or {"boxes": []})
        devices.settle_phantom(worker, received, problems=problems)
        return
    confirmed_by = deid.confirmed_by.pseudonym if deid.confirmed_by else ""
    report = pipeline.report(
        profile,
        produced,
        deid.report.get("streams_dropped", []),
        decision,
        checked,
        confirmed_by,
        has_pixels=deid.decision is not None,
    )
    report["profile"]["approved_by"] = rules.approver_of(received.project, profile)
    report["second_confirmed_by"] = deid.second_by.pseudonym if deid.second_by else ""
    report["removed_by_steward"] = [
        remedies.tag_text(tag) for tag in deid.choices.get("remove", [])
    ]
    services.finish(
        worker,
        received,
        output=output,
        report=report,
        decision=decision,
        confirmed_at=deid.confirmed_at,
        was_copied=produced.was_copied,
    )
    retention.settle_original(worker, received)


@sweep
def let_originals_go() -> int:
    """Erase the originals that are due by their project's rule, and what a lifted hold had kept."""
    worker = service("worker")
    # Once a minute: what a release holds is read from its freeze, and little is ever left over.
    is_slow_turn = cache.add("retention/slow", True, 60)
    done = erased.finish_left_over() if is_slow_turn else 0
    done += retention.erase_due(worker, with_releases=is_slow_turn)
    return done + withdrawal.finish_held(worker)


@on_parked("deid.examine")
@on_parked("deid.redact")
def parked(row: Job) -> None:
    """What could not be done is held, so that a steward sees it."""
    received = ReceivedInstance.objects.filter(
        pk=row.object_id, state__in=(State.RECEIVED, State.DEIDENTIFYING, State.REDACTING)
    ).first()
    if received is not None:
        services.hold(service("worker"), received, reason="failed", place=row.reason)
