"""Reads of the quarantine and of the node's doings."""

from __future__ import annotations

import json
import socket
import uuid
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from apps.access import roles
from apps.access.actor import Actor, system_roles
from apps.access.errors import Forbidden, NotFound, Refused
from apps.access.models import User
from apps.access.verb import roles_on
from apps.audit.models import Event
from apps.intake.domain.upper_layer import LOOK
from apps.intake.models import Correction, ReceivedInstance
from apps.intake.services import _SEAL, SENDERS, sop_uid_digest
from apps.jobs.models import Job
from apps.keys import keyring
from apps.keys.keyring import KeyDestroyedError, unseal_for
from apps.projects.models import Project
from apps.projects.queries import project_ids


def quarantine_for(user: User) -> QuerySet[ReceivedInstance]:
    """What a data steward may see of what arrived; no identifier is in it."""
    return ReceivedInstance.objects.filter(
        project_id__in=project_ids(user, roles.DATA_STEWARD)
    ).select_related("project")


def wrapping_warnings(received: ReceivedInstance) -> list[str]:
    """Codes of what was done to a plain video when it became this instance, from the trail."""
    event = Event.objects.filter(action="intake.wrap", object_id=str(received.pk)).first()
    if event is None:
        return []
    return list(json.loads(bytes(event.entry))["public"].get("warnings", []))


def received_for(user: User, received_id: uuid.UUID) -> ReceivedInstance:
    """Raises NotFound for anyone but the project's stewards."""
    found = quarantine_for(user).filter(pk=received_id).first()
    if found is None:
        raise NotFound
    return found


def projects_of_subject(subject_id: uuid.UUID) -> QuerySet[Project]:
    """The projects into which something of the subject has come."""
    return Project.objects.filter(received__subject_id=subject_id).distinct()


def filtered(
    user: User, *, state: str = "", sender: str = "", modality: str = "", day: date | None = None
) -> QuerySet[ReceivedInstance]:
    """The quarantine, by state, sender (calling AE title or way in), modality and day of arrival;
    an empty filter does not count."""
    found = quarantine_for(user)
    if state in ReceivedInstance.State.values:
        found = found.filter(state=state)
    if sender:
        found = found.filter(Q(calling_ae=sender) | Q(calling_ae="", door=sender))
    if modality:
        found = found.filter(modality=modality)
    if day is not None:
        begin = datetime.combine(day, time(), UTC)
        found = found.filter(received_at__gte=begin, received_at__lt=begin + timedelta(days=1))
    return found


def choices(user: User) -> dict[str, list[str]]:
    """Senders and modalities that the person's quarantine has."""
    rows = quarantine_for(user).order_by()
    senders = rows.values_list("calling_ae", "door").distinct()
    modalities = rows.exclude(modality="").values_list("modality", flat=True).distinct()
    return {
        "senders": sorted({title or door for title, door in senders}),
        "modalities": sorted(modalities),
    }


def known_by(user: User, number: str, issuer: str = "") -> QuerySet[ReceivedInstance]:
    """What arrived under an exact patient ID (of ``issuer``), study or instance UID: found by its
    keyed digest, for no such number is stored."""
    value = number.strip()
    patient = keyring.lookup_digest("patient", issuer.strip(), value)
    return quarantine_for(user).filter(
        Q(subject__patient_digest=patient)
        | Q(sop_uid_digest=sop_uid_digest(value))
        | Q(study_digest=keyring.lookup_digest("study-uid", value))
    )


def corrections_for(user: User) -> QuerySet[Correction]:
    """Corrections in the projects that one stewards, newest first."""
    return Correction.objects.filter(
        project_id__in=project_ids(user, roles.DATA_STEWARD)
    ).select_related("project", "settled_by")


def correction_for(user: User, correction_id: uuid.UUID) -> Correction:
    """Raises NotFound for anyone but the project's stewards."""
    found = corrections_for(user).filter(pk=correction_id).first()
    if found is None:
        raise NotFound
    return found


def instance_by_uid(project: Project, sop_instance_uid: str) -> ReceivedInstance | None:
    return ReceivedInstance.objects.filter(
        project=project, sop_uid_digest=sop_uid_digest(sop_instance_uid), clash_with=None
    ).first()


def uids_of(received: ReceivedInstance) -> dict[str, str]:
    """The original UIDs; empty once the subject's key is destroyed."""
    try:
        return dict(json.loads(unseal_for(received.subject, bytes(received.sealed_uids), _SEAL)))
    except KeyDestroyedError:
        return {}


def project_to_store_in(user: User, slug: str) -> Project:
    """The project that an address names, or the only one that ``user`` may store into. Raises
    NotFound, Forbidden, Refused."""
    if slug:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise NotFound
        return project
    ids = project_ids(user, roles.SENDER, roles.DATA_STEWARD)
    if len(ids) == 1:
        return Project.objects.get(pk=ids[0])
    if not ids and roles.PACS_ADMINISTRATOR not in system_roles(user):
        raise Forbidden("Your role does not include this.")
    raise Refused(
        "project_unclear",
        "The address names no project, and there is not just one that you may store into.",
        "Store to /dicomweb/projects/<slug>/studies.",
    )


def may_store(actor: Actor, project: Project) -> bool:
    return bool(roles_on(actor, project) & SENDERS)


def progress_of(ids: list[str]) -> dict[str, Job]:
    """The running or queued job of each object, if any."""
    live = Job.objects.filter(object_id__in=ids, state__in=["running", "queued"])
    return {job.object_id: job for job in live.order_by("created_at")}


def may_see_node(user: User) -> bool:
    return roles.PACS_ADMINISTRATOR in system_roles(user)


def echo() -> bool:
    """C-ECHO to our own node."""
    from pynetdicom import AE
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

    ae = AE("CLINANNOT-WEB")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 3
    ae.add_requested_context(Verification)
    association = ae.associate(
        settings.CLINICAL_ANNOT_BIND,
        settings.CLINICAL_ANNOT_DICOM_PORT,
        ae_title=settings.CLINICAL_ANNOT_AE_TITLE,
    )
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return bool(status) and status.Status == 0


def node_is_up() -> bool:
    """Whether something listens on the node's port."""
    address = (settings.CLINICAL_ANNOT_BIND, settings.CLINICAL_ANNOT_DICOM_PORT)
    try:
        with socket.create_connection(address, timeout=2) as line:
            # So that the node knows a look of ours from a stranger's, which is an event.
            line.sendall(LOOK)
            return True
    except OSError:
        return False
