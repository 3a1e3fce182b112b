"""Reason codes in words, for the pages of rooms that lie below the one that defines them."""

from __future__ import annotations

from django import template

from apps.deid.services import reason_text

register = template.Library()


@register.filter
def reason_sentence(code: str) -> str:
    """What is wrong, in one sentence without any value."""
    return reason_text(code)[0]


@register.filter
def role_words(role: str) -> str:
    """A role's code as people say it."""
    return role.replace("_", " ").replace("pacs", "PACS")


@register.filter
def reason_remedy(code: str) -> str:
    """What to do about it."""
    return reason_text(code)[1]
