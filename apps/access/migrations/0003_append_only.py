from django.db import migrations

from apps.audit.triggers import installer


class Migration(migrations.Migration):
    dependencies = [("access", "0002_signature_released_signature_and_more")]

    operations = [migrations.RunPython(*installer("access_signature"))]
