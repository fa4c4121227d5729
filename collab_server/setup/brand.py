"""``/v1/brand`` for every page, and ``/v1/setup/brand`` for the administrators who set it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from collab_server.brand import kept, logo
from collab_server.brand.kept import AGE, Brand
from collab_server.db.brand import ONLY, BrandRow
from collab_server.http import auth, bodies
from collab_server.http.current import services
from collab_server.http.openapi import operation
from collab_server.people import accounts
from collab_server.problems import Conflict, Invalid, NotFound
from collab_server.sessions.roles import May
from collab_server.setup import schemas

if TYPE_CHECKING:
    from collab_server.db.engine import Work

bp = Blueprint("brand", __name__, url_prefix="/v1")

MAX_BODY = logo.MAX_BYTES * 2
"""Bytes of a body that holds a logo in base64."""


@bp.get("/brand")
@operation("How the business shows itself", answers={200: schemas.BrandShown})
def brand() -> Response:
    answer = jsonify(services().brands.now().document())
    answer.headers["Cache-Control"] = f"public, max-age={AGE:.0f}"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@bp.get("/brand/logo/<name>")
@operation("The logo; its name changes with it", answers={200: None}, problems=(404,))
def picture(name: str) -> Response:
    with services().database.read() as db:
        row = db.get(BrandRow, ONLY)
    if row is None or row.logo is None or row.logo_hash != name:
        raise NotFound("there is no such logo")
    answer = Response(row.logo, mimetype=row.logo_type)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


@bp.get("/setup/brand")
@operation(
    "How the business shows itself, as the database has it by now",
    answers={200: schemas.BrandSet},
    auth=("desk",),
    problems=(401, 403),
)
def show() -> Response:
    with services().database.read() as db:
        auth.require_desk(db, to=May.SET_UP)
        return jsonify(_document(kept.read(db)))


@bp.post("/setup/brand")
@operation(
    "Change how the business shows itself",
    body=schemas.BrandBody,
    answers={200: schemas.BrandSet},
    auth=("desk",),
    problems=(401, 403, 409, 413, 422),
)
def change() -> Response:
    tandem = services()
    with tandem.database.read() as db:
        auth.require_desk(db, to=May.SET_UP)  # before anything large is read
    asked = bodies.read(schemas.BrandBody, MAX_BODY)
    picture = _picture(asked)
    with tandem.write() as work:
        who = auth.require_desk(work.db, to=May.SET_UP)
        before = kept.read(work.db)
        if before.version != asked.version:
            raise Conflict("somebody else has changed the brand meanwhile; look at it again")
        row = work.db.get(BrandRow, ONLY) or _first(work)
        row.version = before.version
        _set(row, asked, picture)
        changes = _changes(before, kept.of_row(row))
        if changes:
            row.version += 1
            accounts.note(work, who.name, "brand", "", changes)
        after = kept.of_row(row)
        work.after_commit(lambda: tandem.brands.changed(after))
    return jsonify(_document(after))


def _picture(asked: schemas.BrandBody) -> logo.Logo | None:
    """Raises Invalid."""
    if asked.logo is None:
        return None
    try:
        return logo.look(base64.b64decode(asked.logo))
    except logo.LogoError as error:
        raise Invalid(f"logo: {error}", "logo", why=error.why) from None


def _first(work: Work) -> BrandRow:
    row = BrandRow(id=ONLY, logo=None, logo_type="", logo_hash="")
    work.db.add(row)
    return row


def _set(row: BrandRow, asked: schemas.BrandBody, picture: logo.Logo | None) -> None:
    row.name, row.color, row.phone = asked.name, asked.color, asked.phone
    row.privacy_url = asked.privacy_url
    row.welcome_en, row.welcome_zh = asked.welcome.en, asked.welcome.zh
    row.languages = [tag for tag in kept.LANGUAGES if tag in asked.languages]
    if picture is not None:
        row.logo, row.logo_type = picture.data, picture.media_type
        row.logo_hash = hashlib.sha256(picture.data).hexdigest()[:16]
    elif "logo" in asked.model_fields_set:
        row.logo, row.logo_type, row.logo_hash = None, "", ""


def _changes(before: Brand, after: Brand) -> accounts.Changes:
    """What is not as it was; of a logo only that it is another one."""
    old, new = before.document(), after.document()
    derived = ("ink",)
    return {key: [old[key], new[key]] for key in old if key not in derived and old[key] != new[key]}


def _document(brand: Brand) -> dict[str, Any]:
    return brand.document() | {"version": brand.version}
