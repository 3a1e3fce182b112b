"""Reads of assignments and adjudications, from what a person may see."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db.models import Q, QuerySet

from apps.access import grants, roles
from apps.access.errors import NotFound
from apps.access.models import Signature, User
from apps.access.prepared import Given, Prepared
from apps.adjudication import (
    binding,
    blinding,
    endorsing,
    findings,
    joining,
    reader_queries,
    services,
)
from apps.adjudication.models import Adjudication, Assignment, Endorsement
from apps.annotation import store
from apps.annotation.queries import AT_WORK
from apps.audit.models import Leaf
from apps.library.queries import FEW
from apps.library.queries import as_json as clip_as_json
from apps.projects.models import Project
from apps.projects.queries import project_ids

_RELATED = (
    "clip", "project", "set_a__ontology", "set_b", "consensus", "signature__signer", "supersedes",
)  # fmt: skip


def assignments_for(user: User) -> QuerySet[Assignment]:
    """One's own assignments, in projects where one may still work."""
    return Assignment.objects.filter(
        pk__in=grants.granted_ids(user, ["work_on"], Assignment),
        person=user,
        project_id__in=project_ids(user, roles.ANNOTATOR, roles.ADJUDICATOR),
    ).select_related("clip", "project", "label_set")


def assigned_clip_ids(user: User, held: dict[str, set[Any]]) -> Any:
    """Registered with the library: shown clips of ``assignments_for``, themselves where few;
    ``held`` as of projects_by_role, so that who works nowhere costs no query."""
    working = held.get(roles.ANNOTATOR, set()) | held.get(roles.ADJUDICATOR, set())
    if not working:
        return Assignment.objects.none().values_list("clip_id", flat=True)
    found = _GIVEN(user=user.pk) if user.is_active else []
    if len(found) > FEW:
        shown = _given_to(user.pk).filter(project_id__in=working).exclude(_out_of_sight())
        return shown.values_list("clip_id", flat=True)
    is_any_in = any(_is_in(kind, state) for _, _, kind, state in found)
    repeating = set(_REPEATING()) if is_any_in else set()
    return [
        clip
        for clip, project, kind, state in found
        if project in working and not (project in repeating and _is_in(kind, state))
    ]


def _given_to(user_id: Any) -> QuerySet[Assignment]:
    """What was given to who has this id, in whatever project."""
    given = grants.rows_of(user_id, ["work_on"], Assignment).values("content_object_id")
    return Assignment.objects.filter(person_id=user_id, pk__in=given).order_by()


def _repeating() -> QuerySet[Project, Any]:
    found = Project.objects.filter(options__repeats=True).order_by()
    return found.values_list("pk", flat=True)


def _is_in(kind: str, state: str | None) -> bool:
    """Whether labels of one's own are handed in."""
    return kind == Assignment.Kind.ANNOTATE and state is not None and state not in AT_WORK


def _out_of_sight() -> Q:
    """Where clips come back unmarked, what was handed in: its size and its labels beside those of
    what comes back would tell which it is."""
    is_at_work = Q(label_set=None) | Q(label_set__state__in=AT_WORK)
    return Q(kind=Assignment.Kind.ANNOTATE, project_id__in=_repeating()) & ~is_at_work


_GIVEN = Prepared(
    lambda: _given_to(Given("user", User._meta.pk)).values_list(
        "clip_id", "project_id", "kind", "label_set__state"
    )[: FEW + 1]
)
_REPEATING = Prepared(_repeating)


def countersigned_clip_ids(user: User, held: dict[str, set[Any]]) -> Any:
    """Registered with the library: clips of what a person may countersign."""
    if not held.get(roles.ADJUDICATOR):
        return Adjudication.objects.none().values_list("clip_id", flat=True)
    return to_countersign_for(user).order_by().values_list("clip_id", flat=True)


def calibration_for(user: User, assignment_id: uuid.UUID) -> Assignment:
    """One's own calibration, or one of a project that one leads, but on clips that one labels
    oneself. Raises NotFound, also for what is not compared yet."""
    led = project_ids(user, roles.PROJECT_LEAD)
    found = (
        Assignment.objects.filter(pk=assignment_id, purpose=Assignment.Purpose.CALIBRATION)
        .filter(project_id__in=project_ids(user))
        .exclude(result__isnull=True)
        .exclude(blinding.of_others(user))
        .select_related("clip", "person", "project")
        .first()
    )
    if found is None or (found.person_id != user.pk and found.project_id not in led):
        raise NotFound
    return found


def adjudications_for(user: User) -> QuerySet[Adjudication]:
    """Adjudications given to this person."""
    return Adjudication.objects.filter(
        adjudicator=user, project_id__in=project_ids(user, roles.ADJUDICATOR)
    ).select_related(*_RELATED)


def to_countersign_for(user: User) -> QuerySet[Adjudication]:
    """Signed by others, in projects of this person that ask for a second clinician's signature, on
    clips without labels of their own: handed in or not, a side, a further reading or a calibration.
    """
    return (
        Adjudication.objects.filter(
            state=Adjudication.State.SIGNED,
            project_id__in=project_ids(user, roles.ADJUDICATOR),
            project__options__countersign=True,
        )
        # By the key: one that nobody adjudicates is not excluded by who it is.
        .exclude(pk__in=Adjudication.objects.filter(adjudicator=user).values("pk"))
        .exclude(clip_id__in=blinding.labelled_clip_ids(user))
        .select_related(*_RELATED)
    )


def waiting_for_countersignature(user: User) -> QuerySet[Adjudication]:
    """Of those, the ones that nobody has countersigned."""
    return to_countersign_for(user).exclude(endorsements__kind=Endorsement.Kind.COUNTERSIGN)


def adjudication_for(user: User, adjudication_id: uuid.UUID) -> Adjudication:
    """Raises NotFound unless it was given to this person, or is theirs to countersign."""
    for found in (adjudications_for(user), to_countersign_for(user)):
        if (one := found.filter(pk=adjudication_id).first()) is not None:
            return one
    raise NotFound


def disagreements_json(adjudication: Adjudication) -> list[dict[str, Any]]:
    """Every disagreement with the decision that stands, and how it may be merged."""
    decided = services.decisions_of(adjudication)
    found = (adjudication.findings or {}).get("disagreements", [])
    return [
        {
            **item,
            "decision": decided.get(item["id"]),
            "merges": findings.merges_of(adjudication, item["kind"]),
        }
        for item in found
    ]


def sources_of(adjudication: Adjudication) -> dict[str, list[dict[str, str]]]:
    """For each object of the consensus the objects that it comes from: ``{"set", "label_set",
    "object"}``, empty for what the adjudicator drew."""
    if adjudication.findings is None or adjudication.consensus is None:
        return {}
    compared = findings.compare(adjudication)
    found = compared.derived_from(
        store.load(adjudication.consensus), services.decisions_of(adjudication)
    )
    letters = findings.letters_of(adjudication).upper()
    sets = {
        letter: str(side.pk) for letter, side in zip(letters, adjudication.sides(), strict=True)
    }
    return {
        name: [{**source, "label_set": sets[source["set"]]} for source in sources]
        for name, sources in found.items()
    }


def consensus_json(adjudication: Adjudication) -> dict[str, Any]:
    label_set = adjudication.consensus
    assert label_set is not None
    label_set.refresh_from_db()
    return {
        "label_set": str(label_set.pk),
        "revision": label_set.revision,
        "labels": store.load(label_set),
        "digest": binding.content_digest(label_set),
    }


def as_json(adjudication: Adjudication, user: User) -> dict[str, Any]:
    """What the adjudication screen loads for this person."""
    found = adjudication.findings or {"lanes": [], "summary": []}
    made = consensus_json(adjudication)
    return {
        "id": str(adjudication.pk),
        "state": adjudication.state,
        "is_compared": adjudication.findings is not None,
        "is_review": adjudication.is_review,
        "clip": clip_as_json(adjudication.clip),
        "ontology": adjudication.set_a.ontology.definition,
        "sets": [
            {"name": name, "label_set": str(side.pk), "labels": store.load(side)}
            for name, side in zip("ABCDE", adjudication.sides(), strict=False)
        ],
        "consensus": made,
        "agreement": {
            "lanes": [*found["lanes"], *reader_queries.lane_of(adjudication)],
            "summary": found["summary"],
        },
        "disagreements": disagreements_json(adjudication),
        "unseen": binding.unseen_by(adjudication, user),
        "accept_below": services.threshold(adjudication),
        "derived_from": sources_of(adjudication),
        "statement": {"meaning": binding.meaning_of(adjudication), "digest": made["digest"]},
        "signature": signature_json(adjudication),
        "endorsements": endorsements_json(adjudication),
        "versions": versions_json(adjudication),
        "may_endorse": may_endorse(user, adjudication),
        "reason": adjudication.reason,
        # What the adjudicator may still take in, begun anew between all.
        "joins": joining.waiting_for(adjudication) is not None,
    }


def signature_json(adjudication: Adjudication) -> dict[str, Any] | None:
    """The signature as people read it (21 CFR 11.50: name, time, meaning), and whether it holds."""
    signature, label_set = adjudication.signature, adjudication.consensus
    if signature is None or label_set is None:
        return None
    holds = binding.signature_holds(adjudication)
    return _read(signature, holds and binding.content_digest(label_set) == signature.digest)


def endorsements_json(adjudication: Adjudication) -> list[dict[str, Any]]:
    """What other clinicians confirmed, and the withdrawal, as people read them."""
    found = adjudication.endorsements.select_related("signature__signer", "adjudication")
    return [
        {"kind": row.kind, "reason": row.reason, **_read(row.signature, endorsing.holds(row))}
        for row in found
    ]


def _read(signature: Signature, holds: bool) -> dict[str, Any]:
    said = json.loads(bytes(signature.statement))
    return {
        **{name: said[name] for name in ("name", "time", "meaning", "authentication")},
        "digest": signature.digest,
        "holds": holds,
    }


def versions_json(adjudication: Adjudication) -> list[dict[str, Any]]:
    """Every earlier version of this consensus, newest first; each opens and verifies as it was."""
    out, one = [], adjudication.supersedes
    while one is not None:
        signed_at = one.signed_at and one.signed_at.isoformat()
        out.append({"id": str(one.pk), "state": one.state, "signed_at": signed_at})
        one = one.supersedes
    return out


def may_endorse(user: User, adjudication: Adjudication) -> str:
    """Which further signature is this person's to give: ``countersign``, ``withdraw`` or none."""
    if adjudication.state != Adjudication.State.SIGNED:
        return ""
    if adjudication.adjudicator_id == user.pk:
        return "withdraw"
    given = endorsing.endorsements(adjudication, endorsing.Kind.COUNTERSIGN)
    return "" if given.filter(signature__signer=user).exists() else "countersign"


def agreement_in(project: Project, user: User) -> list[dict[str, Any]]:
    """How far annotators agree in a project: for each class and figure the mean over its compared
    clips, the lowest, and on how many clips, but those that ``user`` labels and may not know of.
    Corrections compare nothing anew and do not count."""
    values: dict[tuple[str, str], list[float]] = {}
    compared = Adjudication.objects.filter(project=project, supersedes=None).exclude(
        clip__in=blinding.blinded_clips(user).values("pk")
    )
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
    signed = Adjudication.objects.filter(state__in=("signed", "superseded", "withdrawn"))
    related = ("signature__signer", "clip", "consensus__ontology")
    for adjudication in signed.select_related(*related).order_by("signed_at"):
        if binding.signature_holds(adjudication):
            continue
        given = Leaf.objects.filter(
            event__action="adjudication.signature", event__object_id=str(adjudication.pk)
        ).first()
        if given is None and adjudication.signature is not None:
            given = Leaf.objects.filter(event_id=adjudication.signature.event).first()
        place = f"entry {given.seq}: " if given is not None else ""
        return f"{place}the signature of adjudication {adjudication.pk} is not of its consensus"
    for row in Endorsement.objects.select_related("signature__signer", "adjudication__signature"):
        if not endorsing.holds(row):
            given = Leaf.objects.filter(event_id=row.signature.event).first()
            place = f"entry {given.seq}: " if given is not None else ""
            return (
                f"{place}the {row.kind} signature of adjudication {row.adjudication_id} is not its"
            )
    withdrawn = Adjudication.objects.filter(state="withdrawn")
    lost = withdrawn.exclude(endorsements__kind=Endorsement.Kind.WITHDRAW).first()
    return f"adjudication {lost.pk} is withdrawn without a signature" if lost else None
