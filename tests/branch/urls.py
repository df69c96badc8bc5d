from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("push/", include("modelsync.push.urls"))]
