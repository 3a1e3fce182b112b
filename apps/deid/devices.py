"""Verbs on devices: masks, the phantom gate, and one decision for all that waits from a device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.deid import policy, services
from apps.deid.domain import decision as decisions
from apps.deid.domain.boxes import Box
from apps.deid.domain.device import DeviceKey, batch_decision, mask_boxes, mask_from
from apps.deid.domain.reasons import Reason
from apps.deid.models import Deidentification, Device, DeviceMask
from apps.intake.models import ReceivedInstance
from apps.projects.models import Project

State = ReceivedInstance.State
_STEWARDS = {roles.DATA_STEWARD}
_GATED = (Reason.DEVICE_UNSEEN, Reason.PHANTOM_FAILED)
_PROVEN = (Device.State.PASSED, Device.State.RELEASED)


def known(project: Project, key: DeviceKey | None) -> Device | None:
    """The project's device of this key, if it was met before."""
    if key is None:
        return None
    return Device.objects.filter(project=project, key_digest=services.device_digest(key)).first()


def mask_of(device: Device | None) -> list[Box]:
    """The boxes of the mask in force; empty where the device has none."""
    mask = DeviceMask.objects.filter(device=device, retired_at=None).first() if device else None
    return mask_boxes(mask.boxes) if mask is not None else []


def is_gated(project: Project, device: Device | None) -> bool:
    """Whether the phantom gate holds what comes from this device."""
    if not policy.option(project, "phantom_gate"):
        return False
    return device is None or device.state not in _PROVEN


@verb("deid.save_mask", roles=_STEWARDS, states=(State.PIXEL_REVIEW,))
def save_mask(actor: Actor, received: ReceivedInstance, *, decision: Any) -> DeviceMask:
    """Save the boxes that a review blanks in the whole clip as the mask of its device; the one
    before is retired, and what was held for want of a mask goes on."""
    deid, proposed = received.deidentification, services.proposals_of(received)
    if deid.device is None or proposed is None:
        raise Refused("no_device", "The instance names no picture size.", "Blank it by hand.")
    try:
        checked = decisions.checked(
            decision, proposed["width_px"], proposed["height_px"], proposed["n_frames"]
        )
    except decisions.InvalidDecision as error:
        raise services.invalid(error) from None
    boxes = mask_from(checked, proposed["n_frames"])
    if not boxes:
        raise Refused(
            "nothing_to_mask",
            "No box is blanked in the whole clip.",
            "Add a box first, or let one stand for the whole clip.",
            field="boxes",
        )
    now = timezone.now()
    DeviceMask.objects.filter(device=deid.device, retired_at=None).update(
        retired_at=now, retired_by=actor.user
    )
    mask = DeviceMask.objects.create(device=deid.device, boxes=boxes, author=actor.user)
    event(
        actor,
        mask,
        public={"device": str(deid.device_id), "boxes": len(boxes), "from": str(received.pk)},
    )
    _go_on(actor, deid.device, (Reason.DEVICE_MASK_MISSING,))
    return mask


@verb("deid.retire_mask", roles=_STEWARDS, states=("in_force",))
def retire_mask(actor: Actor, mask: DeviceMask) -> DeviceMask:
    """Retire a mask: it is proposed no more; what it blanked stays blank."""
    mask.retired_at, mask.retired_by = timezone.now(), actor.user
    mask.save(update_fields=["retired_at", "retired_by"])
    event(actor, mask, public={"device": str(mask.device_id)})
    return mask


@verb("deid.run_phantom", roles=_STEWARDS, states=(State.HELD,))
def run_phantom(actor: Actor, received: ReceivedInstance) -> ReceivedInstance:
    """Say that a held instance is the phantom of its device: it goes through the rules to prove
    it, and becomes no clip."""
    if received.reason not in _GATED:
        raise Refused(
            "not_gated", "It is not held by the phantom gate.", "Use what its reason offers."
        )
    Deidentification.objects.filter(instance=received).update(is_phantom=True)
    # A person looks: what the sender chose for the pictures would prove nothing.
    received.pixels_choice = ""
    received.save(update_fields=["pixels_choice"])
    return _back(actor, received, phantom=True)


@verb("deid.settle_phantom", roles={roles.SERVICE}, states=(State.REDACTING,))
def settle_phantom(
    actor: Actor, received: ReceivedInstance, *, problems: list[str]
) -> ReceivedInstance:
    """End a phantom's way: its device passes and what waits for it goes on, or it is held with
    what failed. Nothing of a phantom is kept as a clip."""
    deid = received.deidentification
    if problems:
        received.state, received.reason = State.HELD, str(Reason.PHANTOM_FAILED)
        deid.report = {**deid.report, "place": problems[0], "findings": []}
        deid.save(update_fields=["report"])
    else:
        assert deid.device_id is not None
        received.state, received.reason = State.REJECTED, "phantom"
        Device.objects.filter(pk=deid.device_id).update(
            state=Device.State.PASSED, state_at=timezone.now(), state_by=None, note=""
        )
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(
        actor,
        received,
        outcome="refused" if problems else "done",
        public={"device": str(deid.device_id), "passed": not problems, "problems": problems},
    )
    if not problems and deid.device is not None:
        _go_on(actor, deid.device, _GATED)
    return received


@verb("deid.release_device", roles=_STEWARDS, states=(Device.State.UNSEEN,))
def release_device(actor: Actor, device: Device, *, reason: str) -> Device:
    """Let a device through the gate without a phantom, with a reason; what waits goes on."""
    note = note_text(reason)
    device.state, device.state_at = Device.State.RELEASED, timezone.now()
    device.state_by, device.note = actor.user, note
    device.save(update_fields=["state", "state_at", "state_by", "note"])
    event(actor, device, private={"reason": note})
    _go_on(actor, device, _GATED)
    return device


@verb("deid.gate_device", roles=_STEWARDS, states=_PROVEN)
def gate_device(actor: Actor, device: Device, *, reason: str) -> Device:
    """Put a device behind the phantom gate again, with a reason."""
    note = note_text(reason)
    device.state, device.state_at = Device.State.UNSEEN, timezone.now()
    device.state_by, device.note = actor.user, note
    device.save(update_fields=["state", "state_at", "state_by", "note"])
    event(actor, device, private={"reason": note})
    return device


@verb("deid.go_on", roles={*_STEWARDS, roles.SERVICE}, states=(State.HELD,))
def go_on(actor: Actor, received: ReceivedInstance) -> ReceivedInstance:
    """Send an instance through the rules again, because what its device waited for is there."""
    return _back(actor, received)


def _go_on(actor: Actor, device: Device, reasons: Iterable[Reason]) -> None:
    held = ReceivedInstance.objects.filter(
        deidentification__device=device, state=State.HELD, reason__in=[str(r) for r in reasons]
    )
    for row in held:
        go_on(actor, row)


def _back(actor: Actor, received: ReceivedInstance, **public: Any) -> ReceivedInstance:
    received.state, received.reason = State.RECEIVED, ""
    received.save(update_fields=["state", "reason", "state_changed_at"])
    event(actor, received, public=public or None)
    return received


def confirm_like(
    actor: Actor, reference: Deidentification, rows: Iterable[ReceivedInstance]
) -> tuple[int, list[str]]:
    """Confirm for each waiting instance of the same device what was decided for ``reference``, by
    its own verb and event each. How many were confirmed, and why others were not."""
    decided = services.proposals_of(reference.instance)
    if reference.decision is None or decided is None:
        raise Refused("nothing_decided", "Nothing was decided for it yet.", "Review it first.")
    done, refused = 0, []
    for row in rows:
        proposed = services.proposals_of(row)
        if row.deidentification.device_id != reference.device_id or proposed is None:
            refused.append("It is of another device.")
            continue
        decision = (
            row.deidentification.decision
            if row.deidentification.decision is not None
            else batch_decision(reference.decision, decided["n_frames"], proposed)
        )
        try:
            services.confirm(actor, row, decision=decision, batch_of=str(reference.instance_id))
        except Refused as refusal:
            refused.append(refusal.message)
        else:
            done += 1
    return done, refused
