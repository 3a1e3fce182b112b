from django.db import migrations

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("annotation", "0005_operation_has_effect_delete_watchedspan")]

    operations = [migrations.RunPython(*installer("annotation_operation"))]
