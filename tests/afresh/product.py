"""The product at work on one instance, as the worker does it."""

from __future__ import annotations

import io

from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.scan import Finding

from .judging import OFFSET_S
from .people import Sample


def cleaned(sample: Sample) -> tuple[bytes, tuple[Finding, ...]]:
    """The result and what the search of it found. Raises Refused."""
    profile = load_builtin(sample.profile)
    examined = pipeline.examine(io.BytesIO(sample.data), with_proposals=False)
    context = DeidContext(
        profile=profile,
        uid_key=b"k" * 32,
        pseudonym="P-A",
        date_offset_s=OFFSET_S,
        harvest=examined.harvest,
        pixels_confirmed=True,
        visual_features_confirmed=True,
    )
    decision = {"boxes": sample.boxes, "spans": []}
    for copy in (True, False):
        out = io.BytesIO()
        produced = pipeline.produce(io.BytesIO(sample.data), out, context, decision, copy=copy)
        checked = pipeline.check(
            io.BytesIO(out.getvalue()),
            examined.harvest,
            profile,
            produced.header,
            decision,
            None,
            look_for_text=False,
        )
        if not pipeline.left_in_stream(produced, checked):
            break
    return out.getvalue(), checked.findings
