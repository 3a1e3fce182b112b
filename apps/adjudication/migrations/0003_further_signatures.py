import django.db.models.deletion
from django.db import migrations, models

from apps.audit.triggers import installer


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_tokens'),
        ('adjudication', '0002_append_only'),
    ]

    operations = [
        migrations.AlterField(
            model_name='adjudication',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('signed', 'Signed'), ('superseded', 'Superseded'), ('withdrawn', 'Withdrawn')], default='open', max_length=12),
        ),
        migrations.CreateModel(
            name='Endorsement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('countersign', 'Countersign'), ('withdraw', 'Withdraw')], max_length=12)),
                ('reason', models.CharField(blank=True, max_length=400)),
                ('adjudication', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='endorsements', to='adjudication.adjudication')),
                ('signature', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='access.signature')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='PasskeyAssertion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('credential_id', models.BinaryField()),
                ('public_key', models.BinaryField()),
                ('client_data', models.BinaryField()),
                ('authenticator_data', models.BinaryField()),
                ('assertion', models.BinaryField()),
                ('signature', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='passkey_assertion', to='access.signature')),
            ],
        ),
        migrations.RunPython(
            *installer(
                "adjudication_endorsement",
                "adjudication_passkeyassertion",
            )
        ),
    ]
