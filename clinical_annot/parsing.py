"""JSON bodies that no reader downstream can hold are refused here, before anything reads them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJsonParser(JSONParser):
    """JSON without NUL characters, which PostgreSQL's text cannot hold, without halves of UTF-16
    pairs, which no text can, and not nested so deep that reading it ends the process's stack."""

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
            parsed = super().parse(io.BytesIO(raw), media_type, parser_context)
            if b"\\ud" in raw or b"\\uD" in raw:
                json.dumps(parsed, ensure_ascii=False).encode()
        except (RecursionError, UnicodeEncodeError):
            raise ParseError from None
        return parsed
