from django.db import migrations

from apps.audit.triggers import install_for, remove_for


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(install_for, remove_for)]
