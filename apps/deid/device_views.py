"""The page of a project's devices: masks, the phantom gate, one decision for all that waits."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.access.doors import actor_of, uuid_of
from apps.access.errors import Conflict, Refused
from apps.deid import devices, policy, queries
from apps.deid.models import Device
from apps.intake.models import ReceivedInstance

State = ReceivedInstance.State
_LISTED = 10


@require_GET
@login_required
def listing(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Every device met, its mask, where it stands with the gate, and what waits from it."""
    user: Any = request.user
    project = queries.stewarded_project(user, project_id)
    found = Device.objects.filter(project=project).select_related("state_by")
    context = {
        "project": project,
        "devices": [_shown(device) for device in found[:200]],
        "gate": policy.option(project, "phantom_gate"),
        "is_steward": True,
        "tab": "devices",
    }
    return render(request, "deid/devices.html", context)


def _shown(device: Device) -> dict[str, Any]:
    rows = queries.of_device(device)
    waiting = list(rows.filter(instance__state=State.PIXEL_REVIEW)[:200])
    return {
        "device": device,
        "masks": list(device.masks.select_related("author", "retired_by")[:_LISTED]),
        "waiting": waiting,
        "decided": list(rows.exclude(decision=None).exclude(is_phantom=True)[:_LISTED]),
        "held": rows.filter(instance__state=State.HELD).count(),
        "held_rows": list(rows.filter(instance__state=State.HELD)[:_LISTED]),
        "cleared": rows.filter(instance__state=State.CLEARED).count(),
        "tone": "good" if device.state != Device.State.UNSEEN else "look",
    }


@require_POST
@login_required
def release(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Let a device through the gate, or put it behind it again, with a reason."""
    device = queries.device_for(request.user, device_id)  # type: ignore[arg-type]
    verb = devices.gate_device if request.POST.get("what") == "gate" else devices.release_device
    verb(actor_of(request), device, reason=request.POST.get("reason", ""))
    messages.success(request, _("Done."))
    return redirect("deid-devices", device.project_id)


@require_POST
@login_required
def retire(request: HttpRequest, mask_id: uuid.UUID) -> HttpResponse:
    """Retire a mask."""
    mask = queries.mask_for(request.user, mask_id)  # type: ignore[arg-type]
    devices.retire_mask(actor_of(request), mask)
    messages.success(request, _("Retired. It is proposed no more."))
    return redirect("deid-devices", mask.device.project_id)


@require_POST
@login_required
def confirm(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Confirm one instance's decision for the ticked ones of the same device."""
    device = queries.device_for(request.user, device_id)  # type: ignore[arg-type]
    rows = queries.of_device(device)
    reference = rows.filter(instance_id=uuid_of(request.POST.get("reference"))).first()
    ticked = [uuid_of(text) for text in request.POST.getlist("picked")[:200]]
    picked = rows.filter(instance_id__in=ticked, instance__state=State.PIXEL_REVIEW)
    if not ticked:
        raise Refused("nothing_ticked", "Nothing was ticked.", "Tick what you mean, then try.")
    if reference is None or not picked:
        raise Conflict(
            "went_on", "None of what was ticked waits any more.", "Look at the page again."
        )
    done, refused = devices.confirm_like(
        actor_of(request), reference, [row.instance for row in picked]
    )
    if done:
        said = ngettext("%(n)d instance confirmed.", "%(n)d instances confirmed.", done)
        messages.success(request, said % {"n": done})
    for message in sorted(set(refused)):
        messages.error(request, f"{refused.count(message)} × {message}")
    return redirect("deid-devices", device.project_id)
