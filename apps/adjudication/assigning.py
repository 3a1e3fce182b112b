"""Verbs on assignments: a clip is given to a person, to another, given up, returned, due."""

from __future__ import annotations

from datetime import date

from django.db.models import QuerySet

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication import blinding, reviewing
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.workflow import version_of
from apps.annotation.closing import (
    give_up_label_set,
    return_label_set,
    set_aside_label_set,
)
from apps.annotation.models import LabelSet
from apps.annotation.services import create_label_set
from apps.library.models import Clip
from apps.ontology.services import current
from apps.projects.queries import roles_in

State = Assignment.State
# Of a label set that is still to be handed in.
OPEN_STATES = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)


@verb(
    "assignment.create",
    roles={roles.PROJECT_LEAD, roles.SERVICE},
    states=(Clip.State.READY,),
    apart=blinding.ASSIGNED,
)
def assign_clip(
    actor: Actor,
    clip: Clip,
    *,
    person: User,
    kind: str = Assignment.Kind.ANNOTATE,
    due_on: date | None = None,
    gold: Adjudication | None = None,
) -> Assignment:
    """Give a ready clip to a person to annotate (with an empty label set) or to adjudicate, never
    both: who decides has seen the others' labels. With ``gold`` it is a calibration."""
    if clip.repeats_id is not None:
        if Assignment.objects.filter(clip=clip, person=actor.user.pk).exists():
            # Who leads now may have annotated: they are not told what it is.
            raise _unblinded()
        raise Refused(
            "repeat",
            "This clip is one that somebody labels again: it is for them alone.",
            "Give the clip that it repeats.",
            status=409,
        )
    wanted = roles.ANNOTATOR if kind == Assignment.Kind.ANNOTATE else roles.ADJUDICATOR
    if wanted not in roles_in(person, clip.project):
        raise Refused(
            "wrong_role",
            f"This person is no {wanted} in the project.",
            "Give the role first, or choose another person.",
            field="person",
        )
    found = Assignment.objects.filter(clip=clip, person=person, kind=kind).first()
    if found is not None and (found.state == State.GIVEN or gold is not None):
        raise Refused(
            "taken", "This person has the clip already.", "Choose another.", field="person"
        )
    label_set: LabelSet | None = None
    if kind == Assignment.Kind.ANNOTATE:
        ontology = gold.set_a.ontology if gold is not None else current(clip.project)
        if ontology is None:
            raise Refused(
                "no_ontology",
                "The project has no published ontology.",
                "Publish one, then assign.",
                field="ontology",
            )
        label_set = create_label_set(actor, clip, author=person, ontology=ontology)
    purpose = Assignment.Purpose.CALIBRATION if gold else Assignment.Purpose.WORK
    # Who gave it up before has it anew, with an empty label set; the old one stays readable.
    assignment = found or Assignment(project=clip.project, clip=clip, person=person, kind=kind)
    assignment.label_set, assignment.state, assignment.purpose = label_set, State.GIVEN, purpose
    assignment.workflow, assignment.due_on, assignment.gold = version_of(clip.project), due_on, gold
    assignment.reason = assignment.remark = ""
    assignment.pass_number = 1 + _work_on(clip).exclude(pk=assignment.pk).count()
    assignment.save()
    grants.grant(person, "work_on", assignment)
    event(
        actor,
        assignment,
        public={"purpose": purpose, "workflow": assignment.workflow},
        private={"person": str(person.pk), "clip": str(clip.pk), "kind": kind},
    )
    return assignment


def _work_on(clip: Clip) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        clip=clip,
        kind=Assignment.Kind.ANNOTATE,
        purpose=Assignment.Purpose.WORK,
        state=State.GIVEN,
    )


@verb("assignment.skip", roles={roles.ANNOTATOR}, states=(State.GIVEN,), relation="assigned")
def skip(actor: Actor, assignment: Assignment, *, reason: str) -> Assignment:
    """Give up a clip that one was given to annotate, with a reason that the lead reads."""
    said = note_text(reason)
    reviewing.end_of(give_up_label_set(actor, _label_set(assignment)))
    return _take(actor, assignment, State.SKIPPED, said)


@verb("assignment.reassign", roles={roles.PROJECT_LEAD}, states=(State.GIVEN,))
def reassign(actor: Actor, assignment: Assignment, *, person: User, reason: str = "") -> Assignment:
    """Give a clip that is not handed in to another person, with the same due date."""
    _hold_unblinded(actor, assignment)
    _hold_no_repeat(assignment)
    said = note_text(reason) if reason.strip() else ""
    reviewing.end_of(set_aside_label_set(actor, _label_set(assignment)))
    _take(actor, assignment, State.MOVED, said)
    return assign_clip(
        actor, assignment.clip, person=person, due_on=assignment.due_on, gold=assignment.gold
    )


@verb(
    "assignment.return",
    roles={roles.PROJECT_LEAD},
    states=(State.GIVEN,),
    not_relation="assigned",
)
def return_work(actor: Actor, assignment: Assignment, *, remark: str) -> Assignment:
    """Give handed-in labels that nobody decides yet back to their author with a remark."""
    _hold_unblinded(actor, assignment)
    _hold_no_repeat(assignment)
    said = note_text(remark, "remark")
    label_set = _label_set(assignment)
    _hold_undecided(label_set)
    return_label_set(actor, label_set, remark=said)
    assignment.remark = said
    assignment.save(update_fields=["remark"])
    event(actor, assignment, private={"remark": said})
    return assignment


@verb("assignment.set_due", roles={roles.PROJECT_LEAD}, states=(State.GIVEN,))
def set_due(actor: Actor, assignment: Assignment, *, due_on: date | None) -> Assignment:
    """Say until when a clip is to be labelled, or that there is no such day."""
    assignment.due_on = due_on
    assignment.save(update_fields=["due_on"])
    event(actor, assignment, public={"due_on": due_on.isoformat() if due_on else None})
    return assignment


def _hold_unblinded(actor: Actor, assignment: Assignment) -> None:
    """Raises Refused where the answer would tell a lead who labels the clip too how far another
    is."""
    if assignment.clip_id in blinding.blinded_clip_ids(actor.user):
        raise _unblinded()


def _unblinded() -> Refused:
    return Refused(
        "blinded",
        "You label this clip yourself, or may be given it.",
        "Ask another project lead.",
        status=409,
    )


def _hold_no_repeat(assignment: Assignment) -> None:
    """Raises Refused for a clip that came back to who labelled it: another's labels of it, or a
    second try, say nothing of how far they agree with themselves."""
    if assignment.purpose == Assignment.Purpose.REPEAT:
        raise Refused(
            "repeat",
            "This clip came back to the person who labelled it before.",
            "Leave it as it is.",
            status=409,
        )


def _hold_undecided(label_set: LabelSet) -> None:
    """Raises Conflict while somebody reviews it: they would sign what it was before.

    Holds the label set, as opening a review does: of two at once, the second sees the first.
    """
    LabelSet.objects.select_for_update(of=("self",)).get(pk=label_set.pk)
    begun = (Adjudication.State.OPEN, Adjudication.State.RETURNED)
    if Adjudication.objects.filter(set_a=label_set, state__in=begun).exists():
        raise Conflict(
            "under_review",
            "A reviewer has these labels.",
            "Ask the reviewer to return them.",
        )


def _label_set(assignment: Assignment) -> LabelSet:
    if assignment.label_set is None:
        raise Refused("not_to_label", "This is not given to label.", "Choose another.")
    return assignment.label_set


def _take(actor: Actor, assignment: Assignment, state: str, said: str) -> Assignment:
    """The person has the clip no longer: neither its pictures nor a way to write."""
    assignment.state, assignment.reason = state, said
    assignment.save(update_fields=["state", "reason"])
    grants.revoke(assignment.person, "work_on", assignment)
    event(
        actor,
        assignment,
        private={"person": str(assignment.person_id), "reason": said},
    )
    return assignment
