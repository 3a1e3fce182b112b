"""Operations on a label set: their shape, their meaning, their inverse."""

from .apply import (
    apply,
    apply_batch,
    canonical_bytes,
    empty_labels,
    inverse,
    inverse_batch,
    next_number,
    touched_objects,
)
from .validate import (
    MAX_OPERATIONS,
    InvalidOperation,
    check_phases,
    validate,
    validate_and_apply,
    validate_in_state,
)

__all__ = [
    "MAX_OPERATIONS",
    "InvalidOperation",
    "apply",
    "apply_batch",
    "canonical_bytes",
    "check_phases",
    "empty_labels",
    "inverse",
    "inverse_batch",
    "next_number",
    "touched_objects",
    "validate",
    "validate_and_apply",
    "validate_in_state",
]
