"""`DATA_DICTIONARY.md`: every class, attribute, file and column in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.release.domain.freeze import Freeze
from apps.release.domain.objects import DEFAULT_MOT_BOX_PX

PLACES = """## Places, times, digests

- **Frame index** counts from 0 in presentation order; **frame number** is index + 1 (DICOM, MOT).
- **Coordinates** are continuous pixels of the decoded picture after the stream's own cropping,
  before aspect ratio or rotation (DICOM Rows × Columns). (0, 0) is the outer corner of the top
  left pixel, whose centre is (0.5, 0.5). COCO and DICOM SR hold them so; MOT adds 1 to x and y.
- **Intervals**: `start_frame` is inside, `end_frame` is the first frame after it; `start_s` and
  `end_s` are their times in seconds from the first frame (past the last frame: its end).
- **Tracks** bear the same `tracking_id` and `tracking_uid` in every format that can hold them.
- **States**: visible; occluded (there, but covered); absent frames are not exported.
- **Interpolated** frames lie between keyframes that a person placed (interpolator {interpolator}).
  {masks}
- **Digest**: lower-case hex SHA-256 over the decoded picture in its coded pixel format, planes in
  order, rows without padding, samples over 8 bits as little-endian 16 bits:
  `ffmpeg -noautorotate -i FILE -map 0:v:0 -fps_mode passthrough -f framehash -hash sha256 -`
  prints it a line a frame. A cine's digest is over its samples, row by row, interleaved. Where the
  manifest says `digest_exact: false`, decoders may differ in the last bit of a sample.
"""

MASKS = {
    "linear@1": "Masks stand on the frames where they were drawn and are never interpolated.",
    "shape@1": "Masks stand between them only where their class has `interpolation` distance: by\n"
    "  signed distance of the two masks laid over one another at their centroids.",
}

FILES = (
    ("manifest.json", "every file with size and SHA-256, versions, signatures, proofs, approval"),
    ("manifest.sig", "Ed25519 signature over the bytes of manifest.json, with the public key"),
    ("SHA256SUMS", "every file but itself, for `sha256sum -c SHA256SUMS`"),
    ("DATASHEET.md", "counts, lengths, classes, splits, limits, terms; with plots/*.svg"),
    ("CITATION.cff", "how to cite this release"),
    ("LICENSE.md", "the terms, as they were stated"),
    ("sbom.cdx.json", "the software that froze it (CycloneDX 1.5)"),
    ("splits.json", "the split of each patient and clip"),
    ("proof.html", "checks files, signatures and proofs in a browser without a network"),
    ("check_decoder.py", "tells whether your own decoder gives the pictures that were annotated"),
    ("media/<clip>.mp4", "the de-identified video as annotated (.ts or .mpg for MPEG streams)"),
    ("media/<clip>/%06d.png", "the pictures of a cine, counted from 000001"),
    ("media/<clip>.frames.csv", "one line a frame, see below"),
    ("labels/<clip>.jsonl", "the expanded labels of every frame: the bytes whose SHA-256 was "
     "signed (`expanded_digest`)"),
    ("raters/<clip>/<pseudonym>.jsonl", "where they are released: an annotator's own labels, "
     "before adjudication, in the form of labels/<clip>.jsonl; not signed"),
    ("raters/<clip>/uncertainty.csv", "how many annotators have each object of the consensus, and "
     "where they let it begin and end"),
    ("dicom/<clip>/instance.dcm", "the de-identified instance"),
)  # fmt: skip

FRAME_COLUMNS = (
    ("frame_index", "from 0, presentation order"),
    ("dicom_frame_number", "frame_index + 1"),
    ("pts", "presentation time stamp in ticks of time_base"),
    ("time_base", "seconds a tick, as a fraction"),
    ("time_s", "seconds from the first frame, six decimals"),
    ("digest", "SHA-256 of the decoded picture"),
)
PAGES = Path(__file__).resolve().parents[3] / "docs" / "formats"


def data_dictionary(freeze: Freeze, formats: list[str], dropped: dict[str, dict[str, int]]) -> str:
    """The dictionary as Markdown, with the page (`docs/formats`) of each format of this release.

    `dropped` counts by format and kind what it cannot carry.
    """
    interpolator = f"{freeze.interpolator['name']}@{freeze.interpolator['version']}"
    parts = [
        f"# Data dictionary of {freeze.project} {freeze.version}\n",
        f"Ontology {freeze.ontology.get('title') or freeze.ontology.get('slug')}, version "
        f"{freeze.ontology.get('version')}, digest `{freeze.ontology_digest}`.\n",
        PLACES.replace("{interpolator}", interpolator).replace("{masks}", MASKS[interpolator]),
        "## Files\n",
        _table(("file", "what it holds"), FILES),
        "## Columns of frames.csv\n",
        _table(("column", "meaning"), FRAME_COLUMNS),
    ]  # fmt: skip
    parts.append("## Classes\n")
    parts += [_class(c) for c in freeze.ontology["classes"]]
    parts.append("## What the formats of this release leave out\n")
    rows = [(f, kind, str(n)) for f in formats for kind, n in dropped.get(_name(f), {}).items()]
    parts.append(_table(("format", "what", "how many"), rows) if rows else "Nothing is left out.\n")
    parts += [_page(_name(each)) for each in formats]
    return "\n".join(parts)


def _name(choice: str) -> str:
    return choice.partition(":")[0]


def _page(name: str) -> str:
    """A format's page, its headings two levels down."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    return "".join(
        f"##{line}" if line.startswith("#") else line for line in text.splitlines(keepends=True)
    )


def _class(label_class: dict[str, Any]) -> str:
    code = label_class["code"]
    lines = [
        f"### {_plain(label_class['name'])} (`{label_class['id']}`)\n",
        f"- Geometry: {label_class['geometry']}",
        f"- Code: {_plain(code['value'])} ({_plain(code['scheme'])}, {_plain(code['meaning'])})",
    ]
    if label_class["geometry"] == "tip":
        side = label_class.get("mot_box_px") or DEFAULT_MOT_BOX_PX
        lines.append(f"- Side of the box around a tip: {side} px")
    if label_class.get("guideline"):
        lines.append(f"- Guideline: {_plain(label_class['guideline'])}")
    if label_class.get("guideline_link"):
        lines.append(f"- More: {_plain(label_class['guideline_link'])}")
    text = "\n".join(lines) + "\n"
    rows = [
        (
            f"{_plain(a['name'])} (`{a['id']}`)",
            a.get("type", ""),
            ", ".join(f"{_plain(v['name'])} (`{v['id']}`)" for v in a.get("values") or []),
        )
        for a in label_class.get("attributes") or []
    ]
    return text + ("\n" + _table(("attribute", "type", "values"), rows) if rows else "")


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


def _plain(value: Any) -> str:
    """Text of a person on one line, without Markdown or HTML of its own."""
    words = " ".join(str(value).split())
    return words.replace("<", "&lt;").replace("`", "'")
