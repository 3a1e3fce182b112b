"""The settings of ``make demo`` for the servers of journeys, where people sign in by the dozen: a
password costs a thousandth of the half second that it takes in earnest. The road, on which every
role goes from login to download, is walked in earnest."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from clinical_annot.settings.development import *  # noqa: F403


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 1000


PASSWORD_HASHERS = ["tests.journeys.settings.QuickHasher"]
