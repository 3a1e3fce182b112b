"""The command line's promises: 0 done or holds, 1 a finding, 2 wrong use or broken environment."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.audit.models import Event


def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLINICAL", "DATABASE", "DJ"))}
    return subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        env={**kept, "CLINICAL_ANNOT_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "manage.py migrate"),
        ({"CLINICAL_ANNOT_WEB_PORT": "http"}, "CLINICAL_ANNOT_WEB_PORT"),
        (
            {"DJANGO_SETTINGS_MODULE": "clinical_annot.settings.production"},
            "CLINICAL_ANNOT_SECRET_KEY",
        ),
    ],
)
def test_a_broken_environment_is_2_and_says_what_to_mend_in_a_line(
    tmp_path: Path, environment: dict[str, str], named: str
) -> None:
    done = manage(tmp_path / "data", "verify_audit", **environment)
    assert done.returncode == 2 and done.stdout == ""
    assert named in done.stderr and "Traceback" not in done.stderr


def test_the_data_folder_is_private_from_its_first_start(tmp_path: Path) -> None:
    manage(tmp_path / "data", "check")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.django_db
def test_an_export_to_a_folder_is_wrong_use_and_leaves_nothing(
    command: Any, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    with pytest.raises(SystemExit) as ended:
        call_command("export_audit", "--out", str(tmp_path / "here"), stderr=io.StringIO())
    assert ended.value.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert not Event.objects.filter(action="audit.export").exists()


@pytest.mark.django_db
def test_an_empty_trail_is_not_exported_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("export_audit", "--out", str(tmp_path / "trail.bundle"), stderr=io.StringIO())
    assert ended.value.code == 1 and not list(tmp_path.iterdir())


@pytest.mark.django_db
def test_an_exported_trail_is_readable_by_its_owner_alone(project: Any, tmp_path: Path) -> None:
    out = tmp_path / "trail.bundle"
    call_command("export_audit", "--out", str(out), stdout=io.StringIO())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
