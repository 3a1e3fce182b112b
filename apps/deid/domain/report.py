"""The residual-risk report of one instance or study: counts, names and places, never values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.deid.domain.header import HeaderResult
from apps.deid.domain.profile import Profile, method_codes
from apps.deid.domain.reasons import REASON_TEXTS, Reason
from apps.deid.domain.scan import Finding

PLACES_SEARCHED = (
    "raw bytes", "UTF-16", "base64", "hex", "inflated members", "parsed elements", "box texts",
)  # fmt: skip


def instance_report(
    profile: Profile,
    result: HeaderResult,
    findings: Sequence[Finding],
    *,
    pixels_cleaned: bool,
    visual_features_cleaned: bool,
    streams_dropped: Sequence[str] = (),
    boxes: Sequence[dict[str, Any]] = (),
    spans: Sequence[dict[str, Any]] = (),
    encoder: str = "",
) -> dict[str, Any]:
    """A JSON-ready report of one accepted (or stopped) instance.

    `boxes` and `spans`: geometry and who confirmed them. Private tags are counted, not listed:
    their numbers may be a vendor's, but their creators are free text.
    """
    removed = [place for place in result.removed if int(place[-10:-6], 16) % 2 == 0]
    return {
        "table": profile.table,
        "profile": {
            "name": profile.name, "version": profile.version, "sha256": profile.sha256,
        },
        "method_codes": [
            code
            for code, _ in method_codes(
                profile,
                pixels_cleaned=pixels_cleaned,
                visual_features_cleaned=visual_features_cleaned,
            )
        ],
        "actions": dict(sorted(result.actions.items())),
        "kept": list(result.kept),
        "removed": removed,
        "private_removed": len(result.removed) - len(removed),
        "streams_dropped": list(streams_dropped),
        "boxes": list(boxes),
        "spans": list(spans),
        "encoder": encoder,
        "scan": scan_verdict(findings),
        "remaining_risk": remaining_risk(profile),
    }  # fmt: skip


def scan_verdict(findings: Iterable[Finding]) -> dict[str, Any]:
    """{"clean", "places_searched", "findings": [{"place", "kind"}]}."""
    found = sorted(set(findings))
    return {
        "clean": not found,
        "places_searched": list(PLACES_SEARCHED),
        "findings": [{"place": f.place, "kind": f.kind} for f in found],
    }


def remaining_risk(profile: Profile) -> list[str]:
    """What no de-identification takes away, in words, for the person who releases."""
    risks = [
        "A match of the pictures with the original is always possible for who holds the original.",
        "A rare finding or procedure may identify by itself.",
        "Text may be left that neither the reading nor the reviewer saw.",
    ]
    if profile.dates == "keep":
        risks.append("Dates are unchanged.")
    if profile.dates == "shift":
        risks.append("Intervals between dates are exact.")
    if profile.has("retain_uids"):
        risks.append("UIDs are unchanged and link to the source.")
    if profile.has("retain_patient_characteristics"):
        risks.append("Age (capped), sex, size and weight are kept.")
    if profile.has("retain_device_identity"):
        risks.append("The device is named.")
    if profile.has("retain_institution_identity"):
        risks.append("The institution is named.")
    return risks


def refusal_report(reason: Reason, place: str = "") -> dict[str, str]:
    """{"reason", "sentence", "remedy", "place"} of a refused instance."""
    text = REASON_TEXTS[reason]
    return {
        "reason": str(reason), "sentence": text.sentence, "remedy": text.remedy, "place": place,
    }  # fmt: skip


_REMOVED = ("remove", "code_removed", "content_removed")
_KEPT = ("keep", "code", "sequence")


def header_counts(actions: Mapping[str, int]) -> dict[str, int]:
    """{"removed", "replaced", "kept"}: an instance's or a study's actions in three words."""
    removed = sum(actions.get(name, 0) for name in _REMOVED)
    kept = sum(actions.get(name, 0) for name in _KEPT)
    return {"removed": removed, "replaced": sum(actions.values()) - removed - kept, "kept": kept}


def picture_counts(report: Mapping[str, Any]) -> dict[str, int]:
    """{"boxes_blanked", "boxes_kept", "boxes_added", "boxes_changed", "spans_blanked",
    "spans_kept"} of one instance's report, or of a decision that waits."""
    counts: dict[str, int] = {}
    for kind in ("boxes", "spans"):
        parts = report.get(kind, [])
        counts[f"{kind}_blanked"] = sum(part["action"] == "blank" for part in parts)
        counts[f"{kind}_kept"] = len(parts) - counts[f"{kind}_blanked"]
    boxes = report.get("boxes", [])
    counts["boxes_added"] = sum(box["origin"] == "person" for box in boxes)
    counts["boxes_changed"] = sum(bool(box.get("is_changed")) for box in boxes)
    return counts


def study_report(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Many instances' reports as one, of a study or a project: counts, names and words, no value.

    {"instances", "clean", "actions", "header", "pictures", "encoded_again", "streams_dropped",
    "profiles": [{"name", "version", "sha256", "approved_by", "instances"}], "attributes_kept",
    "attributes_removed", "remaining_risk"}.
    """
    actions: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    streams: Counter[str] = Counter()
    profiles: dict[str, dict[str, Any]] = {}
    kept: set[str] = set()
    removed: set[str] = set()
    risks: dict[str, None] = {}
    clean = total = encoded = 0
    for one in reports:
        total += 1
        actions.update(one["actions"])
        pictures.update(picture_counts(one))
        streams.update(one.get("streams_dropped", []))
        profile = profiles.setdefault(
            one["profile"]["sha256"], {"approved_by": "", **one["profile"], "instances": 0}
        )
        profile["instances"] += 1
        kept.update(one.get("kept", []))
        removed.update(one.get("removed", []))
        risks.update(dict.fromkeys(one.get("remaining_risk", [])))
        clean += bool(one["scan"]["clean"])
        encoded += bool(one.get("encoder"))
    return {
        "instances": total,
        "clean": clean,
        "actions": dict(sorted(actions.items())),
        "header": header_counts(actions),
        "pictures": dict(pictures),
        "encoded_again": encoded,
        "streams_dropped": dict(sorted(streams.items())),
        "profiles": [profiles[digest] for digest in sorted(profiles)],
        "attributes_kept": sorted(kept),
        "attributes_removed": sorted(removed),
        "remaining_risk": list(risks),
    }
