"""The brand: set beside its preview, and on the callers' pages from the first thing they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People
from tests.browser.test_people import sizes
from tests.browser.world import Agent, new_call, running
from tests.server.test_brand import png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.world import Server

ROOT = Agent("root", "sip:root@example.org")
SEEN = """
window.seen = [];
new MutationObserver(() => {
  const name = document.querySelector(".top .brand-name")?.textContent;
  for (const shown of [name, document.title]) if (shown) window.seen.push(shown);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


@pytest.fixture(scope="module")
def branded(web_built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: a brand shows on everybody's pages."""
    with running(tmp_path_factory.mktemp("brand")) as server:
        server.add_agent(ROOT.name, ROOT.uri, admin=True)
        yield server


@pytest.fixture
def them(browser: Browser, branded: Server) -> Iterator[People]:
    people = People(browser, branded)
    yield people
    people.close()
    assert people.complaints == []


def picture(page: Page, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "image/png", "buffer": data}
    page.locator("[name=logo]").set_input_files(file)  # type: ignore[arg-type]


def test_what_is_set_beside_its_preview_is_what_callers_see(them: People, branded: Server) -> None:
    boss = them.desk(ROOT, "/setup?brand")
    preview = boss.locator(".brand-preview")
    boss.get_by_label("Name of the business").fill("Northwind")
    boss.get_by_label("A number to call").fill("+49 30 123456")
    boss.get_by_label("Privacy notice").fill("https://www.example.org/privacy")
    boss.get_by_label("Welcome, in English").fill("Good to see you.")
    boss.get_by_label("Welcome, in Chinese").fill("欢迎光临。")
    boss.get_by_label("Use a colour of ours").check()
    color = boss.locator("[name=color]")
    save = boss.get_by_role("button", name="Save")
    color.fill("#808080")
    expect(boss.get_by_text("Neither white nor dark text can be read on it")).to_be_visible()
    expect(save).to_be_disabled()
    color.fill("#0a6b4b")
    expect(boss.get_by_text("contrast 6.5 to 1")).to_be_visible()
    picture(boss, "logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    save.press("Enter")
    expect(boss.get_by_role("alert")).to_contain_text("SVG is not taken")
    picture(boss, "logo.png", png())
    expect(preview).to_contain_text("Northwind")
    expect(preview).to_contain_text("Good to see you.")
    button = preview.locator("button.primary")
    expect(button).to_have_css("background-color", "rgb(10, 107, 75)")
    save.press("Enter")
    expect(boss.get_by_text("Saved. Pages show it from now on.")).to_be_visible()
    expect(boss.locator("header .brand-logo")).to_have_attribute("src", _logo(branded))
    sizes(boss)

    start = them.page()
    start.add_init_script(SEEN)
    start.goto("/")
    start.locator("input.code-field").fill("123456")
    expect(start.locator("button.primary")).to_have_css("background-color", "rgb(10, 107, 75)")
    expect(start).to_have_title("Join your call · Northwind")
    seen = start.evaluate("window.seen")
    assert seen
    assert [shown for shown in seen if "Tandem" in shown] == [], "no other brand for a moment"
    assert start.locator(".brand-logo").evaluate("(logo) => logo.naturalWidth") == 64

    call = new_call(branded)
    branded.add_agent("wang", "sip:wang@example.org")
    call.answer(Agent("wang", "sip:wang@example.org"))
    phone = them.phone(call.join_url(), locale="zh-CN")
    expect(phone.get_by_text("欢迎光临。")).to_be_visible()
    expect(phone.get_by_role("link", name="致电 +49 30 123456")).to_have_attribute(
        "href", "tel:+4930123456"
    )
    phone.get_by_role("button", name="加入").press("Enter")
    phone.locator("#message").wait_for()
    call.end()
    notice = phone.locator(".ended").get_by_role("link", name="隐私声明")
    expect(notice).to_have_attribute("href", "https://www.example.org/privacy")
    expect(notice).to_have_attribute("rel", "noopener noreferrer")
    sizes(phone)


def _logo(server: Server) -> str:
    path: str = server.request("GET", "/v1/brand")["logo"]
    return path


@pytest.mark.parametrize("width", [1280, 360])
def test_the_form_in_chinese_and_languages_that_callers_are_offered(
    them: People, branded: Server, width: int
) -> None:
    size = {"viewport": {"width": width, "height": 740}, "locale": "zh-CN"}
    page = them.desk(ROOT, "/setup?brand", **size)
    other = them.desk(ROOT, "/setup?brand")
    english = page.get_by_role("checkbox", name="English")
    english.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="保存").press("Enter")
    expect(page.get_by_text("已保存。")).to_be_visible()
    sizes(page)
    start = them.page("/")  # an English browser
    expect(start.get_by_role("heading", name="继续您的通话")).to_be_visible()
    expect(start.get_by_label("语言")).to_have_count(0)
    expect(other.get_by_label("Language")).to_have_count(1)
    other.get_by_label("Name of the business").fill("Southwind")
    other.get_by_role("button", name="Save").press("Enter")
    expect(other.get_by_role("alert")).to_contain_text("Somebody else has changed the brand")
    other.get_by_role("button", name="Show theirs").press("Enter")
    expect(other.get_by_role("checkbox", name="English")).not_to_be_checked()
    other.get_by_role("checkbox", name="English").check()
    other.get_by_role("button", name="Save").press("Enter")
    expect(other.get_by_text("Saved. Pages show it from now on.")).to_be_visible()
