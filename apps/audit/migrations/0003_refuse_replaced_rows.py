from django.db import migrations

from apps.audit.triggers import install_for


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [migrations.RunPython(install_for, migrations.RunPython.noop)]
