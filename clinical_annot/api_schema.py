"""What the API's description says of every operation: which refusals there are, and their form."""

from __future__ import annotations

from typing import Any

_WORDS = {
    "400": "the request is not as this page says",
    "401": "nobody is signed in",
    "403": "not allowed",
    "404": "nothing here that you may see",
    "406": "no form of the answer that was asked for",
    "409": "not in this state",
    "410": "destroyed",
    "413": "too large",
    "415": "not a media type that is taken here",
    "423": "locked",
    "429": "too often",
}
_OF_ALL = ("400", "401", "403", "404", "406", "410")
_OF_CHANGES = ("409", "413", "415", "423", "429")
_TEXT = {"type": "string"}
_REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "remedy"],
            "properties": {"code": _TEXT, "message": _TEXT, "remedy": _TEXT, "field": _TEXT},
        }
    },
}


def with_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: each operation's refusals, all of one form."""
    result.setdefault("components", {}).setdefault("schemas", {})["Refusal"] = _REFUSAL
    form = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for ways in result["paths"].values():
        for method, operation in ways.items():
            answers = operation["responses"]
            wanted = {*_OF_ALL, *(() if method == "get" else _OF_CHANGES)}
            wanted |= {status for status in answers if status in _WORDS}
            for status in sorted(wanted):
                answers[status] = {"description": _WORDS[status], "content": form}
    return result
