"""Its address for pushes: a view of Django REST framework around the original's handler."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import path
from objectsyncer.utils_cli import RestAPIJobChangePushHandler
from rest_framework.permissions import BasePermission
from rest_framework.views import APIView


class HasKey(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return request.headers.get("Authorization") == f"Api-Key {settings.CLIENT_SITE_KEY}"


def shout(new_object: bool, obj: Any, data: Any) -> Any:
    """A hook, called for new objects and old ones."""
    obj.name = f"{obj.name}{'!' if new_object else ''}"
    return obj


class PushView(APIView):
    permission_classes = (HasKey,)

    def post(self, request: Any) -> Any:
        handler = RestAPIJobChangePushHandler("client_site", ["Unit", "Member"])
        handler.add_pre_save_hooks("Unit", shout)
        return handler.process(request.data)


urlpatterns = [path("api/push/", PushView.as_view())]
