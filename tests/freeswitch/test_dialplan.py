"""The dialplan for FreeSWITCH: what it says, and what it made of hostile calls on a real one.

The streams in ``captures/freeswitch-1.11/attacks`` were recorded with this very dialplan; each
``.txt`` says what the caller sent.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from connectors import marks, model
from connectors.freeswitch.connection import OWN_EVENTS
from connectors.freeswitch.dialplan import COLLAB_XML
from connectors.freeswitch.events import Decoder, subscription
from connectors.freeswitch.menu import guard
from connectors.freeswitch.placingcheck import COMMANDS
from connectors.model import COLLAB_TYPES, LegDown, LegRole, LegUp, Marked, PbxEvent
from tests.freeswitch.captured import FOLDER, decode, events, stream

DIALPLAN = Path(__file__).parent.parent.parent / "dialplan" / "freeswitch"
ATTACKS = sorted(path.stem for path in (FOLDER / "attacks").glob("*.esl"))
WORD = re.compile(r"[A-Za-z0-9_-]{0,32}")
ENCODED = re.compile(r"(?:[A-Za-z0-9._~!*()/-]|%[2-689A-F][0-9A-F]|%7[0-9A-E]){0,300}")
COLLAB = {
    "Collab-Feature": re.compile("0"),
    "Collab-Type": WORD,
    "Collab-User-URI": ENCODED,
    "Collab-Header-Type": WORD,
    "Collab-Header-User-URI": ENCODED,
}
"""Every header a mark may have, and what may stand in it."""

UNMARKED = {"type_context_switch"}
"""The administrator's own mistake, which collab.xml warns of, led past the context collab."""


def context() -> ElementTree.Element:
    root = ElementTree.parse(DIALPLAN / "collab.xml").getroot()  # noqa: S314 - our own file
    (only,) = root.findall("context")
    assert only.get("name") == "collab"
    return only


def conditions(extension: str) -> list[ElementTree.Element]:
    return context().findall(f"extension[@name='{extension}']/condition")


def announcements() -> list[str]:
    return [action.get("data", "") for action in context().iter("action")
            if action.get("application") == "event"]  # fmt: skip


def attack(name: str) -> list[PbxEvent]:
    return decode(stream(f"attacks/{name}"))


# --- what it says


def test_the_file_says_which_version_it_is() -> None:
    """Where this fails: whatever it is counted to belongs into collab.xml and `COLLAB_XML`."""
    said = "".join(f"{each.tag}{sorted(each.attrib.items())}\n" for each in context().iter())
    counted = hashlib.sha256(said.encode()).hexdigest()[:8]
    written = re.search(r'data="collab_xml=(\w+)"', (DIALPLAN / "collab.xml").read_text())
    assert (written and written[1], COLLAB_XML) == (counted, counted)


@pytest.mark.parametrize(
    "name", ["collab.xml", "callcenter.conf.xml", "event_socket.conf.xml", "directory.xml"]
)
def test_it_is_xml_that_freeswitch_reads_as_well(name: str) -> None:
    """FreeSWITCH drops a line with <include> on it whole, and expands $${} in comments too."""
    text = (DIALPLAN / name).read_text()
    ElementTree.fromstring(text)  # noqa: S314 - our own file
    assert not re.search(r"<include>[^\n]|[^\n ]</include>", text)
    # It reads those in comments too, and drops the whole line.
    own = r'\n *<X-PRE-PROCESS cmd="set" data="collab_xml=\w+"/>\n'
    assert "X-PRE-PROCESS" not in re.sub(own, "\n", text)
    assert not any("$${" in comment for comment in re.findall(r"<!--.*?-->", text, re.DOTALL))


@pytest.mark.parametrize("kind", COLLAB_TYPES)
def test_each_type_has_its_extension(kind: str) -> None:
    first, _any, named, *_ = conditions("collab_request")
    assert re.search(first.get("expression", ""), f"collab_request_{kind}")
    found = re.search(named.get("expression", ""), f"collab_request_{kind}")
    assert found is not None
    assert found.group(1) == kind


@pytest.mark.parametrize("junk", ["form;x", "form,x", "form'", "a b", "${x}", "x" * 33, "", "é"])
def test_a_type_that_is_no_word_is_unreadable(junk: str) -> None:
    first, some, named, *_ = conditions("collab_request")
    assert re.search(first.get("expression", ""), f"collab_request_{junk}")
    assert re.search(some.get("expression", ""), f"collab_request_{junk}")
    assert not re.search(named.get("expression", ""), f"collab_request_{junk}")
    assert 'set" data="collab_type=unreadable"' in ElementTree.tostring(some, "unicode")


def test_only_values_that_matched_reach_the_event() -> None:
    """`event` splits its argument at commas and takes quotes and backslashes for its own."""
    checked = {"collab_type"}
    for condition in conditions("collab_request"):
        expression = condition.get("expression", "")
        for action in condition:
            name, _, value = action.get("data", "").partition("=")
            if value != "$1":
                continue
            checked.add(name)
            tried = {c: re.search(expression, c) for c in map(chr, range(256))}
            allowed = {c for c, found in tried.items() if found and found.group(1) == c}
            if name != "collab_type":
                assert allowed >= set("abcXYZ019-_")
            assert not allowed & set(",'\"\\${}=;:|^\r\n\0 ")
    used = {name for data in announcements() for name in re.findall(r"\$\{([^}]*)\}", data)}
    assert used == checked
    assert used == {"collab_type", "collab_user_uri", "collab_header_type",
                    "collab_header_user_uri"}  # fmt: skip


@pytest.mark.parametrize("uri", ["sip%3Aalice%40example.org", "tel%3A%2B4930%281%29", "a.b~c!*()/"])
def test_an_encoded_uri_passes(uri: str) -> None:
    for condition in conditions("collab_request"):
        if "url_encode" in condition.get("field", ""):
            assert re.search(condition.get("expression", ""), uri)


@pytest.mark.parametrize(
    "uri", ["a,b", "a'b", "$1", "a%0Ab", "a%0D%0Ab", "%00", "%7F", "%4", "%zz"]
)
def test_what_url_encode_leaves_dangerous_does_not_pass(uri: str) -> None:
    for condition in conditions("collab_request"):
        if "url_encode" in condition.get("field", ""):
            assert not re.search(condition.get("expression", ""), uri)


MENU = {"collab_menu", "collab_onward"}
"""Extensions whose business is to lead a call elsewhere."""
PAIRING = {
    "collab_pair", "collab_feature_pair", "collab_pair_try", "collab_pair_code",
    "collab_pair_said", "collab_give_code", "collab_say_code", "collab_wait",
}  # fmt: skip
"""Extensions that ask the caller something, or say it."""


def test_marking_runs_nothing_that_answers_delays_or_ends_a_call() -> None:
    others = MENU | PAIRING
    marking = [extension for extension in context() if extension.get("name") not in others]
    applications = {
        action.get("application")
        for extension in marking
        for kind in ("action", "anti-action")
        for action in extension.iter(kind)
    }
    assert applications == {"set", "event", "execute_extension", "bind_digit_action"}


# --- the menu


def actions(extension: str) -> list[tuple[str, str]]:
    return [
        (action.get("application", ""), action.get("data", ""))
        for condition in conditions(extension)
        for action in condition.iter("action")
    ]


@pytest.mark.parametrize("name", ["support", "a-b_9", "x" * 32])
def test_each_menu_has_its_extension(name: str) -> None:
    first = conditions("collab_menu")[0].get("expression", "")
    found = re.search(first, f"collab_menu_{name}")
    assert found is not None
    assert found.group(1) == name
    assert not re.search(
        conditions("collab_request")[0].get("expression", ""), f"collab_menu_{name}"
    )


@pytest.mark.parametrize("name", ["", "x" * 33, "a b", "a;b", "${x}", "a\nb"])
def test_what_is_no_menus_name_has_none(name: str) -> None:
    assert not re.search(conditions("collab_menu")[0].get("expression", ""), f"collab_menu_{name}")


def test_a_call_is_handed_over_under_guard_and_to_this_machine_only() -> None:
    later, group = "${sched_api(+", "collab_menu-${uuid}"
    onward = "uuid_transfer ${uuid} collab_onward XML collab)}"
    assert actions("collab_menu") == [
        ("set", "collab_menu=$1"),
        ("set", "collab_menu_guard="),
        ("set", "collab_menu_over="),
        ("set", f"collab_menu_guard={later}2 {group} uuid_setvar ${{uuid}} socket_resume)}}"),
        ("set", f"collab_menu_guard={later}4 {group} {onward}"),
        ("set", "socket_resume=true"),
        ("socket", "127.0.0.1:8084 async full"),
        ("unset", "socket_resume"),
        ("set", f"collab_menu_guard=${{sched_del({group})}}"),
        ("unset", "collab_menu_guard"),
    ]  # fmt: skip
    handed = conditions("collab_menu")[3]
    assert (handed.get("field"), handed.get("expression")) == ("${collab_menu_guard}", r"^\+OK")
    for condition in conditions("collab_menu")[:3]:
        for action in condition.findall("action"):
            assert action.get("inline") == "true", "the guard stands before it is asked for"


def test_the_guard_is_the_one_that_the_connector_puts_off() -> None:
    ours = [command.removeprefix("api ") for command in guard("${uuid}")]
    written = [data for _, data in actions("collab_menu") if "sched_" in data]
    done = [data.partition("=")[2].strip("${}").replace("(", " ", 1).removesuffix(")")
            for data in written]  # fmt: skip
    as_ours = [re.sub(r"\+\d", "+N", each) for each in done]
    assert sorted(as_ours) == sorted(re.sub(r"\+\d", "+N", each) for each in ours)


@pytest.mark.parametrize(
    ("then", "queue", "handed"),
    [
        ("", "support@default", True),
        ("7001 XML default", "", True),
        ("+49_x*. XML a.b-c", "support@default", True),
        ("", "", False),
        ("", "a b", False),
        ("", "a,b", False),
        ("", "${system(id)}", False),
        ("7001", "support@default", False),
        ("7001 lua default", "support@default", False),
        ("7001 XML default x", "support@default", False),
        ("70'01 XML default", "support@default", False),
    ],
)
def test_only_a_call_that_can_go_on_by_itself_is_handed_over(
    then: str, queue: str, handed: bool
) -> None:
    """What is in the guard's way would leave the caller of a connector that hangs in silence."""
    way = conditions("collab_menu")[2]
    assert way.get("field") == "${collab_then}|${collab_queue}"
    assert bool(re.search(way.get("expression", ""), f"{then}|{queue}")) is handed
    (told,) = way.findall("anti-action")
    assert told.get("application") == "log"
    _, onward = conditions("collab_onward")
    if handed:
        assert bool(re.search(onward.get("expression", ""), then)) is bool(then)


def test_the_guard_leads_to_the_queue_or_where_the_administrator_says() -> None:
    first, onward = conditions("collab_onward")
    assert first.get("expression") == "^collab_onward$"
    assert onward.get("field") == "${collab_then}"
    over, there = onward.findall("action")
    (without,) = onward.findall("anti-action")
    assert (over.get("application"), over.get("data")) == ("set", "collab_menu_over=true")
    assert (there.get("application"), there.get("data")) == ("transfer", "${collab_then}")
    assert (without.get("application"), without.get("data")) == ("callcenter", "${collab_queue}")


def test_a_menu_that_the_guard_ended_is_passed_by_once() -> None:
    """Else a connector that hangs would have the caller come by again every four seconds."""
    over = conditions("collab_menu")[1]
    assert (over.get("field"), over.get("expression")) == ("${collab_menu_over}", "^true$")
    assert over.get("break") == "on-true"


# --- pairing codes


def test_only_six_digits_reach_the_event_and_the_voice() -> None:
    for extension, field in (("collab_pair_code", "${collab_code}"),
                             ("collab_say_code", "${collab_answer}")):  # fmt: skip
        _, only = conditions(extension)
        assert (only.get("field"), only.get("expression")) == (field, "^([0-9]{6})$")
        used = [data for _, data in actions(extension) if "$1" in data]
        assert used, "and it is what matched that is used"
        assert not [data for _, data in actions(extension) if field in data]


def test_the_wait_for_an_answer_is_bounded_and_ends_with_it() -> None:
    _, unanswered = conditions("collab_wait")
    assert (unanswered.get("field"), unanswered.get("expression")) == ("${collab_answer}", "^$")
    waits = [each for each in context().iter("action")
             if each.get("data") == "collab_wait XML collab"]  # fmt: skip
    assert len(waits) == 2
    for each in waits:
        assert int(each.get("loop", "1")) * 0.25 == 4.0
    assert actions("collab_wait") == [("sleep", "250")]


# --- codes, invitations, samples


def test_each_code_is_heard_from_either_side_and_announces_who_pressed_it() -> None:
    bound = [action.get("data", "").split(",") for condition in conditions("collab_features")
             for action in condition
             if action.get("application") == "bind_digit_action"]  # fmt: skip
    kinds = {"*22": "form", "*23": "cobrowse", "*24": "chat", "*29": "pair"}
    assert sorted(bound) == sorted(
        ["collab", digits, "exec[H]:execute_extension", f"collab_feature_{kind} XML collab", s, s]
        for digits, kind in kinds.items()
        for s in ("self", "peer")
    )
    (feature,), (pair,) = conditions("collab_feature"), conditions("collab_feature_pair")
    for kind in kinds.values():
        there = pair if kind == "pair" else feature
        assert re.search(there.get("expression", ""), f"collab_feature_{kind}")


def test_every_marked_call_is_armed() -> None:
    *_, last = conditions("collab_request")
    assert [action.get("data") for action in last][-1] == "collab_features XML collab"


def test_the_samples_have_no_secret_and_stay_on_loopback() -> None:
    root = ElementTree.parse(DIALPLAN / "event_socket.conf.xml").getroot()  # noqa: S314
    params = {param.get("name"): param.get("value") for param in root.iter("param")}
    assert params["password"] == ""
    assert params["listen-ip"] == "127.0.0.1"
    assert params["apply-inbound-acl"] == "loopback.auto"


def test_the_sample_log_in_may_all_that_the_connector_needs_and_no_more() -> None:
    params = log_in("tandem")
    assert params["esl-password"] == ""
    assert params["esl-allowed-log"] == "false"
    wanted = subscription(*OWN_EVENTS).removeprefix("event json ").split()
    assert sorted(params["esl-allowed-events"].split()) == sorted(wanted)
    allowed = set(params["esl-allowed-api"].split())
    assert allowed >= {"show", "uuid_dump", "uuid_exists", "callcenter_config", "chat"}
    dangerous = {"bgapi", "eval", "expand", "system", "bg_system", "originate", "uuid_kill"}
    assert not allowed & (dangerous | {"xml_locate", "sched_api", "fsctl", "lua", "reload"})


def test_the_log_in_that_places_calls_may_just_that_besides() -> None:
    least, more = log_in("tandem"), log_in("placing")
    apis = least.pop("esl-allowed-api"), more.pop("esl-allowed-api")
    assert least == more
    besides = {"originate", "uuid_transfer", "uuid_kill", "sched_del", "hash", "fifo"}
    assert set(apis[1].split()) == set(apis[0].split()) | besides
    assert besides == {*COMMANDS, "hash", "fifo"}


def log_in(user: str) -> dict[str, str]:
    root = ElementTree.parse(DIALPLAN / "directory.xml").getroot()  # noqa: S314 - our own file
    (found,) = [each for each in root.iter("user") if each.get("id") == user]
    return {param.get("name", ""): param.get("value", "") for param in found.iter("param")}


# --- what it made of hostile calls


def test_the_honest_call_is_what_it_was_marked() -> None:
    for name in ("honest", "honest_plain"):
        up, marked, down = attack(name)
        assert isinstance(up, LegUp)
        assert isinstance(marked, Marked)
        assert isinstance(down, LegDown)
        assert marked == Marked(up.leg, "chat", "", False, "form", "sip:bob@example.org")


@pytest.mark.parametrize("name", ATTACKS)
def test_no_caller_adds_a_header_or_an_event(name: str) -> None:
    found = [event for event in events(stream(f"attacks/{name}")) if event.name == "CUSTOM"
             and event.subclass == "collab::request"]  # fmt: skip
    assert len(found) == (0 if name in UNMARKED else 1)
    honest = set(events(stream("attacks/honest"))[1].headers)
    for event in found:
        said = {header: value for header, value in event.headers.items() if "ollab-" in header
                and not header.startswith("variable_")}  # fmt: skip
        assert said.keys() <= COLLAB.keys()
        if not name.endswith("_plain"):  # where FreeSWITCH leaves a second decoding to the client
            assert all(COLLAB[header].fullmatch(value) for header, value in said.items())
        assert said["Collab-Feature"] == "0"
        own = {header for header in event.headers if not header.startswith("variable_")}
        assert own - honest <= COLLAB.keys()
        assert not [header for header in event.repeated if not header.startswith("variable_")]


@pytest.mark.parametrize("name", ATTACKS)
def test_no_caller_chooses_another_call_type_or_endpoint(name: str) -> None:
    decoder = Decoder()
    decoded = decode(stream(f"attacks/{name}"), decoder)
    assert not decoder.refused
    caller = next(event for event in decoded if isinstance(event, LegUp))
    assert (caller.endpoint, caller.role) == ("external/4915", LegRole.INBOUND)
    assert caller.name == "sofia/external/4915@127.0.0.1"
    for event in decoded:
        if not isinstance(event, Marked):
            continue
        mark = marks.read(event, caller.endpoint, trusted=False)
        assert event.leg == caller.leg
        if name.startswith("type_"):
            assert mark.type is None
            assert mark.why
        else:
            assert mark.type == ("form" if name in ("digits", "member_name") else "chat")
        # What could be no more than a label anyway is no URI either.
        assert mark.user_uri is None


@pytest.mark.parametrize("name", ATTACKS)
def test_every_call_ends_as_it_would_have_ended(name: str) -> None:
    """By the dialplan's own hang-up 0.7 s after it answered, or by the caller's BYE."""
    decoded = attack(name)
    caller = next(event for event in decoded if isinstance(event, LegUp))
    (down,) = [event for event in decoded if isinstance(event, LegDown) and event.leg == caller.leg]
    assert down.cause == "NORMAL_CLEARING"


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_a_caller_sent_was_expanded(name: str) -> None:
    assert b"GLOBAL-CANARY" not in stream(f"attacks/{name}")


def test_a_header_that_holds_an_expansion_is_gone_and_a_name_is_defused() -> None:
    (marked,) = [event for event in attack("header_api_system") if isinstance(event, Marked)]
    assert (marked.header_type, marked.header_user_uri) == ("", "")
    (marked,) = [event for event in attack("name_api_system") if isinstance(event, Marked)]
    assert marked.user_uri.startswith("sip:%{system(touch")


def test_a_type_outside_the_list_or_none_says_why() -> None:
    why = {}
    for name in ("type_nonsense", "type_none", "type_comma_event"):
        (marked,) = [event for event in attack(name) if isinstance(event, Marked)]
        why[name] = marks.read(marked, "external/4915", trusted=False).why
    assert why["type_none"] == "no collaboration type was given"
    assert why["type_nonsense"].startswith("'nonsense' is not a collaboration type")
    assert why["type_comma_event"].startswith("'unreadable' is not a collaboration type")


def test_a_half_code_or_a_hostile_digit_presses_no_code() -> None:
    assert not [event for event in attack("digits") if isinstance(event, Marked) and event.feature]
    assert model.Marked in {type(event) for event in attack("digits")}
