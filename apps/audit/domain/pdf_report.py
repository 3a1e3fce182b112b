"""A plain table as a PDF 1.4 file (ISO 32000-1): A4 across, Courier, page numbers; pure.

The three fonts are of the fourteen that every reader has, so nothing is embedded and no library is
needed. They show Latin script; a letter outside it is written without its mark, else as ``?``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDTH_PT, HEIGHT_PT, MARGIN_PT = 842, 595, 36
SIZE_PT, LEADING_PT, TITLE_PT = 8, 11, 13
CHARS = int((WIDTH_PT - 2 * MARGIN_PT) / (0.6 * SIZE_PT))
LINES = int((HEIGHT_PT - 2 * MARGIN_PT - 2 * LEADING_PT) / LEADING_PT)
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "–": "-", "—": "-"})


def table_pdf(
    title: str, facts: Sequence[str], head: Sequence[str], rows: Sequence[Sequence[str]]
) -> bytes:
    """The file's bytes: title and facts on the first page, the head of the table on each.

    Columns are as wide as their longest cell; what does not fit a line goes on in the next.
    """
    widths = _widths([head, *rows])
    top = [*facts, ""]
    body = [line for row in rows for line in _lines(row, widths)]
    heading = _lines(head, widths)
    pages: list[list[str]] = []
    room = LINES - len(top)
    while body or not pages:
        start = top if not pages else []
        taken = max(1, room - len(heading))
        pages.append([*start, *heading, *body[:taken]])
        body, room = body[taken:], LINES
    return _file(title, pages)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Characters a column; the widest are narrowed until a row fits the page."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > CHARS:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [
        [cell[at : at + width] for at in range(0, len(cell), width)] or [""]
        for cell, width in zip(row, widths, strict=True)
    ]
    return [
        "  ".join(
            (part[at] if at < len(part) else "").ljust(width)
            for part, width in zip(parts, widths, strict=True)
        ).rstrip()
        for at in range(max(map(len, parts)))
    ]


def _text(value: str) -> bytes:
    """A PDF string in WinAnsi, with what it cannot hold replaced."""
    out = bytearray()
    for letter in unicodedata.normalize("NFC", value.translate(_PLAIN)):
        try:
            out += letter.encode("cp1252")
        except UnicodeEncodeError:
            base = unicodedata.normalize("NFKD", letter)[:1]
            out += base.encode("cp1252", "replace")
    for mark in (b"\\", b"(", b")"):
        out = out.replace(mark, b"\\" + mark)
    return b"(" + bytes(out) + b")"


def _page(title: str, number: int, count: int, lines: Sequence[str]) -> bytes:
    y = HEIGHT_PT - MARGIN_PT - TITLE_PT
    steps = [b"BT /F2 %d Tf %d %d Td %s Tj ET" % (TITLE_PT, MARGIN_PT, y, _text(title))]
    steps.append(b"BT /F1 %d Tf %d TL %d %d Td" % (SIZE_PT, LEADING_PT, MARGIN_PT, y - LEADING_PT))
    steps += [b"T* %s Tj" % _text(line) for line in lines]
    foot = _text(f"{number} / {count}")
    steps.append(b"ET BT /F1 %d Tf %d %d Td %s Tj ET" % (SIZE_PT, MARGIN_PT, MARGIN_PT // 2, foot))
    return b"\n".join(steps)


def _file(title: str, pages: Sequence[Sequence[str]]) -> bytes:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
    kids = b" ".join(b"%d 0 R" % (6 + 2 * n) for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids),
        font % b"Courier",
        font % b"Helvetica-Bold",
        b"<< /Title %s /Producer (ClinicalAnnot) >>" % _text(title),
    ]
    for number, lines in enumerate(pages, 1):
        content = _page(title, number, len(pages), lines)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
            % (WIDTH_PT, HEIGHT_PT, len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, held in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, held)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
