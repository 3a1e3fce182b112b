"""The product's addresses with those of SAML, as a site has them that names a SAML provider."""

from django.urls import include, path

from clinical_annot.urls import handler404 as handler404
from clinical_annot.urls import handler500 as handler500
from clinical_annot.urls import urlpatterns as ours

urlpatterns = [
    path("accounts/provider/", include("allauth.socialaccount.providers.saml.urls")),
    *ours,
]
