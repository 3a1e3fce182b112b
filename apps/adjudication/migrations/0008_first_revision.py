"""What was labelled first is kept as it stood when the clip came back."""

from typing import Any

from django.db import migrations, models


def keep_revisions(apps: Any, schema_editor: Any) -> None:
    """Of those that came back before: what stands now is all that is known."""
    for repeat in apps.get_model("adjudication", "Repeat").objects.select_related("first"):
        repeat.first_revision = repeat.first.revision
        repeat.save(update_fields=["first_revision"])


class Migration(migrations.Migration):
    dependencies = [("adjudication", "0007_repeats")]

    operations = [
        migrations.AddField(
            model_name="repeat",
            name="first_revision",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunPython(keep_revisions, migrations.RunPython.noop),
    ]
