"""What became of an import's proposals: said of each decision, and of what is released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .expand import canonical_shape

Labels = Mapping[str, Any]


def content(labels: Labels, name: str | None) -> Any:
    """What an object says, without its number and name; None when it is not there."""
    if name is None:
        return None
    track = labels["tracks"].get(name)
    if track is not None:
        keyframes = {
            index: [keyframe["state"], canonical_shape(keyframe["shape"]), keyframe["attributes"]]
            for index, keyframe in track["keyframes"].items()
        }
        return [track["clip"], track["class_id"], track["attributes"], keyframes]
    return labels["intervals"].get(name)


def decisions(labels: Labels, sources: Mapping[str, Labels]) -> list[dict[str, Any]]:
    """The decisions in a label set, by source and proposal.

    ``sources`` are the imported label sets' labels by id. ``changed``: what was accepted says
    something else now, or is gone; None for what was redrawn or refused.
    """
    rows = []
    for name, held in labels.get("proposals", {}).items():
        source = sources.get(held["source"], {"tracks": {}, "intervals": {}})
        proposed = content(source, name)
        accepted = held["decision"] == "accepted"
        rows.append(
            {
                "source": held["source"],
                "proposal": name,
                "decision": held["decision"],
                "result": held["result"],
                "changed": content(labels, held["result"]) != proposed if accepted else None,
            }
        )
    return sorted(rows, key=lambda row: (row["source"], row["proposal"]))


def unchanged(labels: Labels, sources: Mapping[str, Labels]) -> dict[str, str]:
    """Ids of objects that say exactly what a proposal said, with the proposal's id."""
    said = [
        (content(source, name), name)
        for _, source in sorted(sources.items())
        for name in (*source["tracks"], *source["intervals"])
    ]
    found = {}
    for name in (*labels["tracks"], *labels["intervals"]):
        own = content(labels, name)
        for other, proposal in said:
            if own == other:
                found[name] = proposal
                break
    return found
