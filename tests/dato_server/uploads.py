"""Assets in GraphQL: the type that fields show, and the root fields that list all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
)

from tests.dato_server.content import File, Upload
from tests.dato_server.filters import upload_filter_type, upload_passes
from tests.dato_server.paging import paged, paging
from tests.dato_server.scalars import DATE_TIME, INTEGER, STRING, UPLOAD_ID
from tests.dato_server.view import Info, ShownFile, View

_ORDERS = {
    "id": lambda upload: upload.id,
    "_createdAt": lambda upload: upload.created,
    "_updatedAt": lambda upload: upload.updated,
}


def file_type(languages: dict[str, GraphQLArgument]) -> GraphQLObjectType:
    """The type of what file fields, galleries and `allUploads` show."""

    def plain(name: str) -> Callable[[ShownFile, Any], Any]:
        return lambda shown, info: getattr(shown.upload, name)

    def text(name: str) -> Callable[..., Any]:
        def resolve(
            shown: ShownFile, info: Any, locale: str | None = None, fallbackLocales: Any = None
        ) -> str | None:
            own: str | None = getattr(shown.file, name)
            asked = shown.languages.asked(locale, fallbackLocales)
            return asked.pick(getattr(shown.upload, name)) if own is None else own

        return resolve

    def stamp(name: str) -> Callable[[ShownFile, Info], str]:
        return lambda shown, info: info.context.behaviour.stamp(getattr(shown.upload, name))

    needed = {
        "id": (UPLOAD_ID, plain("id")),
        "url": (STRING, lambda shown, info: info.context.address + shown.upload.path),
        "md5": (STRING, plain("md5")),
        "filename": (STRING, plain("filename")),
        "size": (INTEGER, plain("size")),
        "mimeType": (STRING, plain("mime_type")),
        "format": (STRING, lambda shown, info: shown.upload.filename.rpartition(".")[2]),
        "_createdAt": (DATE_TIME, stamp("created")),
        "_updatedAt": (DATE_TIME, stamp("updated")),
    }
    return GraphQLObjectType(
        "FileField",
        {
            **{
                name: GraphQLField(GraphQLNonNull(type_), resolve=how)
                for name, (type_, how) in needed.items()
            },
            "width": GraphQLField(INTEGER, resolve=plain("width")),
            "height": GraphQLField(INTEGER, resolve=plain("height")),
            "alt": GraphQLField(STRING, args=languages, resolve=text("alt")),
            "title": GraphQLField(STRING, args=languages, resolve=text("title")),
        },
    )


def upload_fields(
    file: GraphQLObjectType, counted: GraphQLObjectType, languages: dict[str, GraphQLArgument]
) -> dict[str, GraphQLField]:
    """The root fields of assets."""
    filter_ = GraphQLArgument(upload_filter_type())
    orders = {f"{name}_{way}": f"{name}_{way}" for name in _ORDERS for way in ("ASC", "DESC")}
    order = GraphQLArgument(GraphQLList(GraphQLEnumType("UploadOrderBy", orders)))

    def every(
        _: Any,
        info: Info,
        filter: Any = None,  # noqa: A002  # its name
        orderBy: Any = None,
        **page: Any,
    ) -> list[ShownFile]:
        view: View = info.context
        found = [each for each in view.contents.uploads.values() if upload_passes(filter or {}, each)]
        asked = view.languages.asked(page.get("locale"), page.get("fallbackLocales"))
        return [_shown(each, asked) for each in paged(_sorted(found, orderBy), page)]

    def one(root: Any, info: Info, **arguments: Any) -> ShownFile | None:
        return next(iter(every(root, info, **arguments, first=1, skip=0)), None)

    def count(_: Any, info: Info, filter: Any = None) -> dict[str, int]:  # noqa: A002  # its name
        uploads = info.context.contents.uploads.values()
        return {"count": sum(upload_passes(filter or {}, each) for each in uploads)}

    chosen = {**languages, "filter": filter_, "orderBy": order}
    return {
        "upload": GraphQLField(file, args=chosen, resolve=one, extensions={"cost": "record"}),
        "allUploads": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(file))),
            args={**chosen, **paging()},
            resolve=every,
            extensions={"cost": "collection"},
        ),
        "_allUploadsMeta": GraphQLField(
            GraphQLNonNull(counted), args={"filter": filter_}, resolve=count, extensions={"cost": "meta"}
        ),
    }


def _shown(upload: Upload, languages: Any) -> ShownFile:
    return ShownFile(upload, File(upload.id), languages)


def _sorted(uploads: list[Upload], orders: list[str] | None) -> list[Upload]:
    for each in reversed(orders or ["_createdAt_DESC"]):
        name, _, way = each.rpartition("_")
        uploads.sort(key=_ORDERS[name], reverse=way == "DESC")
    return uploads
