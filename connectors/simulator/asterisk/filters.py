"""Event filters: ``eventfilter`` lines of manager.conf and the Filter action, both forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

METHODS = ("regex", "exact", "starts_with", "ends_with", "contains", "none")


class FilterError(ValueError):
    """A filter that Asterisk refuses; the text is its answer."""


BAD_PATTERN = "Filter did not compile.  Check the syntax of the filter given."
BAD_FORM = "Filter was formatted incorrectly.  Check the syntax of the filter given."


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter. The legacy form is a regular expression over the whole event."""

    include: bool
    name: str = ""
    """Event it is about; empty: any."""
    header: str = ""
    """Header whose value is matched; empty: the whole event."""
    method: str = "regex"
    value: str = ""
    pattern: re.Pattern[str] | None = None

    @staticmethod
    def parse(criteria: str, value: str) -> EventFilter:
        """A filter from ``action(include),name(X),…`` (empty: legacy form) and its value.

        Raises FilterError with the words Asterisk answers.
        """
        include, name, header, method = True, "", "", ""
        if not criteria.strip():
            if value.startswith("!"):
                include, value = False, value[1:]
            method = "regex"
        for key, inner in _criteria(criteria):
            if key == "action" and inner in ("include", "exclude"):
                include = inner == "include"
            elif key == "name":
                name = inner
            elif key == "header":
                header = inner
            elif key == "method" and inner in METHODS:
                method = inner
            else:
                raise FilterError(BAD_FORM)
        method = method or "none"
        if (method == "none") is bool(value) or not (value or name or header):
            raise FilterError(BAD_FORM)
        pattern = None
        if method == "regex":
            try:
                pattern = re.compile(value)
            except re.error:
                raise FilterError(BAD_PATTERN) from None
        return EventFilter(include, name, header, method, value, pattern)

    def matches(self, name: str, text: str) -> bool:
        """Whether it is about this event."""
        if self.name and self.name != name:
            return False
        if self.method == "none":
            return True
        subject = text
        if self.header:
            found = re.search(f"^{re.escape(self.header)}: (.*?)\r$", text, re.MULTILINE)
            if found is None:
                return False
            subject = found[1]
        if self.pattern is not None:
            return self.pattern.search(subject) is not None
        return {
            "exact": subject == self.value,
            "starts_with": subject.startswith(self.value),
            "ends_with": subject.endswith(self.value),
            "contains": self.value in subject,
        }[self.method]


def _criteria(text: str) -> Iterable[tuple[str, str]]:
    if not text.strip():
        return
    rest = text.strip()
    while rest:
        match = re.match(r"(\w+)\(([^()]*)\)\s*,?\s*", rest)
        if match is None:
            raise FilterError(BAD_FORM)
        yield match[1], match[2]
        rest = rest[match.end() :]


class FilterSet:
    """All filters of a session: let in what an include matches and no exclude does."""

    def __init__(self, filters: Iterable[EventFilter] = ()) -> None:
        self._filters = list(filters)
        self._sort()

    def add(self, new: EventFilter) -> None:
        """One more."""
        self._filters.append(new)
        self._sort()

    def _sort(self) -> None:
        self._includes = [each for each in self._filters if each.include]
        self._excludes = [each for each in self._filters if not each.include]

    def may_pass(self, name: str) -> bool:
        """Whether an event of this name could pass; says no without looking at its content."""
        if any(each.name == name and each.method == "none" for each in self._excludes):
            return False
        return not self._includes or any(each.name in ("", name) for each in self._includes)

    def passes(self, name: str, data: bytes) -> bool:
        """Whether this event passes."""
        if not self._filters:
            return True
        if self._includes and any(
            each.name == name and each.method == "none" for each in self._includes
        ):
            included, text = True, ""
        else:
            text = data.decode("utf-8", "surrogateescape")
            included = not self._includes or any(m.matches(name, text) for m in self._includes)
        if not included:
            return False
        if not self._excludes:
            return True
        text = text or data.decode("utf-8", "surrogateescape")
        return not any(each.matches(name, text) for each in self._excludes)
