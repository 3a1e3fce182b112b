"""How many people label a clip, and which clips more (or fewer) of them.

One pass goes to a reviewer, two and more blinded passes to an adjudicator. A share of the clips,
drawn by a keyed hash, can have another number of passes than the rest: one pass with a tenth read
twice, or nothing but a sample. The draw depends on the project's secret and the clip alone, so it
is the same whenever it is asked for, and a larger share holds every clip of a smaller one.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST_PASSES = 5
MOST_DAYS = 3650
BY_HAND, BALANCED, ALL = "by_hand", "balanced", "all"
GIVING = (BY_HAND, BALANCED, ALL)


class InvalidWorkflowError(ValueError):
    """The rule says what cannot be done; ``field`` names what of it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Workflow:
    """``passes``: independent label sets a clip, 0 to 5 (0: only the sample is read);
    ``sampled_share``: 0 to 1 of the clips, which have ``sampled_passes`` instead; ``giving``: who
    gives clips to people: a lead ``by_hand``, the background ``balanced`` by length, or each clip
    to ``all`` annotators. ``repeat_share``: 0 to 1 of what a person hands in comes back to them
    unmarked after ``repeat_after_days`` to twice as many, for their agreement with themselves."""

    passes: int = 2
    sampled_share: float = 0.0
    sampled_passes: int = 2
    giving: str = BY_HAND
    repeat_share: float = 0.0
    repeat_after_days: int = 28

    def passes_of(self, secret: bytes, clip_id: str) -> int:
        """How many people label this clip."""
        return self.sampled_passes if self.samples(secret, clip_id) else self.passes

    def samples(self, secret: bytes, clip_id: str) -> bool:
        """Whether the clip is of the sampled share."""
        return place_of(secret, clip_id) < self.sampled_share

    def repeats(self, secret: bytes, clip_id: str, person_id: str) -> bool:
        """Whether what this person labelled of the clip is to be labelled by them once more."""
        return place_of(secret, f"{clip_id}/{person_id}", "repeat") < self.repeat_share

    def days_until_repeat(self, secret: bytes, clip_id: str, person_id: str) -> float:
        """After how many days it comes back: ``repeat_after_days`` to twice as many, so that what
        was handed in together does not come together."""
        place = place_of(secret, f"{clip_id}/{person_id}", "repeat-day")
        return self.repeat_after_days * (1 + place)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def place_of(secret: bytes, clip_id: str, draw: str = "workflow-sample") -> float:
    """Where a clip stands in one of the project's draws, 0 (first to be drawn) to below 1."""
    drawn = hmac.digest(secret, f"{draw}/{clip_id}".encode(), "sha256")
    return int.from_bytes(drawn[:8], "big") / 2**64


def workflow_of(rule: Mapping[str, Any]) -> Workflow:
    """The workflow that a stored or a given rule says. Raises InvalidWorkflowError."""
    flow = Workflow(**{name: rule[name] for name in asdict(Workflow()) if name in rule})
    for field, least in (("passes", 0), ("sampled_passes", 1)):
        value = getattr(flow, field)
        if type(value) is not int or not least <= value <= MOST_PASSES:
            raise InvalidWorkflowError(
                field, f"A clip has {least} to {MOST_PASSES} passes, not {value}."
            )
    for field, what in (("sampled_share", "sample"), ("repeat_share", "share of repeats")):
        share = getattr(flow, field)
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise InvalidWorkflowError(field, f"The {what} is not between 0 and 100 %.")
    days = flow.repeat_after_days
    if type(days) is not int or not 1 <= days <= MOST_DAYS:
        raise InvalidWorkflowError(
            "repeat_after_days", f"A clip comes back after 1 to {MOST_DAYS} days."
        )
    if flow.passes == 0 and flow.sampled_share == 0:
        raise InvalidWorkflowError("passes", "Nobody would label anything.")
    if flow.giving not in GIVING:
        raise InvalidWorkflowError("giving", f"Clips are given {', '.join(GIVING)}.")
    return flow
