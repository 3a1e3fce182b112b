"""The keys that were destroyed after a backup was made: a restore brings them back, and destroys
them again before anything is served.

What was destroyed is known outside the database: ``<key file>.destroyed``, a JSON object a line
with ``subject`` (its id) and ``destroyed_at`` (RFC 3339). Whoever destroys a key appends its line
there first, synced.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings

from apps.access.actor import Actor
from apps.keys.models import Subject
from clinical_annot import services
from clinical_annot.backup.manifest import BackupError


def destroyed_file() -> Path:
    """Beside the key file: it is kept, and backed up, with the keys and apart from the data."""
    key_file = Path(settings.CLINICAL_ANNOT_KEY_FILE)
    return key_file.with_name(key_file.name + ".destroyed")


def destroyed_keys() -> Iterator[tuple[uuid.UUID, datetime]]:
    """Subjects whose keys were destroyed, and when. Raises BackupError for a line that cannot be
    read: to leave one out would bring back what was promised to be gone."""
    path = destroyed_file()
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told = json.loads(line)
            yield uuid.UUID(told["subject"]), datetime.fromisoformat(told["destroyed_at"])
        except (ValueError, KeyError, TypeError):
            raise BackupError(f"{path.name}: line {number} cannot be read") from None


def destroy_again(actor: Actor) -> int:
    """Destroy every key of the list that stands in the database; how many there were."""
    count = 0
    for subject_id, destroyed_at in destroyed_keys():
        subject = Subject.objects.filter(pk=subject_id, wrapped_key__isnull=False).first()
        if subject is not None:
            services.destroy_again(actor, subject, destroyed_at=destroyed_at)
            count += 1
    return count
