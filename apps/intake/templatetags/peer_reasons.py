"""Reason codes between DICOM peers in words."""

from __future__ import annotations

from django import template

from apps.intake.domain.peer_reasons import words

register = template.Library()


@register.filter
def peer_sentence(code: str) -> str:
    """What is wrong, in one sentence without any value."""
    return words(code)[0]


@register.filter
def peer_remedy(code: str) -> str:
    """What to do about it."""
    return words(code)[1]
