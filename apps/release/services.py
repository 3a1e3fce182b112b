"""Verbs of releases: freeze, build, approve, publish, withdraw, download."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import Actor, service
from apps.access.errors import Conflict, Refused
from apps.access.notes import note_text
from apps.access.verb import check, event, verb
from apps.adjudication.models import Adjudication
from apps.audit.models import Event
from apps.keys.keyring import intake_key
from apps.projects.models import Project
from apps.release.collecting import Draft, Progress, collect
from apps.release.dividing import Division
from apps.release.domain.build import ReleaseRefused, check_formats
from apps.release.domain.freeze_check import SAFE_NAME
from apps.release.models import Release
from apps.release.proving import prove
from apps.release.signed import asked_of
from apps.vault.files import create_file, delete_file
from apps.vault.models import VaultFile

State = Release.State
APPROVAL_MEANING = (
    "I have checked what this release holds, who signed it and what is left out, "
    "and approve it for research."
)
ABOUT = ("licence", "consent", "authors")
_READERS = {roles.RESEARCHER, roles.PROJECT_LEAD}


def checked_formats(formats: Iterable[str]) -> list[str]:
    """The formats in their order. Raises Refused for none or an unknown one."""
    try:
        return check_formats(formats)
    except ReleaseRefused as error:
        raise Refused(
            "invalid_formats", str(error), "Choose from those named.", field="formats"
        ) from None


def freeze(
    actor: Actor,
    project: Project,
    *,
    version: str,
    formats: Iterable[str],
    only: Iterable[str] = (),
    progress: Progress | None = None,
    about: dict[str, str] | None = None,
    division: Division | None = None,
    with_raters: bool = False,
    draft_release: Release | None = None,
) -> Release:
    """Freeze what is adjudicated and signed as a new version.

    ``only``: ids of the clips asked for (all signed ones when none). ``about``: what is stated in
    the datasheet, keys of `ABOUT` (licence, consent, authors), plain words. ``division``: splits
    and sampling. ``with_raters``: each annotator's own labels go in as well. ``draft_release``:
    the draft that is frozen by this. Raises Refused when the version exists, nothing is signed, or
    a clip of ``only`` is not signed.
    """
    draft, refusal, file = None, None, None
    if _may_freeze(actor, project):
        try:
            formats = checked_formats(formats)
            check_version(project, version, draft_release)
            stated = checked_about(about or {})
            draft = collect(project, version, only, progress, stated, division, with_raters)
            with create_file("freeze", intake_key()) as out:
                out.write(draft.content)
                file = out.finish()
        except Refused as error:
            refusal = error
    return store_freeze(
        actor, project, version=version, formats=formats, draft=draft, file=file, refusal=refusal,
        draft_release=draft_release,
    )  # fmt: skip


def checked_about(about: dict[str, str]) -> dict[str, str]:
    """What is stated, without empty answers. Raises Refused for an unknown or endless one."""
    for name, words in about.items():
        if name not in ABOUT or len(words) > 2000:
            raise Refused(
                "invalid_about",
                f"{name[:20]}: unknown, or longer than 2,000 characters.",
                f"State {', '.join(ABOUT)}.",
                field=name[:20],
            )
    return {name: words.strip() for name, words in about.items() if words.strip()}


def _may_freeze(actor: Actor, project: Project) -> bool:
    try:
        check(store_freeze.policy, actor, project)  # type: ignore[attr-defined]
    except Refused:
        return False
    return True


def check_version(project: Project, version: str, draft: Release | None = None) -> None:
    """Raises Refused for a version that is no plain word, or taken by another than ``draft``."""
    if len(version) > 40 or not SAFE_NAME.fullmatch(version):
        raise Refused(
            "invalid_version",
            "The version is not 1 to 40 letters, digits, dots, dashes and underscores.",
            "Give one such as 1.0.0.",
            field="version",
        )
    found = Release.objects.filter(project=project, version=version).first()
    if found is not None and (draft is None or found.pk != draft.pk):
        raise Refused(
            "taken",
            "There is a draft of this version."
            if found.state == State.DRAFT
            else "This version is frozen already and never changes.",
            "Go on with it, or give the next version.",
            field="version",
            status=409,
        )


@verb("release.freeze", roles={roles.PROJECT_LEAD, roles.SERVICE})
def store_freeze(
    actor: Actor,
    project: Project,
    *,
    version: str,
    formats: Iterable[str],
    draft: Draft | None,
    file: VaultFile | None,
    refusal: Refused | None,
    draft_release: Release | None = None,
) -> Release:
    """Freeze a version of the project's signed clips; it never changes from then on."""
    if refusal is not None:
        raise refusal
    assert draft is not None and file is not None
    check_version(project, version, draft_release)
    now = dict(
        Adjudication.objects.filter(
            pk__in=draft.signatures, state=Adjudication.State.SIGNED
        ).values_list("pk", "signature_id")
    )
    if now != draft.signatures:
        raise Conflict(
            "changed_meanwhile",
            "A clip was corrected while the release was being frozen.",
            "Freeze again.",
        )
    if asked_of(project) != draft.rules:
        raise Conflict(
            "changed_meanwhile",
            "What the project asks of signatures changed while the release was being frozen.",
            "Freeze again.",
        )
    file.save(force_insert=True)
    release = _undrafted(project, version, draft_release)
    release.state, release.formats = State.FROZEN, list(formats)
    release.freeze_file, release.freeze_digest = file, draft.digest
    release.n_clips, release.left_out = draft.n_clips, draft.left_out
    release.frozen_by, release.frozen_at = actor.user, timezone.now()
    release.supersedes = draft.supersedes
    release.save()
    for person in grants.holders(roles.codename(roles.PROJECT_LEAD), project):
        grants.grant(person, "download", release)
    event(
        actor,
        release,
        public={
            "version": version,
            "freeze_digest": draft.digest,
            "clips": draft.n_clips,
            "left_out": len(draft.left_out),
            "supersedes": draft.supersedes.version if draft.supersedes else "",
        },
    )
    return release


def _undrafted(project: Project, version: str, draft: Release | None) -> Release:
    """The row that becomes frozen: the draft, as it was when it was checked, or a new one."""
    if draft is None:
        return Release(project=project, version=version)
    held = Release.objects.select_for_update().filter(pk=draft.pk, state=State.DRAFT).first()
    if held is None or (held.formats, held.choices) != (draft.formats, draft.choices):
        raise Conflict(
            "changed_meanwhile",
            "The draft was changed, frozen or thrown away meanwhile.",
            "Open it again.",
        )
    return held


def approve(actor: Actor, release: Release) -> Release:
    """Approve a frozen release as a second person; its manifest then says so, with the proof."""
    approved = record_approval(actor, release)
    return prove_approval(approved)


@verb(
    "release.approve",
    roles={roles.COMPLIANCE_OFFICER},
    states=(State.FROZEN,),
    not_relation="froze",
)
def record_approval(actor: Actor, release: Release) -> Release:
    """Approve a frozen release; nobody approves what they froze."""
    release.state, release.approved_by = State.APPROVED, actor.user
    release.approved_at = timezone.now()
    release.save(update_fields=["state", "approved_by", "approved_at"])
    event(
        actor,
        release,
        public={
            "version": release.version,
            "freeze_digest": release.freeze_digest,
            "approver": actor.user.pseudonym,
            "meaning": APPROVAL_MEANING,
        },
    )
    return release


def prove_approval(release: Release) -> Release:
    """Give the approval its proof of the log, once its event has a place there. Idempotent."""
    if release.approval is not None or release.approved_by is None:
        return release
    written = Event.objects.filter(
        action="release.approve", outcome="done", object_id=str(release.pk)
    ).latest("recorded_at")
    _, proofs = prove([written.id])
    assert release.approved_at is not None
    return store_approval(
        service("worker"),
        release,
        approval={
            "approver_pseudonym": release.approved_by.pseudonym,
            "role": "compliance officer",
            "approved_at": _utc(release.approved_at),
            "meaning": APPROVAL_MEANING,
            "proof": proofs[written.id],
        },
    )


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@verb("release.prove", roles={roles.SERVICE}, states=(State.APPROVED, State.PUBLISHED))
def store_approval(actor: Actor, release: Release, *, approval: dict[str, Any]) -> Release:
    """Keep what the manifest says of the approval; it never changes once set."""
    if release.approval is None:
        release.approval = approval
        release.save(update_fields=["approval"])
    event(actor, release, public={"version": release.version})
    return release


@verb("release.publish", roles={roles.PROJECT_LEAD}, states=(State.APPROVED,))
def publish(actor: Actor, release: Release) -> Release:
    """Publish an approved release: the project's leads and researchers may download it."""
    release.state, release.published_at = State.PUBLISHED, timezone.now()
    release.save(update_fields=["state", "published_at"])
    for role in (roles.PROJECT_LEAD, roles.RESEARCHER):
        for person in grants.holders(roles.codename(role), release.project):
            grants.grant(person, "download", release)
    event(actor, release, public={"version": release.version})
    return release


@verb("release.grant", roles={roles.PROJECT_LEAD}, states=(State.PUBLISHED,))
def grant_download(actor: Actor, release: Release, *, person: Any) -> None:
    """Let one more researcher of the project download a published release."""
    held = grants.granted_codenames(person, release.project)
    if not held & {roles.codename(roles.RESEARCHER), roles.codename(roles.PROJECT_LEAD)}:
        raise Refused(
            "wrong_role",
            "This person is no researcher in the project.",
            "Give the role first.",
            field="person",
        )
    grants.grant(person, "download", release)
    event(actor, release, private={"person": str(person.pk)})


@verb(
    "release.withdraw",
    roles={roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER},
    states=(State.FROZEN, State.APPROVED, State.PUBLISHED),
)
def withdraw(actor: Actor, release: Release, *, reason: str) -> Release:
    """Withdraw a release with a reason; it is never deleted and never handed out again."""
    release.state, release.withdrawn_reason = State.WITHDRAWN, note_text(reason)
    release.save(update_fields=["state", "withdrawn_reason"])
    event(
        actor,
        release,
        public={"version": release.version},
        private={"reason": release.withdrawn_reason},
    )
    return release


@verb("release.build", roles={roles.SERVICE})
def note_build(actor: Actor, release: Release, *, formats: list[str]) -> None:
    """Record that a release's folder is written."""
    event(
        actor,
        release,
        public={"version": release.version, "freeze_digest": release.freeze_digest},
        private={"formats": formats},
    )


@verb("release.verify", roles={roles.SERVICE})
def note_verification(actor: Actor, release: Release | None, *, problems: int) -> None:
    """Record that a release's folder was checked and what came of it."""
    event(actor, release, outcome="failed" if problems else "done", public={"problems": problems})


@verb("release.archive", roles={roles.SERVICE})
def store_archive(
    actor: Actor, release: Release, *, archive: VaultFile, is_approved: bool
) -> Release:
    """Keep the encrypted archive of a release in place of an older one."""
    old = release.archive
    archive.save(force_insert=True)
    release.archive, release.is_archive_approved = archive, is_approved
    release.save(update_fields=["archive", "is_archive_approved"])
    if old is not None:
        transaction.on_commit(lambda: delete_file(old))
    event(
        actor,
        release,
        public={"version": release.version, "sha256": archive.sha256, "approved": is_approved},
    )
    return release


@verb(
    "release.download",
    roles=_READERS,
    states=(State.PUBLISHED,),
    relation="may_download",
)
def download(actor: Actor, release: Release, *, asked: str = "") -> VaultFile:
    """Hand out the archive of a published release to those who were granted it."""
    if release.archive is None or not release.is_archive_approved:
        raise Conflict(
            "being_prepared", "The archive is still being written.", "Try again in a moment."
        )
    event(
        actor,
        release,
        public={"version": release.version, "sha256": release.archive.sha256},
        private={"range": asked[:80]} if asked else None,
    )
    return release.archive
