from django.apps import AppConfig


class OntologyConfig(AppConfig):
    name = "apps.ontology"
    label = "ontology"
