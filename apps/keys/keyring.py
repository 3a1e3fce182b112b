"""Which key opens what: the intake key, subject keys, project secrets; files by their row."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction

from apps.audit.models import Event
from apps.keys.models import Subject
from apps.vault import files, rows
from apps.vault.domain.sealed import keyed_digest, seal, unseal
from apps.vault.files import WrappingKey
from apps.vault.master import master_key, unwrap_key, wrap_key
from apps.vault.models import VaultFile


class KeyDestroyedError(Exception):
    """The subject's key is gone, and with it everything it opened."""


def intake_key() -> WrappingKey:
    """Wraps what arrives until its header has been read."""
    return WrappingKey("intake", master_key("intake"))


def lookup_digest(purpose: str, *parts: str) -> bytes:
    """Keyed digest of identifiers (``purpose``: sop-uid, study-uid, patient …) for look-up."""
    return keyed_digest(master_key("lookup"), purpose, *parts)


# Subjects seen last, by digest. Each is looked up again before it is used: a key may have been
# destroyed meanwhile, by any process.
_known: dict[bytes, Subject] = {}
_KNOWN = 256


def _remember(subject: Subject) -> None:
    if subject.wrapped_key is None:
        return
    while len(_known) >= _KNOWN:
        _known.pop(next(iter(_known), b""), None)
    _known[bytes(subject.patient_digest)] = subject


def subject_for(patient_id: str, issuer: str = "") -> Subject:
    """The subject of a patient ID and its issuer, made on first sight. Two issuers never merge;
    an empty patient ID gives a subject of its own each time (no two of those may be joined)."""
    value = patient_id.strip() or f"without-id/{uuid.uuid4()}"
    digest = lookup_digest("patient", issuer.strip(), value)
    found = _known.get(digest)
    if found is not None and rows.exists(
        Subject, id=found.id, patient_digest=digest, wrapped_key=found.wrapped_key
    ):
        return found
    found = Subject.objects.filter(patient_digest=digest).first()
    if found is not None:
        _remember(found)
        return found
    subject = Subject(patient_digest=digest)
    subject.wrapped_key = wrap_key(os.urandom(32), f"subject/{subject.id}")
    try:
        with transaction.atomic():
            subject.save()
    except IntegrityError:
        return Subject.objects.get(patient_digest=digest)
    return subject


def subject_key(subject: Subject) -> WrappingKey:
    """The key that wraps this subject's files. Raises KeyDestroyedError."""
    if subject.wrapped_key is None:
        raise KeyDestroyedError(str(subject))
    key = unwrap_key(subject.wrapped_key, f"subject/{subject.id}", before="subjects")
    return WrappingKey(f"subject:{subject.id}", key)


def _wrapping_key(name: str) -> WrappingKey:
    if name == "intake":
        return intake_key()
    return subject_key(Subject.objects.get(pk=uuid.UUID(name.removeprefix("subject:"))))


def open_vault_file(file: VaultFile) -> BinaryIO:
    """A seekable plaintext reader, by whatever key the row names. Raises KeyDestroyedError."""
    return files.open_file(file, _wrapping_key(file.wrapping_key))


def move_to_subject(file: VaultFile, new: WrappingKey) -> None:
    """Re-wrap a file's data key from the intake key to a subject's."""
    if file.wrapping_key != new.name:
        files.rewrap(file, _wrapping_key(file.wrapping_key), new)


def seal_for(subject: Subject | None, value: bytes, purpose: str) -> bytes:
    """Encrypt a small value with the subject's key (or the intake key when there is none yet)."""
    key = subject_key(subject) if subject is not None else intake_key()
    return seal(key.key, value, purpose)


def unseal_for(subject: Subject | None, sealed: bytes, purpose: str) -> bytes:
    """The value again. Raises KeyDestroyedError, SealBrokenError."""
    key = subject_key(subject) if subject is not None else intake_key()
    return unseal(key.key, bytes(sealed), purpose)


_DETAIL = "audit-detail"


def sealed_detail(key: WrappingKey, detail: dict[str, Any]) -> dict[str, Any]:
    """What an event says of a subject that identifies, by that subject's ``key``: the arguments
    ``sealed`` and ``sealed_key`` of ``event``."""
    plain = json.dumps(detail, sort_keys=True).encode()
    return {"sealed": seal(key.key, plain, _DETAIL), "sealed_key": key.name}


def detail_of(event: Event) -> dict[str, Any] | None:
    """An event's identifying detail; None where there is none. Raises KeyDestroyedError."""
    if event.sealed is None:
        return None
    key = _wrapping_key(event.sealed_key)
    return dict(json.loads(unseal(key.key, bytes(event.sealed), _DETAIL)))
