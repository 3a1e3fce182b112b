"""Which instances published releases hold: asked by the rule that lets originals go after one."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import lru_cache

from apps.access.errors import Refused
from apps.keys.keyring import KeyDestroyedError
from apps.library.models import Clip
from apps.projects.models import Project
from apps.release.collecting import read_freeze
from apps.release.models import Release
from apps.vault.domain.streaming_aead import VaultCorruptError


@lru_cache(maxsize=256)
def _clips_of(release_id: uuid.UUID) -> frozenset[str]:
    """Ids of the clips in a release: what is frozen never changes. Raises what ``read_freeze``
    raises."""
    return frozenset(clip.id for clip in read_freeze(Release.objects.get(pk=release_id)).clips)


def published_instances(project: Project) -> dict[uuid.UUID, datetime]:
    """Received instances of a project that a published release holds, and when the first one that
    does was published. A release whose freeze cannot be read counts for none."""
    found: dict[str, datetime] = {}
    published = Release.objects.filter(project=project, published_at__isnull=False)
    for pk, at in published.order_by("published_at").values_list("pk", "published_at"):
        try:
            clips = _clips_of(pk)
        except (Refused, VaultCorruptError, KeyDestroyedError, OSError):
            continue
        for clip in clips:
            found.setdefault(clip, at)  # type: ignore[arg-type]
    rows = Clip.objects.filter(project=project).values_list("pk", "instance__source")
    return {source: found[str(pk)] for pk, source in rows if str(pk) in found}
