from django.db import migrations

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]

    operations = [migrations.RunPython(*installer("annotation_operation"))]
