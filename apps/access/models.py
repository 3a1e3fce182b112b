"""People, service accounts, API tokens, electronic signatures."""

from __future__ import annotations

import base64
import os
import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


def _pseudonym() -> str:
    return "U-" + base64.b32encode(os.urandom(5)).decode()


class User(AbstractUser):
    """A person or a service account. ``pseudonym`` is how events and exports call them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pseudonym = models.CharField(max_length=20, unique=True, default=_pseudonym, editable=False)
    printed_name = models.CharField(max_length=120, blank=True)
    system_roles = models.JSONField(default=list, blank=True)
    is_service = models.BooleanField(default=False)
    # As studies name it (0008,1040): whose patients are not one's own department's is told by it.
    department = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["username"]

    @property
    def display_name(self) -> str:
        return self.printed_name or self.get_full_name() or self.username


class ApiToken(models.Model):
    """A bearer token; only its SHA-256 is kept. ``scopes`` narrow what its owner may (none: all of
    it), ``networks`` are those it works from (none: any)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    networks = models.JSONField(default=list, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def relations(self, user: User) -> set[str]:
        return {"author"} if self.user_id == user.pk else set()


class Signature(models.Model):
    """An electronic signature (21 CFR 11.50, 11.70): the signed statement's own bytes hold name,
    time, meaning and the digest of exactly what was signed; the server's key signs those bytes.

    ``released_statement`` says the same with the pseudonym alone: that is what a release carries.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    signer = models.ForeignKey(User, on_delete=models.PROTECT)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64, db_index=True)
    meaning = models.CharField(max_length=400)
    digest = models.CharField(max_length=64)
    statement = models.BinaryField()
    server_signature = models.BinaryField()
    released_statement = models.BinaryField()
    released_signature = models.BinaryField()
    signed_at = models.DateTimeField()
    event = models.UUIDField()

    class Meta:
        ordering = ["signed_at"]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id}"
