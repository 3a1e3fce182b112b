"""Verbs on a project's rules: save, approve and choose a profile; the options of its screens."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.deid import rules
from apps.deid.domain.profile import BUILTIN, ProfileError, load_profile
from apps.deid.domain.strictness import relaxations
from apps.deid.models import Device, ProfileVersion
from apps.intake.models import ReceivedInstance
from apps.projects.models import Project

State = ProfileVersion.State
_RULERS = {roles.DATA_STEWARD, roles.PROJECT_LEAD}
_APPROVERS = {*_RULERS, roles.COMPLIANCE_OFFICER}
WITHDRAWALS = ("destroy", "stop")
# The options of a project's rules, each with the values it may take, its default first.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "phantom_gate": (False, True),
    "second_reviewer": (False, True),
    "withdrawal": WITHDRAWALS,
}
_MOST_TEXT = 20_000


@verb("deid.save_profile", roles=_RULERS)
def save_profile(actor: Actor, project: Project, *, text: str) -> ProfileVersion:
    """Save a version of a profile; one that is looser than the basic one waits for another person's
    approval."""
    if len(text) > _MOST_TEXT:
        raise Refused("invalid_profile", "The profile is too long.", "Shorten it.", field="text")
    try:
        profile = load_profile(text)
    except ProfileError as error:
        problem, _, remedy = str(error).partition("; ")
        raise Refused(
            "invalid_profile", f"{problem}.", f"{remedy[:1].upper()}{remedy[1:]}.", field="text"
        ) from None
    if profile.name in BUILTIN:
        raise Refused(
            "taken", "This name is the product's own.", "Give it a name of yours.", field="text"
        )
    newest = ProfileVersion.objects.filter(project=project, name=profile.name).first()
    if newest is not None and profile.version <= newest.version:
        raise Conflict(
            "version_taken",
            f"Version {newest.version} is saved already, and no version changes.",
            f"Write version: {newest.version + 1}.",
        )
    looser = list(relaxations(profile))
    row = ProfileVersion.objects.create(
        project=project,
        name=profile.name,
        version=profile.version,
        text=text,
        sha256=profile.sha256,
        relaxations=looser,
        state=State.PROPOSED if looser else State.APPROVED,
        proposed_by=actor.user,
    )
    event(
        actor,
        row,
        public={"digest": profile.sha256, "version": profile.version, "looser_in": len(looser)},
        private={"name": profile.name},
    )
    return row


@verb("deid.approve_profile", roles=_APPROVERS, states=(State.PROPOSED,), not_relation="proposer")
def approve_profile(actor: Actor, row: ProfileVersion) -> ProfileVersion:
    """Approve a profile that is looser than the basic one; another person than its author."""
    return _decide(actor, row, State.APPROVED)


@verb("deid.refuse_profile", roles=_APPROVERS, states=(State.PROPOSED,))
def refuse_profile(actor: Actor, row: ProfileVersion) -> ProfileVersion:
    """Refuse a proposed profile, or take one's own back; it can never be chosen."""
    return _decide(actor, row, State.REFUSED)


def _decide(actor: Actor, row: ProfileVersion, state: str) -> ProfileVersion:
    row.state, row.decided_by, row.decided_at = state, actor.user, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    event(actor, row, public={"digest": row.sha256, "decision": state})
    return row


@verb("deid.choose_profile", roles=_RULERS)
def choose_profile(actor: Actor, project: Project, *, name: str, version: int) -> Project:
    """Choose the profile that the project's next arrivals go by; what is examined stays with its
    own."""
    try:
        profile = rules.named(project, name, version)
    except ProfileError:
        raise Refused(
            "no_such_profile",
            "There is no approved profile of this name and version.",
            "Have it approved first.",
            field="profile",
        ) from None
    project.profile = profile.name
    project.options = {**project.options, rules.VERSION_OPTION: profile.version}
    project.save(update_fields=["profile", "options"])
    event(actor, project, public={"digest": profile.sha256}, private={"name": profile.name})
    return project


@verb("deid.set_options", roles=_RULERS)
def set_options(actor: Actor, project: Project, *, options: dict[str, Any]) -> Project:
    """Set the phantom gate, the second reviewer, and what a withdrawal does."""
    for name, value in options.items():
        if name not in OPTIONS or not any(value is one or value == one for one in OPTIONS[name]):
            raise Refused(
                "invalid_option", "There is no such option.", "See the page.", field=name[:40]
            )
    opened = 0
    if options.get("phantom_gate") and not option(project, "phantom_gate"):
        opened = _pass_known_devices(actor, project)
    project.options = {**project.options, **options}
    project.save(update_fields=["options"])
    event(actor, project, public={**options, "devices_in_use": opened})
    return project


def _pass_known_devices(actor: Actor, project: Project) -> int:
    """The gate holds what was not seen before: devices of which something was cleared pass."""
    in_use = Device.objects.filter(
        project=project,
        state=Device.State.UNSEEN,
        deidentification__instance__state=ReceivedInstance.State.CLEARED,
    )
    return Device.objects.filter(pk__in=list(in_use.values_list("pk", flat=True))).update(
        state=Device.State.RELEASED,
        state_at=timezone.now(),
        state_by=actor.user,
        note="In use before the phantom gate was switched on.",
    )


def option(project: Project, name: str) -> Any:
    """An option of the project's rules, or its default."""
    return project.options.get(name, OPTIONS[name][0])
