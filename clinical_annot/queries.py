"""The queries over all rooms: what hangs on a patient, a study, or a correction; the trail."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.errors import NotFound, Refused
from apps.access.models import Signature, User
from apps.adjudication.models import Adjudication
from apps.annotation.models import LabelSet
from apps.audit.models import Event
from apps.deid.models import ProjectSubject
from apps.intake.models import Correction, ReceivedInstance
from apps.keys.keyring import KeyDestroyedError
from apps.keys.models import Subject
from apps.library.models import Clip, IncidentalFinding, Study
from apps.projects.queries import project_ids
from apps.release.collecting import read_freeze
from apps.release.models import Release
from apps.vault.domain.streaming_aead import VaultCorruptError

_BY_PATIENT = (
    Correction.Kind.PATIENT_CHANGED,
    Correction.Kind.DEMOGRAPHICS_CHANGED,
    Correction.Kind.PATIENTS_MERGED,
)


What = Subject | ProjectSubject | Study | Correction
STEWARDS = (roles.DATA_STEWARD,)
# Who may see what hangs on a study: it shows no picture and no identity.
LOOKERS = (roles.DATA_STEWARD, roles.COMPLIANCE_OFFICER)


@dataclass(frozen=True)
class Touched:
    """Everything concerned, in the projects where the asking person holds the role. ``releases``
    has those too whose freeze cannot be read: nobody can say that they are free of it."""

    received: list[ReceivedInstance]
    studies: list[Study]
    clips: list[Clip]
    label_sets: list[LabelSet]
    adjudications: list[Adjudication]
    signatures: list[Signature]
    releases: list[Release]
    findings: list[IncidentalFinding]
    corrections: list[Correction]


def touched_by(user: User, what: What, held: tuple[str, ...] = STEWARDS) -> Touched:
    """Every study, label set, consensus, signature and release that a patient, a study or a
    correction concerns, in the projects where ``user`` holds one of the roles ``held``. Raises
    NotFound for who holds none there."""
    projects = _projects(user, held)
    rows = ReceivedInstance.objects.filter(_scope(what), projects).select_related("project")
    if not rows.exists():
        raise NotFound
    found = rows.order_by("received_at")
    clips = Clip.objects.filter(instance__source__in=rows).select_related(
        "instance__series__study__project_subject", "instance__source", "project"
    )
    sets = LabelSet.objects.filter(places__clip__in=clips).distinct().select_related("author")
    return Touched(
        received=list(found),
        studies=list(
            Study.objects.filter(series__instances__source__in=rows)
            .distinct()
            .select_related("project", "project_subject")
        ),
        clips=list(clips),
        label_sets=list(sets.prefetch_related("places")),
        adjudications=list(
            Adjudication.objects.filter(clip__in=clips).select_related(
                "consensus", "adjudicator", "signature__signer"
            )
        ),
        signatures=list(_signatures(clips)),
        releases=_releases(projects, {str(clip.pk) for clip in clips}),
        findings=list(IncidentalFinding.objects.filter(clip__in=clips).select_related("clip")),
        corrections=list(
            Correction.objects.filter(targets__instance__in=rows)
            .distinct()
            .select_related("project", "settled_by")
        ),
    )


def _projects(user: User, held: tuple[str, ...]) -> Q:
    """Rows of the projects where ``user`` holds one of the roles."""
    if set(held) & system_roles(user):
        return Q()
    return Q(project_id__in=project_ids(user, *held))


def _scope(what: What) -> Q:
    if isinstance(what, Subject):
        return Q(subject=what)
    if isinstance(what, ProjectSubject):
        return Q(project=what.project_id, subject=what.subject_id)
    if isinstance(what, Study):
        return Q(instance__series__study=what)
    named = ReceivedInstance.objects.filter(correctiontarget__correction=what)
    if what.kind in _BY_PATIENT:
        return Q(project=what.project, subject__in=named.values("subject"))
    return Q(
        project=what.project, study_digest__in=list(named.values_list("study_digest", flat=True))
    )


def _signatures(clips: QuerySet[Clip]) -> QuerySet[Signature]:
    signed = Adjudication.objects.filter(clip__in=clips, signature__isnull=False)
    return Signature.objects.filter(pk__in=signed.values("signature")).select_related("signer")


def _releases(projects: Q, clip_ids: set[str]) -> list[Release]:
    """A release names its clips in its freeze alone."""
    if not clip_ids:
        return []
    held = Release.objects.filter(projects).exclude(state=Release.State.DRAFT)
    return [row for row in held.select_related("project") if _holds(row, clip_ids)]


def _holds(release: Release, clip_ids: set[str]) -> bool:
    try:
        return any(clip.id in clip_ids for clip in read_freeze(release).clips)
    except (Refused, VaultCorruptError, KeyDestroyedError, OSError):
        return True


def events_for(user: User) -> QuerySet[Event]:
    """Events that this officer may read: all for the system's officer, else their projects'.
    Raises NotFound for anybody else."""
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return Event.objects.all()
    held = project_ids(user, roles.COMPLIANCE_OFFICER)
    if not held:
        raise NotFound
    return Event.objects.filter(project__in=[str(pk) for pk in held])
