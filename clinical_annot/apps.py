from django.apps import AppConfig


class ClinicalAnnotConfig(AppConfig):
    name = "clinical_annot"
    label = "clinical_annot"
