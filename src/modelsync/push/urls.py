"""`path("push/", include("modelsync.push.urls"))` receives at `push/receive/`."""

from __future__ import annotations

from django.urls import path

from modelsync.push.receiving.view import ReceiveView

urlpatterns = [path("receive/", ReceiveView.as_view(), name="modelsync_push_receive")]
