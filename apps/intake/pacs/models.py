"""Remote nodes that we speak to, and studies that are pulled from them."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access.models import User
from apps.keys.models import Subject
from apps.projects.models import Project


class RemoteNode(models.Model):
    """A PACS or modality, as its administrator entered it. Removed ones stay as rows, because pulls
    name them. ``ca_certificate`` (PEM) is what TLS trusts instead of the system's authorities."""

    class Retrieval(models.TextChoices):
        AUTO = "auto", "C-GET, else C-MOVE"
        GET = "get", "C-GET only"
        MOVE = "move", "C-MOVE only"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    ae_title = models.CharField(max_length=16)
    uses_tls = models.BooleanField(default=False)
    ca_certificate = models.TextField(blank=True)
    may_be_queried = models.BooleanField(default=True)
    retrieval = models.CharField(max_length=4, choices=Retrieval, default=Retrieval.AUTO)
    # The newest echo or test store: what was tried, its reason code ("" when it went well), when.
    checked = models.CharField(max_length=10, blank=True)
    check_reason = models.CharField(max_length=40, blank=True)
    check_ms = models.PositiveIntegerField(null=True)
    checked_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(removed_at=None),
                name="one_remote_node_a_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Pull(models.Model):
    """A study that a steward picked. Which one stands here as keyed digest and ciphertext only;
    the ciphertext is dropped when everything has come."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        INCOMPLETE = "incomplete"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="pulls")
    node = models.ForeignKey(RemoteNode, on_delete=models.PROTECT, related_name="pulls")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    reason = models.CharField(max_length=40, blank=True)
    study_digest = models.BinaryField(db_index=True)
    # Sealed by the subject's key: the original Study Instance UID.
    sealed_study_uid = models.BinaryField(null=True)
    modality = models.CharField(max_length=16, blank=True)
    method = models.CharField(max_length=4, blank=True)
    n_expected = models.PositiveIntegerField(null=True)
    n_here_before = models.PositiveIntegerField(default=0)
    n_here = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "study_digest"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_live_pull_a_study_and_project",
            )
        ]

    def __str__(self) -> str:
        return f"pull {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class CommitmentRequest(models.Model):
    """A sender asked us to vouch for what it sent (Storage Commitment push model). The UIDs stand
    sealed by the intake key until the answer was delivered."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        UNDELIVERED = "undelivered"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="commitments")
    state = models.CharField(max_length=12, choices=State, default=State.PENDING, db_index=True)
    reason = models.CharField(max_length=40, blank=True)
    calling_ae = models.CharField(max_length=16)
    called_ae = models.CharField(max_length=16)
    peer = models.CharField(max_length=60)
    sealed = models.BinaryField(null=True)
    n_referenced = models.PositiveIntegerField()
    n_committed = models.PositiveIntegerField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"commitment request {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class RoutingRule(models.Model):
    """What arrives and fits goes to ``project``. Rules are asked in the order of ``position``; a
    change switches a rule off, and it is switched on only after it was tried as it stands."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(default=100)
    called_ae = models.CharField(max_length=16, blank=True)
    calling_ae = models.CharField(max_length=16, blank=True)
    # [{"keyword", "way", "value"}], see domain/routing.py.
    conditions = models.JSONField(default=list)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="routing_rules")
    is_on = models.BooleanField(default=False)
    changed_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    n_tried = models.PositiveIntegerField(default=0)
    n_moved = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name
