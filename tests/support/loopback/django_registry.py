"""django-oci, a registry that answers otherwise than docker-registry does: relative locations, 416."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from servers import listening

__all__ = ["django_registry"]

_SETTINGS = """\
import os
SECRET_KEY = "tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework",
                  "rest_framework.authtoken", "django_oci"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "data.sqlite3"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
MEDIA_ROOT = "images"
DATA_UPLOAD_MAX_MEMORY_SIZE = None
USE_TZ = True
RATELIMIT_ENABLE = False
DJANGO_OCI = {"DISABLE_AUTHENTICATION": True, "MEDIA_ROOT": MEDIA_ROOT, "VIEW_RATE_LIMIT": "100000/s"}
"""
_URLS = """\
from django.urls import include, path
urlpatterns = [path("", include("django_oci.urls", namespace="django_oci"))]
"""


@contextmanager
def django_registry(folder):
    """Run it below `folder`; yields host and port. Skipped, or failed in CI, where it is not installed."""
    try:
        import django_oci  # noqa: F401
    except ImportError:
        reason = "django-oci is not installed; install it from PyPI"
        (pytest.fail if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1" else pytest.skip)(reason)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site_settings.py").write_text(_SETTINGS)
    (folder / "site_urls.py").write_text(_URLS)
    path = os.pathsep.join([str(folder), *sys.path])
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": path}
    django = [sys.executable, "-m", "django"]
    for command in (["makemigrations", "django_oci"], ["migrate", "--run-syncdb"]):
        subprocess.run([*django, *command], cwd=folder, env=env, capture_output=True, check=True)

    def serve(port):
        return [*django, "runserver", "--noreload", f"127.0.0.1:{port}"]

    with listening(serve, folder / "log", cwd=folder, env=env) as port:
        yield f"127.0.0.1:{port}"
