"""Loaded by schemathesis in its own environment: real ids, and what nobody may be told.

``FUZZ_WORLD`` names a JSON file: ``ids`` (parameter to values), ``marks`` (what this role may not
be told).
"""

import json
import os
import zlib
from pathlib import Path
from urllib.parse import unquote

import schemathesis

GIVEN = json.loads(Path(os.environ["FUZZ_WORLD"]).read_text())


@schemathesis.serializer("multipart/related")
def part_of_dicom(context, value):
    """Bytes that are no DICOM, as one part."""
    body = value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace")
    return b"--x\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--x--\r\n"


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Two of three times an id that exists, in place of one that nothing has."""
    if not path_parameters:
        return path_parameters
    made = dict(path_parameters)
    for name, value in path_parameters.items():
        known = GIVEN["ids"].get(name, [])
        number = zlib.crc32(repr(value).encode("utf-8", "replace"))
        if known and (number % 3 or name == "scope"):
            made[name] = known[number // 3 % len(known)]
    return made


@schemathesis.check
def tells_nothing(ctx, response, case):
    """No answer names what this role may not know of, but what the request itself named."""
    sent = unquote(response.request.url or "")
    body = response.request.body
    sent += body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    text = response.content.decode("utf-8", "replace")
    told = [mark for mark in GIVEN["marks"] if mark in text and mark not in sent]
    assert not told, f"told {len(told)} of what is not for this role, the first: {told[0]}"
