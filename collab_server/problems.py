"""What the API answers when it cannot: one class per error, as RFC 9457 has it.

    Problem                          status, stable type, title
    |- Unauthorized           401    no key or cookie, or a wrong one
    |- LinkInvalid            401    no join link of this server
    |- WrongPassword          401
    |- Forbidden              403    the key or cookie is not for this
    |- AccountOff             403    the password is right, the account is switched off
    |- CsrfRefused            403    a cookie's write without its token, or from elsewhere
    |- NotFound               404
    |- CodeRefused            404    no pairing code that may be used here
    |- MethodNotAllowed       405
    |- Conflict               409    another agent has the call, the call has ended ...
    |- Gone                   410    used, revoked or ended
    |- TooLarge               413
    |- WrongMediaType         415
    |- Invalid                422    names the field
    |- IdempotencyKeyReused   422
    |- TooMany                429    with Retry-After
    |- ServerFault            500
    |- Unavailable            503    with Retry-After

All of them are the caller's doing except the last two.
"""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar

from flask import Response

from collab_server.explain import Explained

TYPE_PREFIX = "urn:tandem:problem:"
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error of the API; `detail` is one sentence for the one who asked.

    `why` among the members, or in an `Explained`, is a code for which pages have words.
    """

    status: ClassVar[int] = 500
    id: ClassVar[str] = "server-fault"
    title: ClassVar[str] = "The server failed"

    def __init__(self, detail: str | Explained = "", **members: Any) -> None:
        if isinstance(detail, Explained):
            members["why"], detail = detail.why, detail.sentence
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = members
        """Further members of the problem document, such as ``field``."""
        self.headers: dict[str, str] = {}

    @property
    def type(self) -> str:
        """The stable identifier of this kind of error."""
        return TYPE_PREFIX + self.id

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        document = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return document | self.members

    def response(self) -> Response:
        """The answer."""
        body = json.dumps(self.document(), ensure_ascii=False)
        return Response(body, self.status, self.headers, mimetype=MEDIA_TYPE)


class Unauthorized(Problem):
    """Neither a key nor a cookie that is known here."""

    status = 401
    id = "unauthorized"
    title = "A key or a log-in is needed"

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["WWW-Authenticate"] = 'Bearer realm="tandem"'


class LinkInvalid(Unauthorized):
    """No join link that this server has made."""

    id = "link-invalid"
    title = "This is no join link of this server"


class WrongPassword(Unauthorized):
    """No such agent, or another password; which of both is not told."""

    id = "wrong-password"
    title = "Unknown name or wrong password"


class Forbidden(Problem):
    """Who asks is known, and may not."""

    status = 403
    id = "forbidden"
    title = "Not allowed with this key or log-in"


class AccountOff(Forbidden):
    """Who logs in is who they say, and an administrator has switched the account off."""

    id = "account-off"
    title = "This account is switched off"


class CsrfRefused(Problem):
    """A write that a cookie stands for, but that the page itself may not have sent."""

    status = 403
    id = "csrf"
    title = "The request did not come from a page of this server"


class NotFound(Problem):
    """There is no such thing here."""

    status = 404
    id = "not-found"
    title = "Not found"


class CodeRefused(NotFound):
    """No pairing code, or one that is too old, used, or not for this; which is not told."""

    id = "code-refused"
    title = "This code cannot be used"

    def __init__(self) -> None:
        super().__init__("the code is wrong, too old or was used before; ask for a new one")


class MethodNotAllowed(Problem):
    """The address exists, the method does not."""

    status = 405
    id = "method-not-allowed"
    title = "This address does not know the method"


class Conflict(Problem):
    """What is asked for contradicts what stands."""

    status = 409
    id = "conflict"
    title = "In conflict with what stands"


class Gone(Problem):
    """It was there once. `why` is ``used``, ``revoked``, ``ended`` or ``expired``."""

    status = 410
    id = "gone"
    title = "No longer valid"


class TooLarge(Problem):
    """The body is larger than this address takes."""

    status = 413
    id = "too-large"
    title = "The request is too large"


class WrongMediaType(Problem):
    """The body is not JSON."""

    status = 415
    id = "wrong-media-type"
    title = "The body must be application/json"


class Invalid(Problem):
    """The body, or a parameter, is wrong; `field` names the first thing that is."""

    status = 422
    id = "invalid"
    title = "The request is not valid"

    def __init__(self, detail: str | Explained, field: str, **members: Any) -> None:
        super().__init__(detail, field=field, **members)


class IdempotencyKeyReused(Problem):
    """The same Idempotency-Key came before with another body."""

    status = 422
    id = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another body"


class TooMany(Problem):
    """Too many attempts; try again after `retry_after` seconds."""

    status = 429
    id = "too-many"
    title = "Too many attempts"

    def __init__(self, retry_after: float, detail: str | Explained = "") -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))


class ServerFault(Problem):
    """Our fault; the log has it."""


class Unavailable(Problem):
    """Something this server needs is missing right now."""

    status = 503
    id = "unavailable"
    title = "Not available right now"

    def __init__(self, detail: str = "", retry_after: int = 5, **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["Retry-After"] = str(retry_after)


BY_STATUS: dict[int, type[Problem]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: WrongMediaType,
    503: Unavailable,
}
"""The problem that stands for an HTTP error raised by Flask or Werkzeug themselves."""
