"""The five ways into a session from end to end: two people, two browsers, keyboards alone.

Told in English by a caller with a phone's width and an agent at a desktop, beside a real Asterisk;
in Chinese by a caller at a desktop and an agent with the narrow window, in the dark, beside a
simulated FreeSWITCH and the one that is named. At each state the page is looked at by axe, at its
own size and at twice its size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect

from connectors.simulator.script import HangUp, Press, Until, Wait
from tests.behaviour.conftest import PBXS
from tests.behaviour.world import ANSWERS
from tests.browser.conftest import People
from tests.browser.flows import (
    AGENT,
    EN,
    ZH,
    Person,
    Site,
    Stage,
    agrees,
    chat,
    joins_by_word,
    wraps_up,
)
from tests.browser.telephony import Telephony
from tests.e2e.world import uri

if TYPE_CHECKING:
    from collections.abc import Iterator

TOLD = [name for name in PBXS if name != "asterisk-sim"]
"""A real Asterisk is always to be had."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def telephony(
    request: pytest.FixtureRequest,
    site: Site,
    web_built: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Telephony]:
    with Telephony(request.param, tmp_path_factory.mktemp("flows"), site.origin) as telephony:
        telephony.do(telephony.tandem.add_agent(AGENT))
        site.posts_to(telephony.url, telephony.pbx.support.replace("support", "solo"))
        yield telephony


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, browser: Browser, telephony: Telephony
) -> Iterator[Stage]:
    telephony.quiet()
    people = People(browser, telephony)
    if "freeswitch" in request.node.callspec.params["telephony"]:
        yield Stage(telephony, people, ZH, "zh-CN", (1280, 800), (360, 740), dock=True, dark=True)
    else:
        yield Stage(telephony, people, EN, "en-GB", (390, 844), (1280, 800))
    people.close()
    telephony.quiet()
    assert people.complaints == []


def place(stage: Stage, number: str, *steps: Any) -> Any:
    """A telephone calls, agent1 answers, the two talk; gives the call."""
    beside = stage.telephony

    async def placed() -> Any:
        call = await beside.tandem.place(number, agent1=ANSWERS)
        await call.do(Until("talking", AGENT), *steps)
        return call

    return beside.do(placed())


def does(stage: Stage, call: Any, *steps: Any) -> None:
    stage.telephony.do(call.do(*steps))


def ends_at_the_desk(user: Person, agent: Person) -> None:
    """The agent ends the session; the user is told, and may take a copy along."""
    agent.details()
    agent.press("end")
    expect(agent.page.locator("dialog[open]")).to_be_visible()
    agent.press("end")
    user.sees("h1", user.words["over"])
    user.sees(".ended .card", user.words["agent ended"])
    user.keys.kept()
    user.looks_right()
    wraps_up(agent)


@pytest.mark.parametrize("telephony", TOLD, indirect=True)
def test_1_a_caller_opens_the_link_that_came_to_their_telephone(stage: Stage) -> None:
    agent = stage.agent().looks_right()
    before = len(stage.telephony.pbx.texts("caller"))
    place(stage, "chat-solo")
    agent.sees(".workspace-head h1", "caller")
    user = stage.user(stage.telephony.texted("caller", before))
    joins_by_word(user, agent)
    chat(user, agent)
    user.looks_right()
    agent.looks_right()
    ends_at_the_desk(user, agent)


@pytest.mark.parametrize("telephony", TOLD, indirect=True)
def test_2_a_page_posts_a_call_and_it_becomes_a_telephone_call(stage: Stage, site: Site) -> None:
    agent = stage.agent()
    first, second = stage.user(site.origin), stage.user(site.origin)
    for place_in_line, user in enumerate((first, second), 1):
        user.keys.press("Talk to us here")
        user.page.wait_for_url(f"{stage.telephony.url}/join*")
        user.press("join")
        user.sees("[data-place]", str(place_in_line))
        user.sees(".strip", user.words["in line"])
    second.looks_right()
    first.press("leave the line")
    first.looks_right()
    first.press("leave")
    first.sees(".ended .card", first.words["left line"])
    first.keys.kept()
    second.sees("[data-place]", "1")
    stage.telephony.answers(AGENT)
    second.sees(".strip", second.words["both here"])
    chat(second, agent)

    stage.telephony.answers("phone1")
    stage.telephony.do(stage.telephony.pbx.hang_up(AGENT))
    agent.sees(".strip", agent.words["phone free"])
    second.press("by phone")
    second.looks_right()
    second.keys.to(second.words["number"])
    second.keys.write(uri("phone1").removeprefix("sip:"))
    second.press("call me")
    expect(second.page.locator("dialog[open]")).to_have_count(0)
    second.keys.kept()
    second.sees("main", second.words["talking"])
    agent.details()
    agent.sees(".voice", agent.words["talking too"])
    stage.telephony.do(stage.telephony.pbx.hang_up("phone1"))
    second.sees("h1", second.words["over"])
    wraps_up(agent)


@pytest.mark.parametrize("telephony", TOLD, indirect=True)
def test_3_a_code_in_a_call_leads_in_either_direction(stage: Stage) -> None:
    agent = stage.agent()
    user = stage.user("/")
    user.page.locator("h1").wait_for()
    user.press("show a code")
    code = shown(user)
    user.looks_right()
    call = place(stage, AGENT, Press("caller", "*29"), Wait(0.7), Press("caller", code))
    user.page.wait_for_url("**/s/*")
    user.page.locator("#message").wait_for()
    user.keys.kept()
    agrees(user)
    chat(user, agent)
    does(stage, call, HangUp())
    user.sees(".ended .card", user.words["hung up"])
    wraps_up(agent)

    call = place(stage, AGENT, Press(AGENT, "*24"))
    agent.sees(".workspace-head h1", "caller")
    agent.details()
    agent.press("give")
    code = shown(agent)
    agent.looks_right()
    typing = stage.user("/")
    typing.page.locator("h1").wait_for()
    typing.keys.to(typing.words["your code"])
    typing.keys.write(code)
    typing.page.keyboard.press("Enter")
    typing.page.wait_for_url("**/s/*")
    agrees(typing)
    chat(typing, agent)
    does(stage, call, HangUp(AGENT))
    typing.sees(".ended .card", typing.words["hung up"])
    wraps_up(agent)


@pytest.mark.parametrize("telephony", TOLD, indirect=True)
def test_4_the_agent_opens_a_session_in_a_standing_call(stage: Stage) -> None:
    agent = stage.agent()
    before = len(stage.telephony.pbx.texts("caller"))
    call = place(stage, AGENT)
    agent.sees(".standing", "caller")
    agent.looks_right()
    agent.press("start")
    agent.sees(".workspace-head h1", "caller")
    expect(agent.page.locator(".workspace-head h1")).to_be_focused()
    user = stage.user(stage.telephony.texted("caller", before))
    joins_by_word(user, agent)
    chat(user, agent)
    does(stage, call, HangUp())
    user.sees(".ended .card", user.words["hung up"])
    wraps_up(agent)


@pytest.mark.parametrize("telephony", TOLD, indirect=True)
def test_5_the_agent_invites_and_has_both_telephones_called(stage: Stage) -> None:
    agent = stage.agent()
    before = len(stage.telephony.pbx.texts("phone1"))
    stage.telephony.answers(AGENT, "phone1")
    agent.press("invite")
    expect(agent.page.locator("dialog[open] [name=address]")).to_be_focused()
    agent.keys.write(uri("phone1"))
    agent.press("call too", "Space")
    agent.looks_right()
    agent.keys.to(agent.words["address"])
    agent.page.keyboard.press("Enter")
    agent.sees(".workspace-head h1", "phone1")
    agent.keys.kept()
    agent.details()
    agent.sees("[data-way=dial]", agent.words["call up"])
    user = stage.user(stage.telephony.texted("phone1", before))
    joins_by_word(user, agent)
    chat(user, agent)
    stage.telephony.do(stage.telephony.pbx.hang_up("phone1"))
    user.sees(".ended .card", user.words["hung up"])
    wraps_up(agent)


def shown(person: Person) -> str:
    """The six digits on a page, as a screen reader says them."""
    said = person.page.locator(".code-shown .hidden")
    expect(said).to_have_text(re.compile(r"(\d ){5}\d"))
    return said.inner_text().replace(" ", "")
