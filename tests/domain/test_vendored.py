"""Third-party browser modules are exactly what the table says they are."""

import json
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"


def test_every_vendored_file_is_in_the_table_with_its_hash() -> None:
    table = json.loads((VENDOR / "VENDORED.json").read_text())
    listed = {str(Path(m["folder"], f)): h for m in table["modules"] for f, h in m["files"].items()}
    found = {
        str(path.relative_to(VENDOR)): sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.json"
    }
    assert found == listed


def test_every_vendored_module_names_version_licence_and_source() -> None:
    for module in json.loads((VENDOR / "VENDORED.json").read_text())["modules"]:
        assert all(module[key] for key in ("name", "version", "licence", "source", "integrity"))
        # MPL asks for its text beside the files; 0BSD asks for nothing.
        assert module["licence"] == "0BSD" or "LICENSE" in module["files"]
