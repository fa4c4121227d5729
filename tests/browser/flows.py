"""What the five flows are told with: two people at their keyboards, in a language, and a site."""

from __future__ import annotations

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.browser.keyboard import Keyboard, looks_right
from tests.browser.telephony import SITE_KEY
from tests.e2e.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from playwright.sync_api import Page

    from tests.browser.conftest import People
    from tests.browser.telephony import Telephony

AGENT = "agent1"

EN = {
    "name": "Name", "password": "Password", "ready": "Ready", "join": "Join",
    "let in": "Yes, let them in", "message": "Message", "your message": "Your message",
    "end": "End session", "outcome": "Outcome", "note": "Note", "done": "Save and close",
    "show a code": "Show a code instead", "your code": "Your code", "give": "Give a code",
    "start": "Start", "invite": "Invite", "address": "Address", "type": "Type",
    "call too": "Also call them: your phone rings first", "leave the line": "Leave the line",
    "leave": "Leave", "by phone": "Talk by phone", "number": "Your phone number",
    "call me": "Call me", "to the list": "All sessions", "details": "Details",
    "pair": "Pair by code", "go on": "Go on with agent1",
    "both here": "You and agent1 are here.", "waiting for word": "Tell the person on the telephone",
    "connected": "Connected", "over": "The session has ended", "wrap-up": "Wrap-up",
    "hung up": "The phone call has ended.", "agent ended": "agent1 has ended the session.",
    "in line": "Keep this page open", "left line": "You have left.",
    "user left": "Ended by the caller.", "talking": "You are talking with agent1 by phone.",
    "talking too": "You are talking with the caller by phone.", "ringing": "Ringing",
    "call up": "Connected", "phone free": "Your phone is free", "solved": "Solved",
}  # fmt: skip
ZH = {
    "name": "用户名", "password": "密码", "ready": "就绪", "join": "加入",
    "let in": "是，允许加入", "message": "消息", "your message": "您的消息",
    "end": "结束会话", "outcome": "结果", "note": "备注", "done": "保存并关闭",
    "show a code": "改为显示代码", "your code": "您的代码", "give": "给出代码",
    "start": "开始", "invite": "邀请", "address": "地址", "type": "类型",
    "call too": "同时呼叫对方：您的电话先响铃", "leave the line": "退出排队",
    "leave": "离开", "by phone": "电话沟通", "number": "您的电话号码",
    "call me": "给我打电话", "to the list": "全部会话", "details": "详情",
    "pair": "代码配对", "go on": "继续，由 agent1 接待",
    "both here": "您和 agent1 都在此页面。", "waiting for word": "请把这个词语告诉电话中的对方",
    "connected": "已连接", "over": "会话已结束", "wrap-up": "话后处理",
    "hung up": "电话通话已结束。", "agent ended": "agent1 已结束会话。",
    "in line": "请不要关闭此页面", "left line": "您已离开。",
    "user left": "来电者已结束会话。", "talking": "您正在与 agent1 通话。",
    "talking too": "您正在与来电者通话。", "ringing": "正在响铃",
    "call up": "已接通", "phone free": "您的话机空闲", "solved": "已解决",
}  # fmt: skip


@dataclass
class Stage:
    """A PBX beside Tandem, and how its two people sit before it."""

    telephony: Telephony
    people: People
    words: Mapping[str, str]
    locale: str
    user_size: tuple[int, int]
    agent_size: tuple[int, int]
    dock: bool = False
    dark: bool = False

    def _open(self, size: tuple[int, int]) -> Person:
        page = self.people.page(
            viewport={"width": size[0], "height": size[1]},
            locale=self.locale,
            color_scheme="dark" if self.dark else "light",
            reduced_motion="reduce",
        )
        return Person(page, self.words)

    def user(self, path: str = "") -> Person:
        """Who calls, at a path of the server or a whole address."""
        user = self._open(self.user_size)
        if path:
            user.page.goto(path)
        return user

    def agent(self) -> Person:
        """Who serves, logged in and ready."""
        agent = self._open(self.agent_size)
        agent.page.goto("/desk?dock" if self.dock else "/desk")
        agent.page.locator("[name=password]").wait_for()
        agent.keys.to(self.words["name"])
        agent.keys.write(AGENT)
        agent.keys.to(self.words["password"])
        agent.keys.write(PASSWORD)
        agent.page.keyboard.press("Enter")
        agent.page.locator("header.desk-top").wait_for()
        agent.keys.press(self.words["ready"])
        agent.sees(".alerts", self.words["ready"])
        return agent


class Person:
    """One of the two."""

    def __init__(self, page: Page, words: Mapping[str, str]) -> None:
        self.page = page
        self.words = words
        self.keys = Keyboard(page)

    def sees(self, where: str, words: str, count: int | None = None) -> None:
        """Wait until this is to be read there."""
        found = self.page.locator(where)
        if count is not None:
            expect(found).to_have_count(count)
        expect(found.first).to_contain_text(words)

    def looks_right(self) -> Self:
        """The page as it is now is for everybody."""
        looks_right(self.page)
        return self

    def press(self, what: str, key: str = "Enter") -> None:
        """Press the control that `what` names in their language."""
        self.keys.press(self.words[what], key)

    def says(self, text: str) -> None:
        """Write a line of chat."""
        self.keys.say(self.words["your message"], text)
        expect(self.page.locator(".line-mine .line-text").last).to_have_text(text)

    def hears(self, text: str) -> None:
        """Read the other's last line."""
        expect(self.page.locator(".line-theirs .line-text").last).to_have_text(text)

    def details(self) -> None:
        """Have what stands at the right in sight, where there is room for one thing only."""
        if not self.page.locator(".side").is_visible():
            self.press("details")
            self.page.locator(".side").wait_for()

    def workspace(self) -> None:
        """Have the conversation in sight again."""
        if not self.page.locator("#message").is_visible():
            self.press("details")
            self.page.locator("#message").wait_for()


def agrees(user: Person) -> None:
    """A page that came in by a code names the agent, who sees nothing of it before the yes."""
    user.sees(".consent", "agent1")
    user.looks_right()
    user.press("go on")
    expect(user.page.locator(".consent")).to_have_count(0)
    user.keys.kept()


def chat(user: Person, agent: Person) -> None:
    """Both are there, and read what the other has written."""
    user.sees(".strip", user.words["both here"])
    agent.workspace()
    agent.sees(".strip", agent.words["connected"])
    user.press("message")
    expect(user.page.locator("#message")).to_be_focused()
    user.keys.write("my policy 2026-77")
    user.page.keyboard.press("Enter")
    agent.hears("my policy 2026-77")
    agent.says("thank you: 谢谢")
    user.hears("thank you: 谢谢")


def joins_by_word(user: Person, agent: Person) -> None:
    """The user opens the link of a SIP MESSAGE and tells the agent the word it shows."""
    user.page.locator(".facts").wait_for()
    user.looks_right()
    user.press("join")
    user.sees("main", user.words["waiting for word"])
    word = user.page.locator(".word-big").inner_text()
    asked = agent.page.get_by_role("alert")
    expect(asked).to_contain_text(word)
    agent.looks_right()
    agent.press("let in")
    expect(asked).to_have_count(0)
    agent.keys.kept()
    user.page.locator("#message").wait_for()


def wraps_up(agent: Person) -> None:
    """The agent writes down what came of it, and has the lists again."""
    agent.page.locator(".side .wrap-up").wait_for()
    agent.looks_right()
    agent.keys.to(agent.words["outcome"])
    agent.keys.write(agent.words["solved"])  # a list is chosen from by typing
    agent.keys.to(agent.words["note"])
    agent.keys.write("as agreed")
    waiting = agent.page.locator("[data-list=wrap-up] .call")
    before = waiting.count()
    agent.press("done")
    expect(waiting).to_have_count(before - 1)
    agent.page.locator(".lists").wait_for()
    agent.keys.kept()


class Site:
    """A web site whose page is the README's example; runs while it is entered."""

    def __init__(self) -> None:
        self.html = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.html.encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def posts_to(self, url: str, queue: str) -> None:
        """Its button posts into this queue of a server."""
        text = (Path(__file__).parents[2] / "README.md").read_text()
        html = text.partition("```html\n")[2].partition("```")[0]
        for old, new in {
            "https://collab.example.org": url,
            "a third random string": SITE_KEY,
            '"support"': f'"{queue}"',
        }.items():
            assert old in html, old
            html = html.replace(old, new)
        self.html = html
