"""What an API command gets, and answers that many of them share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..calls import PlacedCall
    from ..channel import Channel
    from ..pbx import FreeSwitch

OK = "+OK\n"
NO_CHANNEL = "-ERR No such channel!\n"


@dataclass(frozen=True, slots=True)
class Request:
    """A command's argument, as one text."""

    pbx: FreeSwitch
    text: str
    call: PlacedCall | None = None

    @property
    def words(self) -> list[str]:
        """The argument split at spaces; quoted words stay together."""
        return split(self.text)

    def channel(self, uuid: str) -> Channel | None:
        """A standing channel."""
        return self.pbx.channels.get(uuid)


Command = Callable[[Request], Awaitable[str]]


def split(text: str) -> list[str]:
    """Words of a command line; single quotes keep spaces."""
    words, word, quoted, any_word = [], "", False, False
    for char in text:
        if char == "'":
            quoted = not quoted
            any_word = True
        elif char == " " and not quoted:
            if any_word:
                words.append(word)
            word, any_word = "", False
        else:
            word += char
            any_word = True
    return [*words, word] if any_word else words
