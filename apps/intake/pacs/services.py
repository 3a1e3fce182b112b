"""Verbs on remote nodes, queries and pulls."""

from __future__ import annotations

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, NotFound, Refused
from apps.access.verb import event, verb
from apps.intake.pacs.models import Pull, RemoteNode
from apps.jobs import work
from apps.keys import keyring
from apps.projects.models import Project

PULL = "pacs.pull"
_SEAL = "pull-study-uid"
_ADMINS = {roles.PACS_ADMINISTRATOR}
_STEWARDS = {roles.DATA_STEWARD}
State = Pull.State
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
# PS3.5 section 6.2, AE: no backslash, no control character; ours are printable ASCII.
_AE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")

# Free text of a peer must not come into a row.
_MODALITY = re.compile(r"[A-Z0-9_/]{1,16}")


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """A remote node's fields as they are stored. Raises Refused that names the field."""
    name = str(values.get("name", "")).strip()
    if not 1 <= len(name) <= 60:
        raise Refused("name", "A name of 1 to 60 characters is needed.", "Name it.", field="name")
    host = str(values.get("host", "")).strip()
    if not _HOST.fullmatch(host):
        raise Refused("host", "This is no host name or address.", "Correct it.", field="host")
    port = str(values.get("port", "")).strip()
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise Refused("port", "A port is a number from 1 to 65535.", "Correct it.", field="port")
    title = str(values.get("ae_title", "")).strip()
    if not _AE.fullmatch(title):
        raise Refused(
            "ae_title",
            "An AE title has 1 to 16 printable ASCII characters and no backslash.",
            "Take it from the peer's settings.",
            field="ae_title",
        )
    retrieval = str(values.get("retrieval") or RemoteNode.Retrieval.AUTO)
    if retrieval not in RemoteNode.Retrieval.values:
        raise Refused("retrieval", "There is no such way.", "Choose one.", field="retrieval")
    return {
        "name": name,
        "host": host,
        "port": int(port),
        "ae_title": title,
        "uses_tls": bool(values.get("uses_tls")),
        "ca_certificate": _certificate(str(values.get("ca_certificate") or "").strip()),
        "may_be_queried": bool(values.get("may_be_queried")),
        "retrieval": retrieval,
    }


def _certificate(text: str) -> str:
    if not text:
        return ""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(text[:100_000].encode())
    except ValueError:
        found = []
    if not found:
        raise Refused(
            "ca_certificate",
            "This is no certificate in PEM form.",
            "Paste the certificate of the peer's authority, or leave it empty.",
            field="ca_certificate",
        )
    return text


def _told(node: RemoteNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "host": node.host,
        "port": node.port,
        "ae_title": node.ae_title,
        "uses_tls": node.uses_tls,
        "may_be_queried": node.may_be_queried,
        "retrieval": node.retrieval,
    }


def _save(node: RemoteNode) -> None:
    try:
        with transaction.atomic():
            node.save()
    except IntegrityError:
        raise Refused(
            "taken", "A remote node of this name exists.", "Choose another.", field="name"
        ) from None


@verb("pacs.add_node", roles=_ADMINS)
def add_node(actor: Actor, _: None, **values: Any) -> RemoteNode:
    """Enter a remote node (PACS or modality)."""
    node = RemoteNode(**_checked(values))
    _save(node)
    event(actor, node, private=_told(node))
    return node


@verb("pacs.change_node", roles=_ADMINS)
def change_node(actor: Actor, node: RemoteNode, **values: Any) -> RemoteNode:
    """Change a remote node."""
    _present(node)
    before = _told(node)
    for name, value in _checked(values).items():
        setattr(node, name, value)
    _save(node)
    event(actor, node, private={"before": before, "after": _told(node)})
    return node


@verb("pacs.remove_node", roles=_ADMINS)
def remove_node(actor: Actor, node: RemoteNode) -> None:
    """Remove a remote node."""
    _present(node)
    if node.pulls.filter(state__in=[State.QUEUED, State.RUNNING]).exists():
        raise Conflict(
            "pull_running", "A study is being pulled from it.", "Wait, or have it cancelled."
        )
    node.removed_at = timezone.now()
    node.save(update_fields=["removed_at"])
    event(actor, node, private=_told(node))


def _present(node: RemoteNode) -> None:
    if node.removed_at is not None:
        raise NotFound


@verb("pacs.check_node", roles=_ADMINS)
def note_check(
    actor: Actor, node: RemoteNode, *, what: str, reason: str, duration_ms: int
) -> RemoteNode:
    """Record that a remote node was asked for an echo or a test store, and what it answered."""
    node.checked, node.check_reason, node.check_ms = what, reason, duration_ms
    node.checked_at = timezone.now()
    node.save(update_fields=["checked", "check_reason", "check_ms", "checked_at"])
    event(
        actor,
        node,
        outcome="failed" if reason else "done",
        public={"what": what, "reason": reason, "duration_ms": duration_ms},
    )
    return node


@verb("pacs.query", roles=_STEWARDS, lock=False)
def ask_node(actor: Actor, project: Project, node: RemoteNode, *, criteria: dict[str, str]) -> None:
    """Query a PACS for studies. The event names what was asked by, and of values only a patient
    ID's keyed digest: who looked for whom can be answered, and nothing outlives the subject's key.
    """
    if node.removed_at is not None or not node.may_be_queried:
        raise NotFound
    private = {"node": str(node.pk)}
    if "PatientID" in criteria:
        digest = keyring.lookup_digest("patient", "", criteria["PatientID"].strip())
        private["patient_digest"] = digest.hex()
    event(actor, project, outcome="asked", public={"asked_by": sorted(criteria)}, private=private)


@verb("pacs.show_answers", roles=_STEWARDS, lock=False)
def note_answers(
    actor: Actor, project: Project, node: RemoteNode, *, count: int, reason: str = ""
) -> None:
    """Record how many studies a PACS named to the steward, or why it did not answer."""
    event(
        actor,
        project,
        outcome="failed" if reason else "done",
        public={"count": count, "reason": reason},
        private={"node": str(node.pk)},
    )


@verb("pacs.pull", roles=_STEWARDS, lock=False)
def start_pull(
    actor: Actor,
    project: Project,
    node: RemoteNode,
    *,
    study_instance_uid: str,
    patient_id: str,
    issuer: str,
    modality: str,
) -> Pull:
    """Pull a study that was picked from a query's answers into the project."""
    if node.removed_at is not None or not node.may_be_queried:
        raise NotFound
    subject = keyring.subject_for(patient_id, issuer)
    digest = keyring.lookup_digest("study-uid", study_instance_uid)
    try:
        sealed = keyring.seal_for(subject, study_instance_uid.encode(), _SEAL)
    except keyring.KeyDestroyedError:
        raise Refused(
            "withdrawn", "This subject was withdrawn.", "It cannot be pulled again."
        ) from None
    try:
        with transaction.atomic():
            pull = Pull.objects.create(
                project=project,
                node=node,
                subject=subject,
                requested_by=actor.user,
                study_digest=digest,
                sealed_study_uid=sealed,
                modality=modality if _MODALITY.fullmatch(modality) else "",
            )
    except IntegrityError:
        raise Conflict(
            "running", "This study is being pulled already.", "See the list of pulls."
        ) from None
    work.enqueue(PULL, pull.pk, priority=5)
    event(actor, pull, private={"node": str(node.pk)})
    return pull


@verb("pacs.cancel_pull", roles=_STEWARDS, states=(State.QUEUED, State.RUNNING))
def cancel_pull(actor: Actor, pull: Pull) -> Pull:
    """Stop a pull; what has come stays."""
    pull.state, pull.finished_at = State.CANCELLED, timezone.now()
    pull.save(update_fields=["state", "finished_at"])
    work.cancel(pull.pk, PULL)
    event(actor, pull)
    return pull


@verb("pacs.resume_pull", roles=_STEWARDS, states=(State.CANCELLED, State.FAILED, State.INCOMPLETE))
def resume_pull(actor: Actor, pull: Pull) -> Pull:
    """Go on with a pull; what is here already is not fetched again."""
    if pull.node.removed_at is not None:
        raise Conflict("node_removed", "The PACS was removed here.", "Query another.")
    pull.state, pull.reason, pull.finished_at = State.QUEUED, "", None
    try:
        with transaction.atomic():
            pull.save(update_fields=["state", "reason", "finished_at"])
    except IntegrityError:
        raise Conflict(
            "running", "This study is being pulled already.", "See the list of pulls."
        ) from None
    work.enqueue(PULL, pull.pk, priority=5)
    event(actor, pull)
    return pull


@verb("pacs.pull_began", roles={roles.SERVICE}, states=(State.QUEUED, State.RUNNING))
def note_begin(actor: Actor, pull: Pull, *, n_expected: int, n_here: int) -> Pull:
    """Record what the PACS lists of the study, and how much of it was here already."""
    pull.state, pull.n_expected = State.RUNNING, n_expected
    pull.n_here_before = pull.n_here = n_here
    pull.save(update_fields=["state", "n_expected", "n_here_before", "n_here"])
    event(actor, pull, public={"expected": n_expected, "here": n_here})
    return pull


@verb("pacs.pull_ended", roles={roles.SERVICE}, states=(State.QUEUED, State.RUNNING))
def note_end(
    actor: Actor, pull: Pull, *, state: str, n_here: int, method: str = "", reason: str = ""
) -> Pull:
    """Record how a pull ended."""
    pull.state, pull.reason, pull.n_here = state, reason, n_here
    pull.method, pull.finished_at = method, timezone.now()
    if state == State.DONE:
        pull.sealed_study_uid = None
    pull.save()
    event(
        actor,
        pull,
        outcome="done" if state == State.DONE else "failed",
        public={"state": str(state), "here": n_here, "method": method, "reason": reason},
    )
    return pull


def study_uid_of(pull: Pull) -> str:
    """The original Study Instance UID. Raises KeyDestroyedError."""
    if pull.sealed_study_uid is None:
        raise keyring.KeyDestroyedError("dropped")
    return keyring.unseal_for(pull.subject, bytes(pull.sealed_study_uid), _SEAL).decode()
