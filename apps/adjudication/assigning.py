"""Verbs on assignments: a clip is given to a person."""

from __future__ import annotations

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.adjudication import blinding
from apps.adjudication.models import Assignment
from apps.adjudication.workflow import version_of
from apps.annotation.models import LabelSet
from apps.annotation.services import create_label_set
from apps.library.models import Clip
from apps.ontology.services import current
from apps.projects.queries import roles_in


@verb(
    "assignment.create",
    roles={roles.PROJECT_LEAD, roles.SERVICE},
    states=(Clip.State.READY,),
    apart=blinding.ASSIGNED,
)
def assign_clip(
    actor: Actor, clip: Clip, *, person: User, kind: str = Assignment.Kind.ANNOTATE
) -> Assignment:
    """Give a ready clip to a person to annotate (with an empty label set) or to adjudicate, never
    both: who decides has seen the others' labels."""
    wanted = roles.ANNOTATOR if kind == Assignment.Kind.ANNOTATE else roles.ADJUDICATOR
    if wanted not in roles_in(person, clip.project):
        raise Refused(
            "wrong_role",
            f"This person is no {wanted} in the project.",
            "Give the role first, or choose another person.",
            field="person",
        )
    found = Assignment.objects.filter(clip=clip, person=person, kind=kind).first()
    if found is not None:
        raise Refused(
            "taken", "This person has the clip already.", "Choose another.", field="person"
        )
    label_set: LabelSet | None = None
    if kind == Assignment.Kind.ANNOTATE:
        ontology = current(clip.project)
        if ontology is None:
            raise Refused(
                "no_ontology",
                "The project has no published ontology.",
                "Publish one, then assign.",
                field="ontology",
            )
        label_set = create_label_set(actor, clip, author=person, ontology=ontology)
    assignment = Assignment.objects.create(
        project=clip.project,
        clip=clip,
        person=person,
        kind=kind,
        label_set=label_set,
        workflow=version_of(clip.project),
    )
    grants.grant(person, "work_on", assignment)
    event(actor, assignment, private={"person": str(person.pk), "clip": str(clip.pk), "kind": kind})
    return assignment
