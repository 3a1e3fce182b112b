import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.triggers import installer


_OLDER = installer(
    "adjudication_decision", "adjudication_endorsement", "adjudication_passkeyassertion"
)


class Migration(migrations.Migration):

    dependencies = [
        ('adjudication', '0003_further_signatures'),
        ('annotation', '0005_operation_by_id'),
        ('projects', '0003_agreements_and_emergencies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Backwards last: what older migrations protect stays so.
        migrations.RunPython(migrations.RunPython.noop, _OLDER[0]),
        migrations.AddField(
            model_name='assignment',
            name='due_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='assignment',
            name='gold',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='adjudication.adjudication'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='pass_number',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='assignment',
            name='purpose',
            field=models.CharField(choices=[('work', 'Work'), ('calibration', 'Calibration')], default='work', max_length=12),
        ),
        migrations.AddField(
            model_name='assignment',
            name='reason',
            field=models.CharField(blank=True, max_length=400),
        ),
        migrations.AddField(
            model_name='assignment',
            name='remark',
            field=models.CharField(blank=True, max_length=400),
        ),
        migrations.AddField(
            model_name='assignment',
            name='result',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='assignment',
            name='state',
            field=models.CharField(choices=[('given', 'Given'), ('skipped', 'Skipped'), ('moved', 'Given to another')], default='given', max_length=8),
        ),
        migrations.AddField(
            model_name='assignment',
            name='workflow',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='adjudication',
            name='set_b',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='annotation.labelset'),
        ),
        migrations.AlterField(
            model_name='adjudication',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('returned', 'Returned'), ('signed', 'Signed'), ('superseded', 'Superseded'), ('withdrawn', 'Withdrawn')], default='open', max_length=12),
        ),
        migrations.CreateModel(
            name='FurtherSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('adjudication', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='adjudication.adjudication')),
                ('label_set', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='annotation.labelset')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.AddField(
            model_name='adjudication',
            name='further',
            field=models.ManyToManyField(related_name='+', through='adjudication.FurtherSet', to='annotation.labelset'),
        ),
        migrations.CreateModel(
            name='WorkflowVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('rule', models.JSONField()),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='workflows', to='projects.project')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddConstraint(
            model_name='furtherset',
            constraint=models.UniqueConstraint(fields=('adjudication', 'position'), name='one_set_a_side'),
        ),
        migrations.AddConstraint(
            model_name='workflowversion',
            constraint=models.UniqueConstraint(fields=('project', 'number'), name='one_workflow_a_number'),
        ),
        migrations.RunPython(_OLDER[0], migrations.RunPython.noop),
        migrations.RunPython(*installer("adjudication_workflowversion")),
    ]
