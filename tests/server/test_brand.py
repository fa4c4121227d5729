"""The brand: what an administrator may set, and who sees it where and when."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collab_server.brand import colors, kept, logo
from collab_server.pages import blueprint as pages
from tests.server.conftest import URL, Browser, Server, json_of

WHOLE = {
    "name": "Müller & Söhne <GmbH>",
    "color": "#0b5cad",
    "phone": "+49 30 123456",
    "privacy_url": "https://www.example.org/privacy",
    "welcome": {"en": "Good to see you.", "zh": "欢迎。"},
    "languages": ["zh", "en"],
}


def png(width: int = 64, height: int = 32) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    ends = chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + ends


def jpeg(width: int = 64, height: int = 32) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    comment = b"\xff\xfe\x00\x06abcd"
    return b"\xff\xd8\xff\xe0\x00\x04ab" + comment + b"\xff\xff\xc2\x00\x0b" + frame + b"\xff\xd9"


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


LOSSY = webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 64, 32))
LOSSLESS = webp(b"VP8L", b"\x2f" + struct.pack("<I", 63 | 31 << 14))
EXTENDED = webp(b"VP8X", b"\0" * 4 + (63).to_bytes(3, "little") + (31).to_bytes(3, "little"))


@pytest.fixture
def boss(server: Server) -> Browser:
    return server.desk("root", "sip:root@example.org", admin=True)


def save(boss: Browser, **changes: Any) -> Any:
    version = json_of(boss.get("/v1/setup/brand"))["version"]
    return boss.post("/v1/setup/brand", WHOLE | {"version": version} | changes)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


# -- colours ---------------------------------------------------------------------------------------


def test_contrast_is_as_wcag_counts_it() -> None:
    assert colors.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colors.contrast("#767676", colors.WHITE) == pytest.approx(4.54, abs=0.01)
    assert colors.contrast(colors.WHITE, "#767676") == colors.contrast("#767676", colors.WHITE)


@pytest.mark.parametrize(("color", "ink"), [("#0b5cad", colors.WHITE), ("#FFD400", colors.DARK)])
def test_text_on_the_accent_is_the_one_that_is_read_better(
    boss: Browser, server: Server, color: str, ink: str
) -> None:
    assert save(boss, color=color).status_code == 200
    shown = json_of(server.browser().get("/v1/brand"))
    assert (shown["color"], shown["ink"]) == (color.lower(), ink)


# -- the logo --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (LOSSY, "image/webp"),
        (LOSSLESS, "image/webp"),
        (EXTENDED, "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_bytes(data: bytes, kind: str) -> None:
    found = logo.look(data)
    assert (found.media_type, found.width, found.height) == (kind, 64, 32)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "kind"),
        (b"GIF89a" + b"\0" * 40, "kind"),
        (b"<html><script>alert(1)</script>", "kind"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
        (png(8, 8), "pixels"),
        (png(2_049, 16), "pixels"),
        (jpeg(0, 0), "pixels"),
        (png()[:30], "damaged"),
        (png().replace(b"\0\0\0\x40", b"\0\0\0\x50", 1), "damaged"),
        (jpeg()[:12], "damaged"),
        (b"\xff\xd8\xff" + b"\xff" * 100, "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\0" * 40, "damaged"),
        (b"\xff\xd8\xff\xda\x00\x04ab" + b"\0" * 40, "damaged"),
        (LOSSY[:24], "damaged"),
        (webp(b"ICCP", b"\0" * 40), "damaged"),
        (png() + b"\0" * logo.MAX_BYTES, "bytes"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(logo.LogoError) as refused:
        logo.look(data)
    assert refused.value.why == why


def test_a_logo_is_kept_served_and_removed(boss: Browser, server: Server) -> None:
    first = json_of(save(boss, logo=encoded(png())))["logo"]
    answer = server.browser().get(first)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", png())
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert json_of(save(boss, name="other"))["logo"] == first, "left out, it is as before"
    second = json_of(save(boss, logo=encoded(LOSSY)))["logo"]
    assert second != first
    assert server.browser().get(first).status_code == 404
    assert json_of(save(boss, logo=None))["logo"] is None
    assert server.browser().get(second).status_code == 404


# -- the rest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"name": ""}, "name", None),
        ({"name": "a\x07b"}, "name", None),
        ({"name": "x" * 61}, "name", None),
        ({"color": "red"}, "color", None),
        ({"color": "#808080"}, "color", None),
        ({"color": "#0b5cad;}"}, "color", None),
        ({"phone": "javascript:alert(1)"}, "phone", None),
        ({"phone": "12"}, "phone", None),
        ({"phone": "49+30 1234"}, "phone", None),
        ({"phone": "١٢٣٤٥"}, "phone", None),
        ({"privacy_url": "http://www.example.org"}, "privacy_url", None),
        ({"privacy_url": "https://"}, "privacy_url", None),
        ({"privacy_url": "https://user@www.example.org/"}, "privacy_url", None),
        ({"privacy_url": "https://a b.example"}, "privacy_url", None),
        ({"privacy_url": 'https://a.example/"onclick="x'}, "privacy_url", None),
        ({"privacy_url": "https://[a"}, "privacy_url", None),
        ({"welcome": {"en": "x" * 301}}, "welcome.en", None),
        ({"languages": []}, "languages", None),
        ({"languages": ["de"]}, "languages.0", None),
        ({"logo": "not base64!"}, "logo", None),
        ({"logo": encoded(b"<svg></svg>")}, "logo", "svg"),
        ({"owner": "me"}, "owner", None),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(
    boss: Browser, change: dict[str, Any], field: str, why: str | None
) -> None:
    answer = save(boss, **change)
    assert (answer.status_code, json_of(answer)["field"]) == (422, field), answer.text
    assert json_of(answer).get("why") == why
    assert json_of(boss.get("/v1/setup/brand"))["version"] == 0


def test_too_large_a_body_is_not_read(boss: Browser) -> None:
    assert save(boss, logo="A" * (logo.MAX_BYTES * 2)).status_code == 413


def test_two_administrators_do_not_overwrite_each_other(boss: Browser) -> None:
    both = WHOLE | {"version": 0}
    assert boss.post("/v1/setup/brand", both).status_code == 200
    assert boss.post("/v1/setup/brand", both | {"name": "mine"}).status_code == 409
    assert boss.post("/v1/setup/brand", both | {"version": 1}).status_code == 200
    shown = json_of(boss.get("/v1/setup/brand"))
    assert (shown["name"], shown["version"]) == (WHOLE["name"], 1)
    (event,) = [e for e in json_of(boss.get("/v1/setup/events"))["items"] if e["what"] == "brand"]
    assert event["by"] == "root"
    assert event["changes"]["name"] == ["Tandem", WHOLE["name"]]
    assert "languages" not in event["changes"], "both were offered before"


def test_everybody_sees_it_by_its_name(boss: Browser, server: Server) -> None:
    session = server.establish()
    save(boss)
    look = {"token": session["user"]["join_url"].partition("#")[2]}
    stranger = server.browser()
    assert json_of(stranger.post("/v1/join/look", look))["brand"] == {"name": WHOLE["name"]}
    assert json_of(stranger.get("/v1/me"))["brand"] == {"name": WHOLE["name"]}
    answer = stranger.get("/v1/brand")
    assert json_of(answer) == WHOLE | {"languages": ["en", "zh"], "logo": None, "ink": "#ffffff"}
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    again = stranger.client.get(
        "/v1/brand", headers={"If-None-Match": answer.headers["ETag"]}, base_url=URL
    )
    assert again.status_code == 304


def test_another_process_follows_within_seconds(start: Callable[..., Server]) -> None:
    one = start()
    boss = one.desk("root", "sip:root@example.org", admin=True)
    other = start()
    other.clock.now = one.clock.now
    assert other.services.brand == "Tandem"
    save(boss)
    assert one.services.brand == WHOLE["name"]
    assert other.services.brand == "Tandem"
    other.clock.turn(kept.AGE)
    assert other.services.brand == WHOLE["name"]


def test_a_page_carries_the_brand_from_its_first_byte(
    boss: Browser, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(pages.__file__).parents[1] / "web" / "index.html"
    (tmp_path / "index.html").write_text(source.read_text())
    monkeypatch.setattr(pages, "DIST", tmp_path)
    save(boss, name='"><script>alert(1)</script>')
    answer = server.browser().get("/")
    assert "<script>alert" not in answer.text
    assert "<title>&quot;&gt;&lt;script&gt;" in answer.text
    carried = re.search(r'<meta name="tandem-brand" content="([^"]*)"', answer.text)
    assert carried is not None
    assert json.loads(html.unescape(carried[1])) == json_of(server.browser().get("/v1/brand"))
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    etag = answer.headers["ETag"]
    client = server.browser().client
    kept_one = client.get("/", headers={"If-None-Match": etag}, base_url=URL)
    assert kept_one.status_code == 304
    save(boss, name="other")
    assert client.get("/", headers={"If-None-Match": etag}, base_url=URL).status_code == 200
