"""Somebody who has a keyboard and no mouse, and looks where the focus is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.test_looks import faults, fits

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST = 90
"""Controls of one page, at most."""

FOCUSED = """
() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const style = getComputedStyle(at);
  const named = at.getAttribute("aria-labelledby");
  const label = at.labels?.[0]?.cloneNode(true);
  label?.querySelectorAll("input, select, textarea, p").forEach((each) => each.remove());
  const name = at.ariaLabel || (named && document.getElementById(named)?.innerText)
    || label?.textContent || at.innerText || at.placeholder || at.title || at.tagName;
  // What comes in above it may have moved it out of sight since it was gone to.
  at.scrollIntoView({ block: "nearest", inline: "nearest" });
  const box = at.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const there = document.elementFromPoint(x, y);
  return {
    name: name.trim().replace(/\\s+/g, " "),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
    seen: [at, at.labels?.[0]].some((each) => each?.contains(there) || there?.contains(each)),
    region: at.getAttribute("role") === "region",
    order: [...document.querySelectorAll("*")].indexOf(at),
  };
}
"""


class Keyboard:
    """Reaches everything of a page by Tab, and complains about what cannot be seen on the way."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def here(self) -> dict[str, Any] | None:
        """What has the focus; None: nothing has."""
        found: dict[str, Any] | None = self.page.evaluate(FOCUSED)
        return found

    def to(self, name: str) -> None:
        """Tab to the control of that name."""
        seen = []
        for _ in range(MOST):
            self.page.keyboard.press("Tab")
            here = self.here()
            if here is None:
                continue  # behind the last one the browser's own controls come
            seen.append(here["name"])
            if name == here["name"] and not here["region"]:
                assert here["ring"], f"{name!r} has the focus, and nothing shows it"
                assert here["seen"], f"{name!r} has the focus under something else"
                return
        raise AssertionError(f"no way to {name!r} by keyboard, only to {seen}")

    def press(self, name: str, key: str = "Enter") -> None:
        """Press a button, follow a link, tick a box."""
        self.to(name)
        self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.page.keyboard.type(text)

    def say(self, field: str, text: str) -> None:
        """Write a line of chat."""
        self.to(field)
        self.write(text)
        self.page.keyboard.press("Enter")

    def kept(self) -> str:
        """What has the focus now: something must, also when what had it is gone."""
        here = self.here()
        assert here is not None, "the focus is lost: a keyboard begins at the top again"
        return str(here["name"])

    def walk(self) -> list[str]:
        """Tab once round the page: all is in sight, in the page's order, and there is a way out."""
        start: dict[str, Any] | None = None
        last = -1
        names: list[str] = []
        for _ in range(MOST):
            self.page.keyboard.press("Tab")
            here = self.here()
            if here is None or (start is not None and here["order"] == start["order"]):
                if start is None:
                    last = -1
                    continue
                return names
            start = start or here
            if here["order"] < last:  # round the end, in a browser without controls of its own
                return names
            last = here["order"]
            names.append(here["name"])
            assert here["ring"], f"{here['name']!r} has the focus, and nothing shows it"
            assert here["seen"], f"{here['name']!r} has the focus under something else"
        raise AssertionError(f"no way round the page: {names}")


def looks_right(page: Page) -> None:
    """A state of a page is for everybody: no fault that axe knows, and none at twice the size."""
    found = faults(page)
    assert not found, f"{page.url}: {found}"
    size = page.viewport_size
    assert size is not None
    assert fits(page, size["width"]), f"{page.url} is wider than {size['width']} px"
    half = 640 if size["width"] > 640 else 320
    page.set_viewport_size({"width": half, "height": 512})
    assert fits(page, half), f"{page.url} is wider than {half} px"
    Keyboard(page).walk()
    page.set_viewport_size(size)
