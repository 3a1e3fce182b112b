"""Operations on a label set: their shape, their meaning, their inverse."""

from .apply import (
    LEFT_OUT_WHEN_EMPTY,
    PARTS,
    WHOLE,
    Draft,
    apply,
    apply_batch,
    canonical_bytes,
    empty_labels,
    inverse,
    inverse_batch,
    next_number,
    relations_of,
    touched_objects,
)
from .content import InvalidOperation
from .validate import (
    MAX_OPERATIONS,
    OPERATIONS,
    check_phases,
    take,
    validate,
    validate_and_apply,
    validate_batch,
    validate_in_state,
)

__all__ = [
    "LEFT_OUT_WHEN_EMPTY",
    "MAX_OPERATIONS",
    "OPERATIONS",
    "PARTS",
    "WHOLE",
    "Draft",
    "InvalidOperation",
    "apply",
    "apply_batch",
    "canonical_bytes",
    "check_phases",
    "empty_labels",
    "inverse",
    "inverse_batch",
    "next_number",
    "relations_of",
    "take",
    "touched_objects",
    "validate",
    "validate_and_apply",
    "validate_batch",
    "validate_in_state",
]
