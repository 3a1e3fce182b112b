"""A dry run: what a profile would change in a study, for the eyes of its steward alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb
from apps.deid.domain.dry_run import MOST_ROWS, Topic, by_topic, changes
from apps.deid.domain.header import DeidContext, deidentify_dataset
from apps.deid.domain.parse import parse_instance
from apps.deid.domain.profile import Profile
from apps.deid.domain.reasons import REASON_TEXTS, Refused
from apps.deid.domain.report import header_counts, picture_counts
from apps.deid.identity import identity_of
from apps.deid.known import subject_harvest
from apps.deid.models import Deidentification
from apps.intake.models import ReceivedInstance
from apps.keys.keyring import KeyDestroyedError, open_vault_file

State = ReceivedInstance.State
SHOWN_STATES = (
    State.RECEIVED, State.DEIDENTIFYING, State.PIXEL_REVIEW, State.REDACTING, State.HELD,
    State.CLEARED,
)  # fmt: skip
MOST_INSTANCES = 20


@dataclass(frozen=True)
class Trial:
    """One instance of a dry run; ``refused`` says why nothing would come of it. ``is_cut``: it has
    more elements than are shown. ``pictures`` as ``_pictures``."""

    number: int
    topics: list[Topic] = field(default_factory=list, repr=False)
    counts: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    is_cut: bool = False
    pictures: dict[str, Any] = field(default_factory=dict)

    @property
    def n_added(self) -> int:
        return sum(len(topic.added) for topic in self.topics)

    @property
    def n_kept(self) -> int:
        return sum(len(topic.kept) for topic in self.topics)


@verb("deid.dry_run", roles={roles.DATA_STEWARD}, states=SHOWN_STATES, lock=False)
def note_dry_run(
    actor: Actor, received: ReceivedInstance, *, profile: Profile, instances: int
) -> None:
    """Show what a profile would change in a study, beside the original's values."""
    event(actor, received, public={"profile": profile.sha256, "instances": instances})


def dry_run(rows: Iterable[ReceivedInstance], profile: Profile) -> list[Trial]:
    """What the header rules would make of each instance, with what its steward chose to remove.
    Nothing is written; call it only behind ``note_dry_run``."""
    return [_trial(number, row, profile) for number, row in enumerate(rows, 1)]


def _trial(number: int, received: ReceivedInstance, profile: Profile) -> Trial:
    if received.original is None or received.subject is None:
        return Trial(number, refused="The original is no longer here.")
    deid = Deidentification.objects.filter(instance=received).first()
    if deid is not None:
        profile = profile.without(frozenset(deid.choices.get("remove", [])))
    try:
        identity = identity_of(received.project, received.subject, profile)
        with open_vault_file(received.original) as source:
            dataset: Any = parse_instance(source).dataset  # type: ignore[arg-type]
            context = DeidContext(
                profile=profile,
                uid_key=identity.uid_key,
                pseudonym=identity.pseudonym,
                date_offset_s=identity.date_shift_s,
                harvest=subject_harvest(received.project, received.subject, received.pk),
                pixels_confirmed=True,
                visual_features_confirmed=True,
            )
            made = deidentify_dataset(dataset, context)
            found = changes(dataset, made.dataset)
            return Trial(
                number,
                by_topic(found),
                header_counts(made.actions),
                is_cut=len(found) == MOST_ROWS,
                pictures=_pictures(received, deid, profile),
            )
    except Refused as refusal:
        return Trial(number, refused=REASON_TEXTS[refusal.reason].sentence)
    except KeyDestroyedError:
        return Trial(number, refused="The subject was withdrawn.")


def _pictures(
    received: ReceivedInstance, deid: Deidentification | None, profile: Profile
) -> dict[str, Any]:
    """What is known of the pictures and the stream, and what the profile asks of them: {"is_looked"
    (False: nobody and nothing has looked yet), "n_frames", "boxes", "spans" (proposed), "decided"
    (``picture_counts`` or None), "streams_dropped", "is_encoded", "needs_mask", "n_reviewers",
    "keeps_out_of_body"}."""
    report = deid.report if deid is not None else {}
    return {
        "is_looked": deid is not None and "streams_dropped" in report,
        "n_frames": received.n_frames_declared,
        "boxes": deid.n_boxes if deid is not None else 0,
        "spans": deid.n_spans if deid is not None else 0,
        "decided": picture_counts(deid.decision) if deid is not None and deid.decision else None,
        "streams_dropped": report.get("streams_dropped", []),
        "is_encoded": bool(report.get("encoder")),
        "needs_mask": profile.needs_device_mask,
        "n_reviewers": profile.n_reviewers,
        "keeps_out_of_body": profile.keeps_out_of_body,
    }
