from django.db import migrations

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [migrations.RunPython(*installer("access_signature"))]
