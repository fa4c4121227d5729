"""The desk in a tab nobody looks at, which Chromium gives no frames and slow timers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.hidden import Tab, background_chromium
from tests.browser.world import PASSWORD, Agent, new_call, running

if TYPE_CHECKING:
    from pathlib import Path

WATCH = """
window.shown = [];
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    this.addEventListener("show", () => window.shown.push([title, this]));
    this.addEventListener("close", () => window.shown.push(["closed", null]));
  }
};
window.notes = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.notes += 1; start.apply(this, when); };
"""

LOG_IN = """
(() => {
  const [name, word] = ["username", "password"].map((n) => document.querySelector(`[name=${n}]`));
  name.value = "wang"; word.value = "%s"; word.form.requestSubmit(); return true;
})()
"""

TITLES = "window.shown.map(([title]) => title)"


def press(tab: Tab, expression: str) -> None:
    """Press the middle of an element, as a mouse does."""
    box = tab.until(f"{expression}?.getBoundingClientRect().toJSON()")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind in ("mousePressed", "mouseReleased"):
        tab.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def test_alerts_reach_a_tab_in_the_background_and_it_comes_back_by_itself(
    tmp_path: Path, web_built: None
) -> None:
    with (
        running(tmp_path) as server,
        background_chromium(tmp_path / "profile") as chrome,
    ):
        wang = Agent("wang", "sip:wang@example.org")
        server.add_agent(wang.name, wang.uri)
        chrome.ask("Browser.grantPermissions", origin=server.url, permissions=["notifications"])
        desk = chrome.tab("about:blank")
        desk.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        desk.ask("Page.navigate", url=f"{server.url}/desk")
        desk.until("document.querySelector('[name=password]')?.form !== undefined")
        desk.evaluate(LOG_IN % PASSWORD)
        desk.until("document.querySelector('.desk-top button.primary:enabled')")
        other = chrome.tab("about:blank")
        desk.until("document.hidden")

        # Paused: quiet about those who wait, but the agent's own calls show.
        quiet, own = new_call(server), new_call(server)
        quiet.wait()
        desk.until("document.querySelectorAll('[data-list=waiting] .call').length === 1")
        own.answer(wang)
        desk.until("document.title.startsWith('(1)')")
        desk.until("window.shown.length")
        assert desk.evaluate(TITLES) == [f"New session: {own.number}"]
        desk.bring_to_front()
        desk.until("document.title.startsWith('Desk')")
        for call in (quiet, own):
            call.end()
        desk.until(f"{TITLES}.includes('closed')")  # what has been seen is taken back
        desk.until("document.querySelectorAll('[data-list=wrap-up] .call').length === 1")
        desk.evaluate("window.shown.length = 0")

        press(desk, "document.querySelector('.desk-top button.primary:enabled')")
        desk.until("document.querySelector('.alerts')?.innerText === 'Ready, alerts on'")
        other.bring_to_front()
        desk.until("document.hidden")

        waiting = new_call(server)
        waiting.wait()
        desk.until("window.shown.length === 1")
        assert desk.evaluate(TITLES) == [f"Waiting: {waiting.number}"]
        assert desk.evaluate("window.notes") == 0, "a telephone call rings by itself"
        waiting.answer(wang)
        desk.until("document.title.startsWith('(1)')")
        desk.until(f"{TITLES}.includes('New session: {waiting.number}')")
        assert desk.evaluate("document.querySelector('link[rel=icon]').href").startswith("data:")
        body = {"type": "form", "user_uri": "mailto:ann@example.org", "agent_uri": wang.uri}
        server.request("POST", "/v1/sessions", body)
        desk.until(f"{TITLES}.includes('New session: ann')")
        assert desk.until("window.notes") == 2, "no telephone rang: two notes"
        desk.until("document.title.startsWith('(2)')")
        assert desk.evaluate("document.hidden"), "nothing has come to the front"

        server.stop()
        desk.until("document.querySelector('.desk-notices').innerText !== ''")
        server.start()
        desk.until("document.querySelector('.desk-notices').innerText === ''")
        late = new_call(server)
        late.answer(wang)
        desk.until(f"{TITLES}.includes('New session: {late.number}')")

        # A click on the notification brings the page to the front, with that session on it.
        desk.evaluate(
            f"window.shown.find(([t]) => t.endsWith('{late.number}'))[1].onclick() ?? true"
        )
        desk.bring_to_front()
        desk.until("!document.hidden")
        heading = "document.querySelector('.workspace-head h1').innerText"
        desk.until(f"{heading} === '{late.number}'")
        desk.until("document.title.startsWith('(2)')")  # those two are still to be looked at
        assert other.evaluate("document.hidden")
