from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('adjudication', '0005_readers')]

    operations = [
        # The choices alone: no table changes, and no trigger of one is lost.
        migrations.AlterField(
            model_name='adjudication',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('returned', 'Returned'), ('ended', 'Ended'), ('signed', 'Signed'), ('superseded', 'Superseded'), ('withdrawn', 'Withdrawn')], default='open', max_length=12),
        ),
    ]
