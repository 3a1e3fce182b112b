"""De-identification of one instance: proposals, decisions, report; pseudonyms a project; profiles,
devices and their masks."""

from __future__ import annotations

import json
import uuid

from django.db import models

from apps.access.models import User
from apps.intake.models import ReceivedInstance
from apps.keys import keyring
from apps.keys.models import Subject
from apps.projects.models import Project
from apps.vault.models import VaultFile


class ProjectSubject(models.Model):
    """A subject within a project. ``sealed`` (by the subject's key, so erased with it) holds
    {"date_shift_s", "uid_key" (hex)}."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT)
    pseudonym = models.CharField(max_length=20)
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "subject"], name="one_pseudonym_a_project"),
            models.UniqueConstraint(fields=["project", "pseudonym"], name="pseudonyms_differ"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class ProfileVersion(models.Model):
    """One version of a project's own profile: never changed once saved. ``relaxations``: where it
    is looser than the basic profile, in words; then it is usable once another person approved."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="profiles")
    name = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    relaxations = models.JSONField(default=list)
    state = models.CharField(max_length=12, choices=State)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name", "version"], name="one_text_a_profile_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return {"proposer"} if user.pk == self.proposed_by_id else set()


class Device(models.Model):
    """What took the pictures, as far as text in them goes: model, software and picture size.

    What a header calls a device may name a person or a room: ``sealed_names`` (intake's key) holds
    [manufacturer, model, software], ``key_digest`` is the keyed digest of these and the size.
    ``state`` says whether the phantom gate lets it through. ``state_by`` and ``note``: who released
    it and why, or nobody where a phantom passed."""

    class State(models.TextChoices):
        UNSEEN = "unseen"
        PASSED = "passed"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="devices")
    key_digest = models.BinaryField(max_length=32)
    sealed_names = models.BinaryField()
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.UNSEEN)
    state_at = models.DateTimeField(null=True)
    state_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=400, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-first_seen_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "key_digest"], name="one_device_a_key_and_project"
            )
        ]

    def __str__(self) -> str:
        named = " ".join(filter(None, self.names))
        return f"{named or 'no name given'} · {self.columns} × {self.rows}"

    @property
    def names(self) -> tuple[str, str, str]:
        """Manufacturer, model, software; empty where the header gave none."""
        sealed = keyring.unseal_for(None, bytes(self.sealed_names), "device")
        manufacturer, model, software = json.loads(sealed)
        return manufacturer, model, software

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return set()


class DeviceMask(models.Model):
    """Boxes ``{"x_px", "y_px", "width_px", "height_px"}`` that are proposed first on each later
    instance of the device. Never changed; a newer one retires it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="masks")
    boxes = models.JSONField()
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(retired_at=None),
                name="one_mask_in_force_a_device",
            )
        ]

    def __str__(self) -> str:
        return f"mask {self.id}"

    @property
    def state(self) -> str:
        return "in_force" if self.retired_at is None else "retired"

    def policy_project(self) -> Project:
        return self.device.project

    def relations(self, user: User) -> set[str]:
        return set()


class Deidentification(models.Model):
    """What was done to one instance. ``sealed_proposals`` (subject's key): boxes, spans and the
    text that was found, JSON; ``decision``: what a person made of them, without any text.

    ``second_by``: the other person who confirmed the same decision, where two are asked for.
    ``choices``: what a steward chose for this instance alone: {"remove": [tag as a whole number],
    "encode_again": bool, "without_mask": bool}. ``is_phantom``: it proves its device and becomes
    no clip."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.OneToOneField(
        ReceivedInstance, on_delete=models.PROTECT, related_name="deidentification"
    )
    project_subject = models.ForeignKey(ProjectSubject, on_delete=models.PROTECT, null=True)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField(default=1)
    profile_digest = models.CharField(max_length=64)
    sealed_proposals = models.BinaryField(null=True)
    sealed_harvest = models.BinaryField(null=True)
    n_boxes = models.PositiveIntegerField(default=0)
    n_spans = models.PositiveIntegerField(default=0)
    decision = models.JSONField(null=True)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    confirmed_at = models.DateTimeField(null=True)
    second_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    second_at = models.DateTimeField(null=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True)
    choices = models.JSONField(default=dict)
    is_phantom = models.BooleanField(default=False)
    report = models.JSONField(default=dict)
    output = models.OneToOneField(VaultFile, on_delete=models.PROTECT, null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"deidentification {self.id}"

    def policy_project(self) -> Project:
        return self.instance.project


class SeenVideo(models.Model):
    """``sealed`` (subject's key): ``SeenPictures.to_bytes()`` of an examined video, until its clip
    is ready. A row of its own: half a megabyte for ten minutes, which no list may load."""

    deidentification = models.OneToOneField(
        Deidentification, on_delete=models.CASCADE, related_name="seen_video"
    )
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"seen video {self.pk}"
