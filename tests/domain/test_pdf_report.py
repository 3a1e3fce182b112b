"""The report as PDF: every offset is right, every cell stands in it, nothing runs off the page."""

import re

from apps.audit.domain.pdf_report import CHARS, LINES, table_pdf

HEAD = ("Entry", "Person", "What")


def strings(made):
    return [
        re.sub(rb"\\([()\\])", rb"\1", part).decode("cp1252")
        for part in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", made)
    ]


def objects(made):
    """Number to bytes, found by the table of offsets alone."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", made)[1])
    assert made[start : start + 5] == b"xref\n"
    offsets = [int(x) for x in re.findall(rb"(\d{10}) 00000 n ", made[start:])]
    found = {}
    for number, offset in enumerate(offsets, 1):
        head = b"%d 0 obj\n" % number
        assert made[offset : offset + len(head)] == head
        found[number] = made[offset + len(head) : made.index(b"\nendobj\n", offset)]
    return found


def test_each_object_stands_at_its_offset_and_each_stream_has_its_length():
    made = table_pdf("Access report", ["A (fact)"], HEAD, [(str(n), "Ö", "x") for n in range(100)])
    found = objects(made)
    assert found[1] == b"<< /Type /Catalog /Pages 2 0 R >>"
    kids = re.findall(rb"(\d+) 0 R", found[2].partition(b"/Kids")[2])
    assert len(kids) == int(re.search(rb"/Count (\d+)", found[2])[1]) == 3
    for kid in kids:
        content = found[int(re.search(rb"/Contents (\d+)", found[int(kid)])[1])]
        head, _, rest = content.partition(b"\nstream\n")
        assert int(re.search(rb"/Length (\d+)", head)[1]) == len(rest) - len(b"\nendstream")


def test_every_row_is_there_once_under_a_head_on_each_page_and_no_line_is_too_long():
    rows = [(str(n), "Dr Ana (Łódź) Ünal", "watched " + "frames " * 40) for n in range(90)]
    said = strings(table_pdf("Access report", ["Patient: S-1"], HEAD, rows))
    pages = sum(line.startswith("Entry") for line in said)
    assert [line.split()[0] for line in said if "Dr Ana" in line] == [str(n) for n in range(90)]
    assert said.count("Access report") == pages == len([x for x in said if " / " in x])
    assert max(map(len, said)) <= CHARS and len(said) <= pages * (LINES + 2)
    assert any("Dr Ana (Lódz) Ünal" in line for line in said)
    assert sum(line.count("frames") for line in said) >= 90 * 40 - 90 * 4


def test_an_empty_report_is_one_page_with_its_head():
    said = strings(table_pdf("Access report", [], HEAD, []))
    assert said == ["Access report", "", "Entry  Person  What", "1 / 1"]
