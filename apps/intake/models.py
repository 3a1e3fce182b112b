"""Quarantine: what arrived, from whom; identifiers as keyed digest and ciphertext only."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access.models import User
from apps.keys.models import Subject
from apps.projects.models import Project
from apps.vault.models import VaultFile


class ReceivedInstance(models.Model):
    """One instance held. Unique by project and SOP Instance UID (``sop_uid_digest``); a second one
    with the same UID and other bytes is kept apart as ``held`` with ``clash_with``."""

    class State(models.TextChoices):
        RECEIVED = "received"
        DEIDENTIFYING = "deidentifying"
        PIXEL_REVIEW = "pixel_review"
        REDACTING = "redacting"
        CLEARED = "cleared"
        HELD = "held"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="received")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, null=True)
    state = models.CharField(max_length=16, choices=State, default=State.RECEIVED, db_index=True)
    reason = models.CharField(max_length=60, blank=True)
    sop_uid_digest = models.BinaryField()
    # Sealed by the subject's key: {"sop_instance_uid", "study_instance_uid"} as JSON.
    sealed_uids = models.BinaryField()
    study_digest = models.BinaryField(db_index=True)
    sop_class_uid = models.CharField(max_length=64)
    transfer_syntax_uid = models.CharField(max_length=64)
    modality = models.CharField(max_length=16, blank=True)
    n_frames_declared = models.PositiveIntegerField(null=True)
    original = models.OneToOneField(VaultFile, on_delete=models.PROTECT, null=True)
    size_bytes = models.BigIntegerField()
    # Digest of the data set as received (without preamble and file meta).
    sha256 = models.CharField(max_length=64)
    clash_with = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    calling_ae = models.CharField(max_length=16, blank=True)
    called_ae = models.CharField(max_length=16, blank=True)
    peer = models.CharField(max_length=60, blank=True)
    door = models.CharField(max_length=12, default="node")
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)
    state_changed_at = models.DateTimeField(auto_now=True)
    pixels_choice = models.CharField(max_length=8, blank=True)
    # Keyed digest of name, birth date and sex: tells that they changed, not what they are.
    demographics_digest = models.BinaryField(null=True)
    # Of the institution's department, shortened: which one is told by who knows its name already.
    department_code = models.CharField(max_length=16, blank=True, default="", db_default="")

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "sop_uid_digest"],
                condition=models.Q(clash_with=None),
                name="one_instance_a_uid_and_project",
            ),
            models.UniqueConstraint(
                fields=["project", "sop_uid_digest", "sha256"], name="one_row_an_arrival"
            ),
        ]

    def __str__(self) -> str:
        return f"instance {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class ErasedOriginal(models.Model):
    """An original that was erased, by its file's id. Only ever inserted; a restore of an older
    database erases it again (``erased.py``)."""

    file_id = models.UUIDField(primary_key=True, editable=False)
    sha256 = models.CharField(max_length=64)
    erased_at = models.DateTimeField()

    class Meta:
        ordering = ["erased_at"]

    def __str__(self) -> str:
        return f"erased original {self.file_id}"


class Correction(models.Model):
    """What an archive (or a person) said later about instances that are held here. ``code`` is the
    rejection's title (DCM), ``told_by`` the instance that said it."""

    class Kind(models.TextChoices):
        REJECTED = "rejected"
        PATIENT_CHANGED = "patient_changed"
        DEMOGRAPHICS_CHANGED = "demographics_changed"
        PATIENTS_MERGED = "patients_merged"
        REPORTED = "reported"

    class State(models.TextChoices):
        OPEN = "open"
        KEPT = "kept"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    kind = models.CharField(max_length=24, choices=Kind)
    code = models.CharField(max_length=8, blank=True)
    modifier = models.CharField(max_length=8, blank=True)
    told_by = models.ForeignKey(ReceivedInstance, on_delete=models.PROTECT, null=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"correction {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class CorrectionTarget(models.Model):
    """One instance that a correction speaks of: held while it is open. ``instance`` is None while
    it has not arrived; the states are those before it was held."""

    correction = models.ForeignKey(Correction, on_delete=models.PROTECT, related_name="targets")
    sop_uid_digest = models.BinaryField(db_index=True)
    instance = models.ForeignKey(ReceivedInstance, on_delete=models.PROTECT, null=True)
    state_before = models.CharField(max_length=16, blank=True)
    reason_before = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["correction", "sop_uid_digest"], name="a_target_once_a_correction"
            )
        ]


# Django finds a room's tables through this module.
from apps.intake.pacs.models import CommitmentRequest as CommitmentRequest  # noqa: E402
from apps.intake.pacs.models import Pull as Pull  # noqa: E402
from apps.intake.pacs.models import RemoteNode as RemoteNode  # noqa: E402
from apps.intake.pacs.models import RoutingRule as RoutingRule  # noqa: E402
