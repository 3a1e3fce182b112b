"""Releases: frozen, approved by a second person, published; never changed."""

from __future__ import annotations

import uuid

from django.db import models
from guardian.models import UserObjectPermissionBase

from apps.access import grants
from apps.access.models import User
from apps.intake.pacs.models import RemoteNode
from apps.library.models import Clip
from apps.projects.models import Project
from apps.vault.models import VaultFile


class Release(models.Model):
    """``freeze`` is the one self-contained signed file that writers read beside the media."""

    class State(models.TextChoices):
        DRAFT = "draft"
        FROZEN = "frozen"
        APPROVED = "approved"
        PUBLISHED = "published"
        WITHDRAWN = "withdrawn"
        RECALLED = "recalled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=40)
    state = models.CharField(max_length=12, choices=State, default=State.FROZEN)
    formats = models.JSONField(default=list)
    # Of a draft, and of what was frozen from one: {"clips" (ids; none: all), "shares", "by",
    # "sampling", "about"}, and the report of the last check, {"of" (digest of the choices),
    # "holds", "lines" …}.
    choices = models.JSONField(default=dict)
    report = models.JSONField(null=True)
    drafted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    drafted_at = models.DateTimeField(null=True)
    # None while it is a draft.
    freeze_file = models.OneToOneField(
        VaultFile, on_delete=models.PROTECT, null=True, related_name="+"
    )
    freeze_digest = models.CharField(max_length=64, blank=True)
    # The built folder as one encrypted ZIP, made in the background.
    archive = models.OneToOneField(VaultFile, on_delete=models.PROTECT, null=True, related_name="+")
    # Whether the archive's manifest bears the approval.
    is_archive_approved = models.BooleanField(default=False)
    n_clips = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=list)
    frozen_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    frozen_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    # What the manifest says of the approval, with its proof of the log; never changes once set.
    approval = models.JSONField(null=True)
    published_at = models.DateTimeField(null=True)
    # Of a withdrawal or recall.
    withdrawn_reason = models.CharField(max_length=400, blank=True)
    recalled_at = models.DateTimeField(null=True)
    # The version that this one takes the place of; its freeze says what changed.
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="superseding"
    )

    class Meta:
        ordering = ["-frozen_at"]
        permissions = [("download", "download the release")]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="a_version_once_a_project")
        ]

    def __str__(self) -> str:
        return f"{self.project.slug} {self.version}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        held = {"froze"} if self.frozen_by_id == user.pk else set()
        if "download" in grants.granted_codenames(user, self):
            held.add("may_download")
        return held

    @property
    def superseded_by(self) -> Release | None:
        """The newest published version that takes this one's place."""
        published = self.superseding.filter(state=self.State.PUBLISHED)
        return published.order_by("-published_at").first()


# Never handed out or written again.
ENDED = (Release.State.WITHDRAWN, Release.State.RECALLED)


class ReleaseUserObjectPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Release, on_delete=models.CASCADE)


class Destination(models.Model):
    """Where releases are pushed beside C-STORE, as its administrator entered it. Removed ones stay
    as rows, because sendings name them. ``url``: of the DICOMweb service or of the S3 endpoint;
    ``ca_certificate`` (PEM) is what TLS trusts instead of the system's authorities."""

    class Kind(models.TextChoices):
        STOW = "stow", "DICOMweb (STOW-RS)"
        BUCKET = "bucket", "bucket (S3)"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=6, choices=Kind)
    url = models.CharField(max_length=400, blank=True)
    bucket = models.CharField(max_length=63, blank=True)
    prefix = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=40, blank=True)
    # User name of HTTP Basic, or the access key; never shown together with what is sealed.
    account = models.CharField(max_length=128, blank=True)
    # Sealed by the intake key: password, token or secret key.
    sealed_secret = models.BinaryField(null=True)
    ca_certificate = models.TextField(blank=True)
    # The newest try: its reason code ("" when it went well), when.
    check_reason = models.CharField(max_length=40, blank=True)
    checked_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(removed_at=None),
                name="one_destination_a_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Sending(models.Model):
    """A release on its way: its DICOM instances to a PACS (``node``, or a destination's DICOMweb),
    or all its files into a bucket. ``sha256``: of the archive."""

    class State(models.TextChoices):
        QUEUED = "queued"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="sendings")
    node = models.ForeignKey(RemoteNode, on_delete=models.PROTECT, null=True, related_name="+")
    destination = models.ForeignKey(
        Destination, on_delete=models.PROTECT, null=True, related_name="sendings"
    )
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    # A code of intake's peer reasons.
    reason = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64)
    n_instances = models.PositiveIntegerField(default=0)
    n_taken = models.PositiveIntegerField(default=0)
    # How many files, in their order, were tried; which of those were not taken.
    n_tried = models.PositiveIntegerField(default=0)
    not_taken = models.JSONField(default=list)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "node"],
                condition=models.Q(state="queued"),
                name="one_sending_at_a_time_a_release_and_node",
            ),
            models.UniqueConstraint(
                fields=["release", "destination"],
                condition=models.Q(state="queued"),
                name="one_sending_at_a_time_a_release_and_destination",
            ),
            models.CheckConstraint(
                condition=models.Q(node=None) ^ models.Q(destination=None),
                name="a_sending_goes_to_one_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release} to {self.place}"

    @property
    def place(self) -> RemoteNode | Destination:
        found = self.node if self.node is not None else self.destination
        assert found is not None
        return found

    def policy_project(self) -> Project:
        return self.release.project

    def relations(self, user: User) -> set[str]:
        return set()


class ClipLook(models.Model):
    """How a clip's pictures look: ``bits`` of `domain/leakage.py`, 32 bytes a sampled picture."""

    clip = models.OneToOneField(Clip, on_delete=models.CASCADE, related_name="look")
    bits = models.BinaryField()

    def __str__(self) -> str:
        return f"look of {self.clip_id}"


class RecallNotice(models.Model):
    """What a person who downloaded a recalled release is told, and what they answered.

    ``digests``: SHA-256 of each archive that was handed to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="notices")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    n_downloads = models.PositiveIntegerField()
    digests = models.JSONField(default=list)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    written_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-written_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "person"], name="one_recall_notice_a_release_and_person"
            )
        ]

    def __str__(self) -> str:
        return f"recall of {self.release}"

    def policy_project(self) -> Project:
        return self.release.project

    def relations(self, user: User) -> set[str]:
        return {"addressed"} if self.person_id == user.pk else set()
