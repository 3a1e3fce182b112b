"""Key-encryption keys: who keeps them, behind one small interface.

A provider wraps 32-byte keys (subject keys, project secrets, the root) and never sees data. A
wrapped key names the key that wrapped it, so several may be in force while keys are rotated.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

from django.conf import settings


class MasterKeyError(Exception):
    """The keys cannot be used. Names the variable and what to do."""


class KeyProviderError(MasterKeyError, OSError):
    """The place that keeps the keys does not answer, or refuses. Trying again later may help."""


class KeyProvider(Protocol):
    """``makes_keys``: whether ``rotate`` can make the next key itself."""

    name: str
    makes_keys: bool

    def key_id(self) -> str:
        """The key that wraps now."""

    def owns(self, key_id: str) -> bool:
        """Whether this provider is the one to unwrap what that key wrapped."""

    def wrap(self, key: bytes, purpose: str) -> tuple[str, bytes]:
        """Id of the key that wrapped, and the wrapped key, bound to ``purpose``."""

    def unwrap(self, key_id: str, wrapped: bytes, purpose: str) -> bytes:
        """The key again. Raises SealBrokenError for other bytes or another purpose."""

    def rotate(self) -> str:
        """Make a new key that wraps from now on; its id. Older keys still unwrap."""

    def retire(self, keep: set[str]) -> None:
        """Give up every older key but those in ``keep``: what they wrapped is lost for good."""

    def root(self) -> bytes | None:
        """The root that sub-keys derive from, where this provider keeps it; else None."""


def provider() -> KeyProvider:
    """The provider that CLINICAL_ANNOT_KEY_PROVIDER names."""
    return _provider(
        settings.CLINICAL_ANNOT_KEY_PROVIDER,
        str(settings.CLINICAL_ANNOT_KEY_FILE),
        settings.CLINICAL_ANNOT_KEYS,
        tuple(settings.CLINICAL_ANNOT_TRANSIT.items()),
    )


def predecessors() -> list[KeyProvider]:
    """Providers that are configured beside the present one: a site that moves from a key file to
    another provider keeps the file until everything is wrapped anew."""
    from apps.vault.providers.local import KeyFile

    if settings.CLINICAL_ANNOT_KEY_PROVIDER == "file":
        return []
    path = Path(settings.CLINICAL_ANNOT_KEY_FILE)
    if not path.exists():
        return []
    return [KeyFile(path)]


@lru_cache(maxsize=8)
def _provider(
    kind: str, key_file: str, keys: str, transit: tuple[tuple[str, str], ...]
) -> KeyProvider:
    from apps.vault.providers.local import Environment, KeyFile
    from apps.vault.providers.transit import Transit

    if kind == "environment":
        return Environment(keys)
    if kind == "transit":
        return Transit(**dict(transit))
    return KeyFile(Path(key_file))
