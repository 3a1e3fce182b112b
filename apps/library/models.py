"""De-identified Study, Series, Instance, Clip; the frame index; who has which clip open."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access import roles
from apps.access.models import User
from apps.deid.models import ProjectSubject
from apps.intake.models import ReceivedInstance
from apps.library.domain import incidental
from apps.library.domain.time_source import times_from
from apps.projects.models import Project
from apps.projects.queries import roles_in
from apps.vault.models import VaultFile


def _may_see(user: User, **where: object) -> set[str]:
    from apps.library.dicomweb.queries import instances_for

    return {"may_see"} if instances_for(user).filter(**where).exists() else set()


class Study(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="studies")
    project_subject = models.ForeignKey(ProjectSubject, on_delete=models.PROTECT)
    study_instance_uid = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "study_instance_uid"], name="one_study_a_project"
            )
        ]

    def __str__(self) -> str:
        return f"study {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return _may_see(user, series__study=self)


class Series(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="series")
    series_instance_uid = models.CharField(max_length=64)
    modality = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "series_instance_uid"], name="one_series_a_study"
            )
        ]

    def __str__(self) -> str:
        return f"series {self.id}"

    def policy_project(self) -> Project:
        return self.study.project

    def relations(self, user: User) -> set[str]:
        return _may_see(user, series=self)


class Instance(models.Model):
    """``file`` is the whole de-identified DICOM instance. ``header`` holds the de-identified
    attributes that exports need (DICOM JSON without pixel data)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    source = models.OneToOneField(ReceivedInstance, on_delete=models.PROTECT)
    sop_instance_uid = models.CharField(max_length=64, unique=True)
    sop_class_uid = models.CharField(max_length=64)
    transfer_syntax_uid = models.CharField(max_length=64)
    file = models.OneToOneField(VaultFile, on_delete=models.PROTECT)
    header = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"instance {self.id}"

    def policy_project(self) -> Project:
        return self.series.study.project

    def relations(self, user: User) -> set[str]:
        return _may_see(user, pk=self.pk)


class Clip(models.Model):
    """One annotatable video or cine inside an Instance.

    A clip with ``repeats`` is that clip once more, for a person who is to label it again unmarked:
    the same pictures under an id, a name and a pseudonym (``shown_as``) of its own. Nobody sees it
    but who was given it, and nothing of it is decided or released.
    """

    class State(models.TextChoices):
        INDEXING = "indexing"
        READY = "ready"
        FAILED = "failed"
        WITHDRAWN = "withdrawn"

    class Media(models.TextChoices):
        VIDEO = "video"
        CINE = "cine"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, related_name="clips", related_query_name="clip"
    )
    repeats = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    shown_as = models.CharField(max_length=20, blank=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="clips")
    name = models.CharField(max_length=60)
    state = models.CharField(max_length=12, choices=State, default=State.INDEXING, db_index=True)
    reason = models.CharField(max_length=200, blank=True)
    media = models.CharField(max_length=8, choices=Media)
    codec = models.CharField(max_length=20, blank=True)
    n_frames = models.PositiveIntegerField(default=0)
    width_px = models.PositiveIntegerField(default=0)
    height_px = models.PositiveIntegerField(default=0)
    duration_s = models.FloatField(default=0.0)
    fps = models.FloatField(default=0.0)
    # FrameIndex.to_bytes() of the master; n_frames × 32 bytes of digests of the decoded pictures.
    frame_index = models.BinaryField(null=True)
    digests = models.BinaryField(null=True)
    digest_exact = models.BooleanField(default=True)
    decoder = models.CharField(max_length=60, blank=True)
    # SHA-256 of the media bytes that a release carries: the video stream as the instance holds it.
    media_sha256 = models.CharField(max_length=64, blank=True)
    # Cine only: lossless frames with random access.
    master = models.ForeignKey(VaultFile, on_delete=models.PROTECT, null=True, related_name="+")
    # None where the master serves itself.
    review = models.ForeignKey(VaultFile, on_delete=models.PROTECT, null=True, related_name="+")
    review_index = models.BinaryField(null=True)
    warnings = models.JSONField(default=list)
    blanked_spans = models.JSONField(default=list)
    # First frames of every shot but the first (domain/shots.py); None where nobody looked.
    shots = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        # Lists go by time and stop at a page.
        indexes = [models.Index(fields=["created_at", "id"], name="clips_by_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=models.Q(repeats=None),
                name="one_clip_an_instance",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def study(self) -> Study:
        return self.instance.series.study

    @property
    def times_from(self) -> str:
        """Which of several sayings about times the frame index follows."""
        is_video = self.media == self.Media.VIDEO
        return times_from(self.instance.header, is_video, self.n_frames)

    @property
    def original(self) -> Clip:
        """The clip itself, or the one that it repeats."""
        return self if self.repeats is None else self.repeats

    @property
    def pseudonym(self) -> str:
        return self.shown_as or self.study.project_subject.pseudonym

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        from apps.library.queries import clips_for

        return {"may_see"} if clips_for(user).filter(pk=self.pk).exists() else set()


class ReviewSegment(models.Model):
    """A finished part of a review copy in the making: pictures [start, end). ``made_of`` is the
    recipe (domain/review_segments.py); ``digests`` 32 bytes a picture of the master's."""

    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="segments")
    start_frame = models.PositiveIntegerField()
    end_frame = models.PositiveIntegerField()
    made_of = models.BinaryField()
    digests = models.BinaryField()
    file = models.OneToOneField(VaultFile, on_delete=models.PROTECT, related_name="segment_of")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["start_frame"]
        constraints = [
            models.UniqueConstraint(fields=["clip", "start_frame"], name="one_segment_a_place")
        ]

    def __str__(self) -> str:
        return f"segment {self.pk}"


class ClipOpening(models.Model):
    """A short-lived ticket: this person has this clip open. Byte ranges and frames check it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["user", "clip", "expires_at"])]

    def __str__(self) -> str:
        return f"opening {self.id}"


class WatchedSpan(models.Model):
    """Frames [start, end) that a person's browser reported as shown."""

    clip = models.ForeignKey(Clip, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    start_frame = models.PositiveIntegerField()
    end_frame = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)


class IncidentalFinding(models.Model):
    """Something on a frame that the clinic should know (``incidental.py``). Texts are sealed with
    the subject's key: what was seen, who was told, what came of it."""

    class Severity(models.TextChoices):
        URGENT = incidental.Severity.URGENT.value
        SOON = incidental.Severity.SOON.value
        ROUTINE = incidental.Severity.ROUTINE.value

    class State(models.TextChoices):
        FLAGGED = incidental.State.FLAGGED.value
        IDENTIFIED = incidental.State.IDENTIFIED.value
        REPORTED = incidental.State.REPORTED.value
        CLOSED = incidental.State.CLOSED.value

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="findings")
    frame_index = models.PositiveIntegerField()
    severity = models.CharField(max_length=8, choices=Severity)
    state = models.CharField(max_length=12, choices=State, default=State.FLAGGED, db_index=True)
    sealed_text = models.BinaryField()
    flagged_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    flagged_at = models.DateTimeField()
    identified_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    identified_at = models.DateTimeField(null=True)
    sealed_told = models.BinaryField(null=True)
    way = models.CharField(max_length=12, blank=True)
    told_at = models.DateTimeField(null=True)
    reported_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=20, blank=True)
    sealed_note = models.BinaryField(null=True)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["flagged_at"]

    def __str__(self) -> str:
        return f"finding {self.id}"

    @property
    def reference(self) -> str:
        """What people call it when they speak of it."""
        return f"F-{self.id.hex[:8].upper()}"

    def policy_project(self) -> Project:
        return self.clip.project

    def relations(self, user: User) -> set[str]:
        is_steward = roles.DATA_STEWARD in roles_in(user, self.clip.project)
        found = {"steward"} if is_steward else set()
        return found | ({"author"} if self.flagged_by_id == user.pk else set())
