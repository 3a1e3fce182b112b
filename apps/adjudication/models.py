"""The project's workflow, assignments, adjudications, decisions."""

from __future__ import annotations

import uuid

from django.db import models
from guardian.models import UserObjectPermissionBase

from apps.access.models import Signature, User
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.projects.models import Project


class WorkflowVersion(models.Model):
    """How many people label a clip of the project, from this version on (``domain/workflow.py``).
    What was given before keeps the version it was given under. Append-only."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="workflows")
    number = models.PositiveIntegerField()
    rule = models.JSONField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="one_workflow_a_number")
        ]


class Assignment(models.Model):
    """A clip given to a person: to annotate (its label set), or to adjudicate.

    ``pass_number``: which of the clip's independent label sets it is; ``workflow``: the version of
    the project's rule that it was given under, 0 for none. A calibration is compared with the
    signed consensus ``gold``; ``result`` is what that said. A repeat is of a clip that repeats one
    which the person labelled (``repeat_models.py``); nothing that they see tells it from work.
    """

    class Kind(models.TextChoices):
        ANNOTATE = "annotate"
        ADJUDICATE = "adjudicate"

    class Purpose(models.TextChoices):
        WORK = "work"
        CALIBRATION = "calibration"
        REPEAT = "repeat"

    class State(models.TextChoices):
        GIVEN = "given"
        SKIPPED = "skipped"
        MOVED = "moved", "Given to another"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    person = models.ForeignKey(User, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=Kind)
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.WORK)
    state = models.CharField(max_length=8, choices=State, default=State.GIVEN)
    pass_number = models.PositiveSmallIntegerField(default=1)
    workflow = models.PositiveIntegerField(default=0)
    due_on = models.DateField(null=True)
    # Why the person skipped it, or why it was given to another.
    reason = models.CharField(max_length=400, blank=True)
    # What is to be mended, when it was returned.
    remark = models.CharField(max_length=400, blank=True)
    label_set = models.OneToOneField(LabelSet, on_delete=models.PROTECT, null=True)
    gold = models.ForeignKey("Adjudication", on_delete=models.PROTECT, null=True, related_name="+")
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        permissions = [("work_on", "work on the assigned clip")]
        constraints = [
            models.UniqueConstraint(
                fields=["clip", "person", "kind"], name="a_clip_once_a_person_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"assignment {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return {"assigned"} if self.person_id == user.pk else set()


class AssignmentUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Assignment, on_delete=models.CASCADE)


class Adjudication(models.Model):
    """Submitted label sets of one clip, decided into a consensus label set and signed: two or more
    by an adjudicator, or one alone (``set_b`` None) by a reviewer, who can return it."""

    class State(models.TextChoices):
        OPEN = "open"
        RETURNED = "returned"
        # The labels that were returned were given up: the clip is labelled and decided anew.
        ENDED = "ended"
        SIGNED = "signed"
        SUPERSEDED = "superseded"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="adjudications")
    set_a = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="+")
    set_b = models.ForeignKey(LabelSet, on_delete=models.PROTECT, null=True, related_name="+")
    # The third and later sets.
    further = models.ManyToManyField(LabelSet, through="FurtherSet", related_name="+")
    consensus = models.OneToOneField(
        LabelSet, on_delete=models.PROTECT, null=True, related_name="adjudication"
    )
    adjudicator = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    # Agreement and disagreements, computed in the background from the two locked sets.
    findings = models.JSONField(null=True)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, null=True)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    reason = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    signed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"adjudication {self.id}"

    def policy_project(self) -> Project:
        return self.project

    @property
    def is_review(self) -> bool:
        """Whether one person alone labelled the clip."""
        return self.set_b_id is None

    def sides(self) -> list[LabelSet]:
        """The label sets that are decided between, A first."""
        third = FurtherSet.objects.filter(adjudication=self).select_related("label_set__author")
        pair = [self.set_a] if self.set_b is None else [self.set_a, self.set_b]
        return pair + [row.label_set for row in third]

    def relations(self, user: User) -> set[str]:
        held = set()
        if user.pk in {side.author_id for side in self.sides()}:
            held |= {"author", "party"}
        if self.adjudicator_id == user.pk:
            held |= {"assigned", "party"}
        return held


class FurtherSet(models.Model):
    """Side ``position`` (2 for C) of an adjudication between three and more."""

    adjudication = models.ForeignKey(Adjudication, on_delete=models.CASCADE)
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["adjudication", "position"], name="one_set_a_side")
        ]


class Decision(models.Model):
    """What the adjudicator made of one disagreement; a later one on the same replaces it."""

    adjudication = models.ForeignKey(
        Adjudication, on_delete=models.PROTECT, related_name="decisions"
    )
    disagreement = models.CharField(max_length=64)
    choice = models.CharField(max_length=10)
    reason = models.CharField(max_length=400, blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]


class Endorsement(models.Model):
    """A further signature on a signed consensus: another clinician confirms it, or the one who
    signed withdraws. The first signature stays as it was. Append-only."""

    class Kind(models.TextChoices):
        COUNTERSIGN = "countersign"
        WITHDRAW = "withdraw"

    adjudication = models.ForeignKey(
        Adjudication, on_delete=models.PROTECT, related_name="endorsements"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["pk"]


class PasskeyAssertion(models.Model):
    """What the signer's own device signed: the digest of the statement (W3C WebAuthn level 2).

    ``public_key`` is the credential's COSE key as CBOR, ``client_data`` and ``authenticator_data``
    the very bytes that ``assertion`` is over. Append-only.
    """

    signature = models.OneToOneField(
        Signature, on_delete=models.PROTECT, related_name="passkey_assertion"
    )
    credential_id = models.BinaryField()
    public_key = models.BinaryField()
    client_data = models.BinaryField()
    authenticator_data = models.BinaryField()
    assertion = models.BinaryField()


# Tables of a file of their own, found by Django from here.
from apps.adjudication import reader_models as reader_models  # noqa: E402
from apps.adjudication import repeat_models as repeat_models  # noqa: E402
