"""Train, validation and test by patient, drawn once by a keyed hash.

A patient's split depends on the project's key and the pseudonym alone, so patients added later
move nobody; what an earlier version drew is kept even when the shares change.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from apps.release.domain.freeze import Freeze

METHOD = "HMAC-SHA-256(project key, pseudonym), first 8 bytes as a share of 1, shares by name"


def draw_split(seed: str, pseudonym: str, fractions: Mapping[str, float]) -> str:
    """The split of one patient. `fractions` add up to 1; splits take their share in name order."""
    digest = hmac.new(seed.encode(), pseudonym.encode(), hashlib.sha256).digest()
    place = Fraction(int.from_bytes(digest[:8], "big"), 1 << 64)
    names = sorted(name for name, share in fractions.items() if share > 0)
    reached = Fraction(0)
    for name in names:
        reached += Fraction(str(fractions[name]))
        if place < reached:
            return name
    return names[-1]


def split_by_patient(freeze: Freeze) -> dict[str, str]:
    """Pseudonym → split for every patient of the freeze."""
    return {
        p: freeze.splits.get(p) or draw_split(freeze.seed, p, freeze.split_fractions)
        for p in sorted({head.pseudonym for head in freeze.heads})
    }


def splits_document(freeze: Freeze) -> dict[str, Any]:
    """What `splits.json` holds."""
    patients = split_by_patient(freeze)
    return {
        "format": "clinicalannot-splits/1",
        "method": METHOD,
        "shares": dict(sorted(freeze.split_fractions.items())),
        "patients": patients,
        "clips": {head.name: patients[head.pseudonym] for head in freeze.heads},
    }
