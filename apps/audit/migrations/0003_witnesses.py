from django.db import migrations, models

from apps.audit.triggers import LATER, TABLES, installer


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('place', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('size', models.BigIntegerField(default=0)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('tried_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.AddField(
            model_name='leaf',
            name='mark',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='tile',
            name='root',
            field=models.BinaryField(null=True),
        ),
        migrations.CreateModel(
            name='Cosignature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('size', models.BigIntegerField(db_index=True)),
                ('witness', models.CharField(max_length=200)),
                ('line', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['size', 'id'],
                'constraints': [models.UniqueConstraint(fields=('size', 'witness'), name='one_cosignature_a_witness')],
            },
        ),
        # Going back, the tables that were there before keep theirs.
        migrations.RunPython(installer(*TABLES, *LATER)[0], installer(*LATER)[1]),
    ]
