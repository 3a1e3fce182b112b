"""JSON bodies that no reader downstream can hold are refused here, before anything reads them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJsonParser(JSONParser):
    """JSON without NUL characters, which PostgreSQL's text cannot hold, and not nested so deep
    that reading it ends the process's stack."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises ParseError (400)."""
        raw = stream.read()
        if b"\\u0000" in raw:
            raise ParseError
        try:
            return super().parse(io.BytesIO(raw), media_type, parser_context)
        except RecursionError:
            raise ParseError from None
