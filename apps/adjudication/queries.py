"""Reads of assignments and adjudications, from what a person may see."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db.models import QuerySet

from apps.access import grants, roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.adjudication import services
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation import store
from apps.audit.models import Leaf
from apps.library.queries import as_json as clip_as_json
from apps.projects.models import Project
from apps.projects.queries import project_ids


def assignments_for(user: User) -> QuerySet[Assignment]:
    """One's own assignments, in projects where one may still work."""
    return Assignment.objects.filter(
        pk__in=grants.granted_ids(user, ["work_on"], Assignment),
        person=user,
        project_id__in=project_ids(user, roles.ANNOTATOR, roles.ADJUDICATOR),
    ).select_related("clip", "project", "label_set")


def assigned_clip_ids(user: User) -> Any:
    """Registered with the library: clips that a person was given work on."""
    return assignments_for(user).values_list("clip_id", flat=True)


def adjudications_for(user: User) -> QuerySet[Adjudication]:
    """Adjudications given to this person."""
    return Adjudication.objects.filter(
        adjudicator=user, project_id__in=project_ids(user, roles.ADJUDICATOR)
    ).select_related("clip", "set_a__ontology", "set_b", "consensus", "signature", "supersedes")


def adjudication_for(user: User, adjudication_id: uuid.UUID) -> Adjudication:
    """Raises NotFound unless it was given to this person."""
    found = adjudications_for(user).filter(pk=adjudication_id).first()
    if found is None:
        raise NotFound
    return found


def disagreements_json(adjudication: Adjudication) -> list[dict[str, Any]]:
    """Every disagreement with the decision that stands."""
    decided = services.decisions_of(adjudication)
    found = (adjudication.findings or {}).get("disagreements", [])
    return [{**item, "decision": decided.get(item["id"])} for item in found]


def consensus_json(adjudication: Adjudication) -> dict[str, Any]:
    label_set = adjudication.consensus
    assert label_set is not None
    label_set.refresh_from_db()
    return {
        "label_set": str(label_set.pk),
        "revision": label_set.revision,
        "labels": store.load(label_set),
        "digest": services.content_digest(label_set),
    }


def as_json(adjudication: Adjudication) -> dict[str, Any]:
    """What the adjudication screen loads."""
    found = adjudication.findings or {"lanes": [], "summary": []}
    consensus = consensus_json(adjudication)
    return {
        "id": str(adjudication.pk),
        "state": adjudication.state,
        "is_compared": adjudication.findings is not None,
        "clip": clip_as_json(adjudication.clip),
        "ontology": adjudication.set_a.ontology.definition,
        "sets": [
            {"name": name, "label_set": str(side.pk), "labels": store.load(side)}
            for name, side in (("A", adjudication.set_a), ("B", adjudication.set_b))
        ],
        "consensus": consensus,
        "agreement": {"lanes": found["lanes"], "summary": found["summary"]},
        "disagreements": disagreements_json(adjudication),
        "statement": {"meaning": services.MEANING, "digest": consensus["digest"]},
        "signature": signature_json(adjudication),
        "reason": adjudication.reason,
    }


def signature_json(adjudication: Adjudication) -> dict[str, Any] | None:
    """The signature as people read it (21 CFR 11.50: name, time, meaning), and whether it holds."""
    signature, consensus = adjudication.signature, adjudication.consensus
    if signature is None or consensus is None:
        return None
    said = json.loads(bytes(signature.statement))
    return {
        "name": said["name"],
        "time": said["time"],
        "meaning": said["meaning"],
        "digest": signature.digest,
        "holds": services.signature_holds(adjudication)
        and services.content_digest(consensus) == signature.digest,
    }


def agreement_in(project: Project) -> list[dict[str, Any]]:
    """How far annotators agree in a project: for each class and figure the mean over its compared
    clips, the lowest, and on how many clips. Corrections compare nothing anew and do not count."""
    values: dict[tuple[str, str], list[float]] = {}
    compared = Adjudication.objects.filter(project=project, supersedes=None)
    for found in compared.exclude(findings=None).values_list("findings", flat=True):
        for row in (found or {}).get("summary", []):
            if row["object"] is None and row["value"] is not None:
                values.setdefault((row["label"], row["metric"]), []).append(row["value"])
    return [
        {
            "label": label,
            "metric": metric,
            "mean": sum(held) / len(held),
            "lowest": min(held),
            "clips": len(held),
        }
        for (label, metric), held in sorted(values.items())
    ]


def first_moved_signature() -> str | None:
    """Part of verifying the trail: a consensus whose signature is gone or is of another one."""
    signed = Adjudication.objects.filter(state__in=("signed", "superseded"))
    related = ("signature__signer", "clip", "consensus__ontology")
    for adjudication in signed.select_related(*related).order_by("signed_at"):
        if services.signature_holds(adjudication):
            continue
        given = Leaf.objects.filter(
            event__action="adjudication.signature", event__object_id=str(adjudication.pk)
        ).first()
        if given is None and adjudication.signature is not None:
            given = Leaf.objects.filter(event_id=adjudication.signature.event).first()
        place = f"entry {given.seq}: " if given is not None else ""
        return f"{place}the signature of adjudication {adjudication.pk} is not of its consensus"
    return None
