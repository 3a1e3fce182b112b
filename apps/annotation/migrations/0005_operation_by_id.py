from django.db import migrations, models

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("annotation", "0004_comments_keys_time")]

    operations = [
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(fields=["op_id"], name="operation_by_id"),
        ),
        # SQLite may have made the table anew, and its triggers were gone.
        migrations.RunPython(*installer("annotation_operation")),
    ]
