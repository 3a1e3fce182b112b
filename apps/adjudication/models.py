"""Assignments, adjudications, decisions."""

from __future__ import annotations

import uuid

from django.db import models
from guardian.models import UserObjectPermissionBase

from apps.access.models import Signature, User
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.projects.models import Project


class Assignment(models.Model):
    """A clip given to a person: to annotate (its label set), or to adjudicate."""

    class Kind(models.TextChoices):
        ANNOTATE = "annotate"
        ADJUDICATE = "adjudicate"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    person = models.ForeignKey(User, on_delete=models.PROTECT)
    kind = models.CharField(max_length=12, choices=Kind)
    label_set = models.OneToOneField(LabelSet, on_delete=models.PROTECT, null=True)
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
    """Two submitted label sets of one clip, decided into a consensus label set and signed."""

    class State(models.TextChoices):
        OPEN = "open"
        SIGNED = "signed"
        SUPERSEDED = "superseded"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="adjudications")
    set_a = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="+")
    set_b = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="+")
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

    def relations(self, user: User) -> set[str]:
        held = set()
        if user.pk in (self.set_a.author_id, self.set_b.author_id):
            held |= {"author", "party"}
        if self.adjudicator_id == user.pk:
            held |= {"assigned", "party"}
        return held


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
