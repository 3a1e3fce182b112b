"""The append-only log. Events, leaves, tiles and checkpoints are only ever inserted."""

from __future__ import annotations

import uuid

from django.db import models


class Event(models.Model):
    """One thing that happened. ``entry`` is what the tree hashes (domain/entry.py); the columns
    beside it are for filtering and are checked against the hashed bytes by verification."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recorded_at = models.DateTimeField(db_index=True)
    action = models.CharField(max_length=80, db_index=True)
    outcome = models.CharField(max_length=20)
    actor = models.CharField(max_length=64, db_index=True, blank=True)
    project = models.CharField(max_length=64, db_index=True, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, db_index=True, blank=True)
    entry = models.BinaryField()
    private = models.BinaryField()
    salt = models.BinaryField()
    sealed = models.BinaryField(null=True)
    sealed_key = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["recorded_at"]
        indexes = [models.Index(fields=["object_type", "object_id"])]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


class Pending(models.Model):
    """An event that has no leaf yet. Written with the event, removed with its leaf."""

    id = models.BigAutoField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT)


class Leaf(models.Model):
    """Place ``seq`` (from 0) of the log: the event and the hash of its entry."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT)
    hash = models.BinaryField()
    # The sequencer's mark (domain/seal.py); null in logs from before there was one.
    mark = models.BinaryField(null=True)


class Tile(models.Model):
    """256 hashes of one level, complete: level 0 holds leaves, level n roots of 256**n leaves."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()
    # Root over ``hashes``, so that a proof reads 32 bytes of a tile; null in older tiles.
    root = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_tile_a_place")]


class Checkpoint(models.Model):
    """A signed note over the first ``size`` leaves."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    note = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["size"]


class Cosignature(models.Model):
    """A witness's signature line under the checkpoint of ``size`` leaves."""

    size = models.BigIntegerField(db_index=True)
    witness = models.CharField(max_length=200)
    line = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["size", "id"]
        constraints = [
            models.UniqueConstraint(fields=["size", "witness"], name="one_cosignature_a_witness")
        ]


class Delivery(models.Model):
    """How far one place outside the database has been given checkpoints (``delivery.py``)."""

    place = models.CharField(max_length=200, primary_key=True)
    size = models.BigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True)
