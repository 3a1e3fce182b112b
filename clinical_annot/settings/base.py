"""Settings, safe by default. Everything a site changes comes from the environment; the whole list
stands in docs/configuration.md."""

from __future__ import annotations

import warnings
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from clinical_annot.sign_in import saml
from clinical_annot.sign_in import settings as sign_in

from .keys import key_settings
from .stores import store_settings

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = Env()

CLINICAL_ANNOT_DATA_DIR = env.path("CLINICAL_ANNOT_DATA_DIR", BASE_DIR / "var").resolve()
CLINICAL_ANNOT_KEY_FILE = env.path(
    "CLINICAL_ANNOT_KEY_FILE", CLINICAL_ANNOT_DATA_DIR / "master.key"
).resolve()
CLINICAL_ANNOT_KEY_PROVIDER, CLINICAL_ANNOT_KEYS, CLINICAL_ANNOT_TRANSIT = key_settings(env)
CLINICAL_ANNOT_STORAGE, CLINICAL_ANNOT_S3_ENDPOINT, CLINICAL_ANNOT_S3_REGION = store_settings(env)
CLINICAL_ANNOT_DESTROYED_FILE = env.path(
    "CLINICAL_ANNOT_DESTROYED_FILE", CLINICAL_ANNOT_KEY_FILE.parent / "destroyed-keys.jsonl"
).resolve()
CLINICAL_ANNOT_CHECKPOINT_FILE = env.path(
    "CLINICAL_ANNOT_CHECKPOINT_FILE", CLINICAL_ANNOT_DATA_DIR / "checkpoints.txt"
).resolve()
CLINICAL_ANNOT_LOG_ORIGIN = env.str("CLINICAL_ANNOT_LOG_ORIGIN", "clinicalannot.local/log")
CLINICAL_ANNOT_WITNESSES: list[str] = env.list("CLINICAL_ANNOT_WITNESSES", [])
CLINICAL_ANNOT_SYSLOG = env.str("CLINICAL_ANNOT_SYSLOG", "")
CLINICAL_ANNOT_SYSLOG_CA = env.str("CLINICAL_ANNOT_SYSLOG_CA", "")
CLINICAL_ANNOT_SYSLOG_CERT = env.str("CLINICAL_ANNOT_SYSLOG_CERT", "")
CLINICAL_ANNOT_WEB_PORT = env.int("CLINICAL_ANNOT_WEB_PORT", 8000)
CLINICAL_ANNOT_BIND = env.str("CLINICAL_ANNOT_BIND", "127.0.0.1")
CLINICAL_ANNOT_DICOM_PORT = env.int("CLINICAL_ANNOT_DICOM_PORT", 11112)
CLINICAL_ANNOT_AE_TITLE = env.str("CLINICAL_ANNOT_AE_TITLE", "CLINANNOT")
CLINICAL_ANNOT_NODE_PROCESSES = env.int("CLINICAL_ANNOT_NODE_PROCESSES", 0)
CLINICAL_ANNOT_NODE_ASSOCIATIONS = env.int("CLINICAL_ANNOT_NODE_ASSOCIATIONS", 120)
CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER = env.int("CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER", 16)
CLINICAL_ANNOT_NODE_INSTANCE_BYTES = env.int("CLINICAL_ANNOT_NODE_INSTANCE_BYTES", 64 << 30)
CLINICAL_ANNOT_NODE_IDLE_S = env.float("CLINICAL_ANNOT_NODE_IDLE_S", 60.0)
CLINICAL_ANNOT_NODE_BALANCERS: list[str] = env.list("CLINICAL_ANNOT_NODE_BALANCERS", [])
CLINICAL_ANNOT_NODE_CHECKERS: list[str] = env.list("CLINICAL_ANNOT_NODE_CHECKERS", [])
CLINICAL_ANNOT_NODE_CALLERS: list[str] = env.list("CLINICAL_ANNOT_NODE_CALLERS", [])
CLINICAL_ANNOT_DICOM_PLAIN = env.str("CLINICAL_ANNOT_DICOM_PLAIN", "any")
CLINICAL_ANNOT_DICOM_TLS_PORT = env.int("CLINICAL_ANNOT_DICOM_TLS_PORT", 2762)
CLINICAL_ANNOT_DICOM_TLS_CERT = env.str("CLINICAL_ANNOT_DICOM_TLS_CERT", "")
CLINICAL_ANNOT_DICOM_TLS_KEY = env.str("CLINICAL_ANNOT_DICOM_TLS_KEY", "")
CLINICAL_ANNOT_DICOM_TLS_CA = env.str("CLINICAL_ANNOT_DICOM_TLS_CA", "")
CLINICAL_ANNOT_DICOM_TLS_CLIENT = env.str("CLINICAL_ANNOT_DICOM_TLS_CLIENT", "required")
CLINICAL_ANNOT_WORKER_PROCESSES = env.int("CLINICAL_ANNOT_WORKER_PROCESSES", 0)
CLINICAL_ANNOT_JOB_LEASE_S = env.float("CLINICAL_ANNOT_JOB_LEASE_S", 30.0)
CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES = env.int("CLINICAL_ANNOT_REVIEW_SEGMENT_FRAMES", 1500)
CLINICAL_ANNOT_METRICS_TOKEN = env.str("CLINICAL_ANNOT_METRICS_TOKEN", "")
CLINICAL_ANNOT_LOG_FORMAT = env.str("CLINICAL_ANNOT_LOG_FORMAT", "plain")
if CLINICAL_ANNOT_LOG_FORMAT not in ("plain", "json"):
    raise ImproperlyConfigured("CLINICAL_ANNOT_LOG_FORMAT: plain or json is expected")
CLINICAL_ANNOT_DISK_RESERVE_BYTES = env.int("CLINICAL_ANNOT_DISK_RESERVE_BYTES", 1 << 30)
CLINICAL_ANNOT_STOW_LIMIT_BYTES = env.int("CLINICAL_ANNOT_STOW_LIMIT_BYTES", 64 << 30)

DEBUG = False
SECRET_KEY = env.str("CLINICAL_ANNOT_SECRET_KEY", "")
ALLOWED_HOSTS = env.list("CLINICAL_ANNOT_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CLINICAL_ANNOT_ORIGINS", [])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "csp",
    *sign_in.APPS,
    "apps.vault",
    "apps.audit",
    "apps.access",
    "apps.jobs",
    "apps.keys",
    "apps.projects",
    "apps.ontology",
    "apps.intake",
    "apps.deid",
    "apps.library",
    "apps.annotation",
    "apps.adjudication",
    "apps.release",
    "clinical_annot",
]

MIDDLEWARE = [
    "clinical_annot.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "clinical_annot.middleware.BodyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "clinical_annot.sign_in.idle.IdleMiddleware",
    *sign_in.MIDDLEWARE,
    "clinical_annot.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "clinical_annot.urls"
WSGI_APPLICATION = "clinical_annot.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "clinical_annot.context.chrome",
            ],
        },
    },
]

# SQLite: IMMEDIATE, or concurrent writers fail within milliseconds on the upgrade of a read lock;
# FULL, because an acknowledged instance must survive a power cut; secure_delete, because a
# destroyed key must not stay in a freed page.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA secure_delete=ON;",
}
DATABASES = {
    "default": env.dj_db_url(
        "DATABASE_URL", f"sqlite:///{CLINICAL_ANNOT_DATA_DIR / 'clinicalannot.sqlite3'}"
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = dict(_SQLITE_OPTIONS)
    # Opening it costs more than most requests: each thread of the web server keeps its own.
    DATABASES["default"]["CONN_MAX_AGE"] = 600
else:
    DATABASES["default"]["OPTIONS"] = {
        # A database that is away is known within seconds, and a modality told so.
        "connect_timeout": 5,
        "pool": {"min_size": 1, "max_size": 12, "timeout": 10},
    }

AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = sign_in.BACKENDS
_sign_in = sign_in.sign_in_settings(env, CLINICAL_ANNOT_DATA_DIR)
globals().update(_sign_in)
CLINICAL_ANNOT_OIDC_GROUPS: dict[str, str] = _sign_in["CLINICAL_ANNOT_OIDC_GROUPS"]
CLINICAL_ANNOT_OIDC_CLAIM: str = _sign_in["CLINICAL_ANNOT_OIDC_CLAIM"]
SOCIALACCOUNT_PROVIDERS = _sign_in["SOCIALACCOUNT_PROVIDERS"]
ANONYMOUS_USER_NAME = None
# Permissions are asked through apps.access.grants, never through user.has_perm.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_AGE = 12 * 3600
CLINICAL_ANNOT_IDLE_LOCK_S = env.int("CLINICAL_ANNOT_IDLE_LOCK_S", 900)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = CLINICAL_ANNOT_DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20
# Uploads stay in memory: nothing that a person sends lies in a temporary file. A door that takes
# more than DATA_UPLOAD_MAX_MEMORY_SIZE says so (`max_body_bytes`, clinical_annot/middleware.py).
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 << 20
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:"],
        "media-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'", *saml.origins(SOCIALACCOUNT_PROVIDERS)],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.access.bearer.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "clinical_annot.negotiation.OwnFormNegotiation",
    "DEFAULT_PARSER_CLASSES": ["clinical_annot.parsing.StrictJsonParser"],
    "EXCEPTION_HANDLER": "clinical_annot.errors.api_exception",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ClinicalAnnot API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "clinical_annot.api_schema.with_refusals",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# pydicom's warnings quote values, and Python prints warnings.
warnings.filterwarnings("ignore", module=r"pydicom\b")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "clinical_annot.logs.PlainFormatter"},
        "json": {"()": "clinical_annot.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": CLINICAL_ANNOT_LOG_FORMAT}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # These quote data elements in their messages: a warning of theirs can hold a name.
        "pydicom": {"level": "CRITICAL", "propagate": False, "handlers": []},
        "pynetdicom": {"level": "CRITICAL", "propagate": False, "handlers": []},
        "highdicom": {"level": "CRITICAL", "propagate": False, "handlers": []},
        "libav": {"level": "CRITICAL", "propagate": False, "handlers": []},
        # Its messages quote request paths.
        "django.request": {"level": "CRITICAL"},
    },
}
