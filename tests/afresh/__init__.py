"""A second corpus of planted identifiers, written from the standard by another hand than
`tests/planted`: what one has in mind the other may not."""

from .judging import judge

__all__ = ["judge"]
