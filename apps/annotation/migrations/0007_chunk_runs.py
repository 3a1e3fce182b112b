from django.db import migrations, models

from apps.annotation.domain.runs import runs_of


def fill(apps, schema_editor):
    """What the tracks that stand hold already."""
    held = apps.get_model("annotation", "LabelObject").objects
    chunks = apps.get_model("annotation", "KeyframeChunk").objects
    batch = []
    for row in held.filter(kind="track", deleted=False).only("id").iterator(chunk_size=500):
        row.chunk_runs = runs_of(chunks.filter(object=row.pk).values_list("number", flat=True))
        batch.append(row)
        if len(batch) == 500:
            held.bulk_update(batch, ["chunk_runs"])
            batch = []
    held.bulk_update(batch, ["chunk_runs"])


class Migration(migrations.Migration):
    dependencies = [("annotation", "0006_example_frames")]

    operations = [
        migrations.AddField(
            model_name="labelobject",
            name="chunk_runs",
            field=models.JSONField(default=list),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        # Written at every save and read by nobody; with a default, so that going back can fill it.
        migrations.AlterField(
            model_name="labelobject",
            name="changed_revision",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RemoveField(model_name="labelobject", name="changed_revision"),
    ]
