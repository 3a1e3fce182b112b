"""Background work of this room; the worker imports this module."""

from apps.intake.pacs import committing as committing
from apps.intake.pacs import pulling as pulling
