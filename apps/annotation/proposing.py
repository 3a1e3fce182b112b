"""What may be decided on: objects that an import proposes for one's own clips."""

from __future__ import annotations

from typing import Any

from apps.access.errors import Refused
from apps.annotation.models import LabelObject, LabelSet
from apps.annotation.queries import proposing_sets


def check_decisions(label_set: LabelSet, operations: list[Any]) -> None:
    """Raise Refused unless each decision among valid operations names an object that is proposed
    for its clip."""
    decided = [(i, op) for i, op in enumerate(operations) if op["op"] == "proposal.set"]
    if not decided:
        return
    held = {
        (str(pk), str(name), str(clip))
        for pk, name, clip in LabelObject.objects.filter(
            label_set__in=proposing_sets(label_set),
            uuid__in=[op["object"] for _, op in decided],
        ).values_list("label_set_id", "uuid", "clip_id")
    }
    for index, op in decided:
        if (op["source"], op["object"], op["clip"]) not in held:
            raise Refused(
                "invalid_operation",
                f"Operation {index}: object is not proposed for this clip.",
                "Load the proposals again.",
                field="object",
                index=index,
            )
