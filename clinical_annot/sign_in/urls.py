"""Addresses of signing in: those of django-allauth that a site without sign-up and mail needs."""

from allauth.account import views as account
from allauth.socialaccount import views as social
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_http_methods

from clinical_annot.sign_in import views

# Django's form views take PUT for POST.
_form = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", _form(views.SignInView.as_view()), name="account_login"),
    path("logout/", views.SignOutView.as_view(), name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", _form(account.reauthenticate), name="account_reauthenticate"),
    path("password/", _form(account.password_change), name="account_change_password"),
    path("signup/", _form(account.signup), name="account_signup"),
    path("second-factor/", include("allauth.mfa.urls")),
    path("sessions/", views.sessions, name="usersessions_list"),
    path("provider/", include("allauth.socialaccount.providers.openid_connect.urls")),
    *(
        [path("provider/", include("allauth.socialaccount.providers.saml.urls"))]
        if "saml" in settings.SOCIALACCOUNT_PROVIDERS
        else []
    ),
    path("provider/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("provider/error/", social.login_error, name="socialaccount_login_error"),
    path("provider/signup/", _form(social.signup), name="socialaccount_signup"),
]
