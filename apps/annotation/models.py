"""Label sets: an append-only log of operations by revision beside chunks changed in place."""

from __future__ import annotations

import uuid

from django.db import models

from apps.access.models import User
from apps.library.models import Clip
from apps.ontology.models import OntologyVersion
from apps.projects.models import Project


class LabelSet(models.Model):
    """One annotator's work (or a consensus) over an ordered list of clips of one study."""

    class State(models.TextChoices):
        ASSIGNED = "assigned"
        IN_PROGRESS = "in_progress"
        SUBMITTED = "submitted"
        RETURNED = "returned"
        LOCKED = "locked"
        OPEN = "open"
        SIGNED = "signed"
        SUPERSEDED = "superseded"

    class Origin(models.TextChoices):
        MANUAL = "manual"
        IMPORTED = "imported"
        CONSENSUS = "consensus"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    author = models.ForeignKey(User, on_delete=models.PROTECT)
    ontology = models.ForeignKey(OntologyVersion, on_delete=models.PROTECT)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.MANUAL)
    state = models.CharField(max_length=12, choices=State, default=State.ASSIGNED, db_index=True)
    revision = models.PositiveIntegerField(default=0)
    interpolator = models.CharField(max_length=20, default="linear@1")
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True)
    locked_with = ("project", "ontology")

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"label set {self.id}"

    def policy_project(self) -> Project:
        return self.project

    def relations(self, user: User) -> set[str]:
        return {"author"} if self.author_id == user.pk else set()


class LabelSetClip(models.Model):
    """Place ``position`` (from 0) of a label set's clips."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.CASCADE, related_name="places")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["label_set", "position"], name="one_clip_a_position"),
            models.UniqueConstraint(fields=["label_set", "clip"], name="a_clip_once_a_label_set"),
        ]


class Operation(models.Model):
    """One operation as the client sent it (canonical bytes). Append-only; a batch is a revision."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="operations")
    revision = models.PositiveIntegerField()
    place = models.PositiveIntegerField()
    op_id = models.UUIDField()
    client_id = models.UUIDField()
    seq = models.PositiveIntegerField()
    author = models.ForeignKey(User, on_delete=models.PROTECT)
    body = models.BinaryField()
    # The operations that undo this one, canonical JSON: old revisions are read backwards.
    inverse = models.BinaryField()
    # False for one that was held already under another number (domain/saving.py, ``skipped``).
    has_effect = models.BooleanField(default=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["revision", "place"]
        constraints = [
            models.UniqueConstraint(fields=["label_set", "client_id", "seq"], name="a_seq_once"),
            models.UniqueConstraint(fields=["label_set", "revision", "place"], name="a_place_once"),
        ]
        # Each save asks whether its operations are held already: without this it reads the log.
        indexes = [models.Index(fields=["op_id"], name="operation_by_id")]


class LabelObject(models.Model):
    """A track or an interval as it stands now; keyframes lie in chunks."""

    id = models.BigAutoField(primary_key=True)
    label_set = models.ForeignKey(LabelSet, on_delete=models.CASCADE, related_name="objects_now")
    uuid = models.UUIDField()
    kind = models.CharField(max_length=10)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    # Track: class_id, number, attributes. Interval: class_id, start_frame, end_frame, attributes.
    body = models.JSONField()
    # Where a track's keyframes lie (domain/runs.py), so that nobody asks its chunks for it.
    chunk_runs = models.JSONField(default=list)
    deleted = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["label_set", "uuid"], name="an_object_once")]


class KeyframeChunk(models.Model):
    """The keyframes of one track whose frame index divided by 256 is ``number``: zlib'd JSON."""

    object = models.ForeignKey(LabelObject, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    payload = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["object", "number"], name="a_chunk_once")]


class Propagation(models.Model):
    """A shape carried over a span of frames by the worker; its author takes what was found.

    ``found`` is zlib'd JSON: ``{"frames": [{"frame_index", "shape", "score"}], "keyframes":
    [index, ...], "stopped": {"frame_index", "reason"} or null}``. It changes no label: the author's
    browser commits what is taken as one step, by operations.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label_set = models.ForeignKey(LabelSet, on_delete=models.CASCADE, related_name="propagations")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    class_id = models.CharField(max_length=40)
    shape = models.JSONField()
    from_frame = models.PositiveIntegerField()
    to_frame = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=200, blank=True)
    found = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"propagation {self.id}"

    def policy_project(self) -> Project:
        return self.label_set.project

    def relations(self, user: User) -> set[str]:
        return self.label_set.relations(user)


class CommentThread(models.Model):
    """What was said about a frame of a clip, and an object on it (none: the frame), in one's own
    label set. Who may read it: ``comments.threads_for``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label_set = models.ForeignKey(LabelSet, on_delete=models.CASCADE, related_name="threads")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    frame_index = models.PositiveIntegerField()
    object = models.UUIDField(null=True)
    resolved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["frame_index", "created_at"]

    def __str__(self) -> str:
        return f"thread {self.id}"

    def policy_project(self) -> Project:
        return self.label_set.project

    def relations(self, user: User) -> set[str]:
        from apps.annotation.comments import may_read

        return {"may_answer"} if may_read(user, self.label_set, self.clip) else set()


class Comment(models.Model):
    """``sealed``: the text by the clip's subject's key, for people write what they should not."""

    thread = models.ForeignKey(CommentThread, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT)
    sealed = models.BinaryField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]


class ExampleFrame(models.Model):
    """A frame of a ready clip that shows what a class of an ontology means; ``ontology`` is the
    version that it was chosen under, and it holds for the others of its slug that have the class.
    Who sees the clip sees it. ``note`` says in a few words what it shows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    ontology = models.ForeignKey(OntologyVersion, on_delete=models.PROTECT)
    class_id = models.CharField(max_length=64)
    clip = models.ForeignKey(Clip, on_delete=models.CASCADE)
    frame_index = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["class_id", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "class_id", "clip", "frame_index", "ontology"],
                name="an_example_once_a_class",
            )
        ]

    def __str__(self) -> str:
        return f"example {self.id}"

    def policy_project(self) -> Project:
        return self.project


class KeyChoice(models.Model):
    """The keys of the workspace that a person has changed or switched off
    (``domain/key_choices.py``)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE)
    choices = models.JSONField(default=dict)


class WorkSpell(models.Model):
    """Time that one page was worked on; ``active_s`` leaves out what was idle. ``frame_index`` is
    the frame shown last: work goes on there."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.CASCADE, related_name="spells")
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT)
    person = models.ForeignKey(User, on_delete=models.PROTECT)
    page = models.UUIDField()
    active_s = models.FloatField(default=0.0)
    frame_index = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["label_set", "person", "page"], name="a_spell_a_page")
        ]
