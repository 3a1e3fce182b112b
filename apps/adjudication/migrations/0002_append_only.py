from django.db import migrations

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("adjudication", "0001_initial")]

    operations = [migrations.RunPython(*installer("adjudication_decision"))]
