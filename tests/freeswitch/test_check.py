from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.freeswitch import check
from connectors.freeswitch.dialplan import COLLAB_XML
from connectors.freeswitch.placingcheck import COMMANDS
from connectors.runtime.checkup import check_pbx_and_server
from connectors.runtime.driver import Finding
from tests.freeswitch.captured import stream
from tests.freeswitch.esl_double import EslDouble, event, notice, reply
from tests.runtime.server_double import ServerDouble
from tests.runtime.settings_for import settings_for

Both = tuple[EslDouble, ServerDouble]

DIALPLAN = Path(__file__).parent.parent.parent / "dialplan" / "freeswitch"
OURS = (DIALPLAN / "collab.xml").read_text().partition("<include>")[2].partition("</include>")[0]
NOWHERE = "can't find anything\n"
LOCATE = "xml_locate configuration configuration name"
AGENT_NAMES = "name|instance_id|uuid|type|contact|status|state"
WANG = "1001@default|single_box||callback|[leg_timeout=6]user/1001@default|Available|Waiting"

OLD = "dialplan: the collab.xml that is loaded is not this version's"


def dialplan(*contexts: str, default: str = "") -> str:
    marked = f'<extension name="q"><condition>{default}</condition></extension>'
    inside = "".join([*contexts, f'<context name="default">{marked}</context>'])
    return f'<section name="dialplan">{inside}</section>'


def marks(kind: str = "form") -> str:
    data = f"collab_request_{kind} XML collab"
    return f'<action application="execute_extension" data="{data}"></action>'


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with EslDouble() as pbx, ServerDouble() as server:
        pbx.answers |= {
            "version": "FreeSWITCH Version 1.11.0-release~64bit ( 64bit)\n",
            "show channels count as json": '{"row_count":0,"rows":[]}',
            "uuid_dump": "-ERR No such channel!\n",
            "chat": "Invalid",
            "uuid_send_message": "-USAGE: <uuid> <message>\n",
            "uuid_setvar": "-USAGE: <uuid> <var> [value]\n",
            "eval": "nothing",
            "hash": "-ERR -USAGE: insert|delete|select/realm/key/value\n",
            **dict.fromkeys(COMMANDS, "-USAGE: …\n"),
            "module_exists": "true",
            "xml_locate": NOWHERE,
            f"{LOCATE} event_socket.conf": (DIALPLAN / "event_socket.conf.xml").read_text(),
            "xml_locate dialplan": dialplan(OURS, default=marks()),
            "global_getvar conf_dir": "/etc/freeswitch",
            "global_getvar collab_xml": COLLAB_XML,
            "callcenter_config queue list": "name|strategy\nsupport@default|ring-all\n+OK\n",
            "callcenter_config agent list": f"{AGENT_NAMES}\n{WANG}\n+OK\n",
            "callcenter_config tier list": "queue|agent|state\nsupport@default|1001@default|Ready\n"
            "+OK\n",
            "user_exists": "true",
            "user_data": "{sip_invite_domain=default}${sofia_contact(*/1001@default)}",
            "sofia_contact": "sofia/internal/sip:1001@127.0.0.1:5071",
        }
        yield pbx, server


async def findings(both: Both, **values: Any) -> list[Finding]:
    pbx, server = both
    settings = settings_for(pbx.port, kind="freeswitch", server=server.url, **values)
    return await check_pbx_and_server(settings)


async def wrong(both: Both, **values: Any) -> list[tuple[str, str]]:
    return [(each.text, each.mend) for each in await findings(both, **values) if not each.ok]


async def hint(both: Both, part: str) -> Finding:
    (found,) = [each for each in await findings(both) if part in each.text]
    assert found.ok
    return found


async def test_a_pbx_as_the_samples_set_it_up_is_well(both: Both) -> None:
    texts = [finding.text for finding in await findings(both)]
    assert await wrong(both) == []
    assert "FreeSWITCH 1.11.0-release" in texts
    assert "queue support@default: 1001@default (Available)" in texts
    assert "event socket: only on 127.0.0.1" in texts
    assert any("collab.xml is loaded" in text for text in texts)
    assert any("takes this PBX's key" in text for text in texts)
    assert not [text for text in texts if "no extension marks" in text or "*2" in text]


async def test_it_changes_nothing_on_the_pbx(both: Both) -> None:
    await findings(both)
    asked = {tuple(line.split()[:3]) for line in both[0].asked("api ") + both[0].asked("bgapi ")}
    asked -= {("api", command) for command in COMMANDS}  # without a word behind: how it is used
    changing = {"set", "add", "del", "reload", "originate", "uuid_kill", "reloadxml", "load"}
    assert not [words for words in asked if changing & set(words)]


async def test_a_wrong_password(both: Both) -> None:
    ((text, mend),) = await wrong(both, secret="no")
    assert "the password is refused" in text
    assert mend == (
        'autoload_configs/event_socket.conf.xml: <param name="password" value="the secret of'
        " pbx.hq.secret\"/>; then: fs_cli -x 'reload mod_event_socket'"
    )


async def test_a_list_that_keeps_this_machine_out(both: Both) -> None:
    rude = b"Access Denied, go away.\n"
    both[0].greeting = (
        b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n%b" % (len(rude), rude)
    ) + notice()
    ((_, mend),) = await wrong(both)
    assert "apply-inbound-acl" in mend
    assert "acl.conf.xml" in mend


async def test_events_that_are_refused(both: Both) -> None:
    both[0].refuses = {"event": "-ERR permission denied"}
    ((text, _),) = await wrong(both)
    assert "events are refused" in text


async def test_nobody_on_the_port(both: Both) -> None:
    await both[0].stop()
    ((_, mend),) = await wrong(both)
    assert 'name="listen-ip"' in mend
    assert mend.endswith("or pbx.hq.host and port in tandem.toml")


async def test_tls_is_a_setting_of_ours(both: Both) -> None:
    ((text, mend),) = await wrong(both, tls=True)
    assert "no TLS" in text
    assert mend == "pbx.hq.tls = false in tandem.toml"


@pytest.mark.parametrize("version", ["1.8.7", "1.6.20~64bit", "1.9.0+git"])
async def test_a_freeswitch_that_is_too_old(both: Both, version: str) -> None:
    both[0].answers["version"] = f"FreeSWITCH Version {version} (git d3ff2c5)\n"
    ((text, mend),) = await wrong(both)
    assert text.endswith("is too old")
    assert mend == "FreeSWITCH 1.10 or newer"


@pytest.mark.parametrize("version", ["1.10.12-release+git~2024~x", "1.11.0", "2.0.0-beta"])
async def test_a_freeswitch_that_is_new_enough(both: Both, version: str) -> None:
    both[0].answers["version"] = f"FreeSWITCH Version {version} (git d3ff2c5)\n"
    assert await wrong(both) == []


async def test_a_module_that_is_not_loaded_with_the_line_that_loads_it(both: Both) -> None:
    both[0].answers["module_exists mod_dialplan_xml"] = "false"
    ((text, mend),) = await wrong(both)
    assert text == "mod_dialplan_xml is not loaded: collab.xml is not read"
    assert mend == (
        'autoload_configs/modules.conf.xml: <load module="mod_dialplan_xml"/>; then: fs_cli -x'
        ' "load mod_dialplan_xml"'
    )


async def test_a_command_that_is_not_there_and_one_that_is_not_allowed(both: Both) -> None:
    del both[0].answers["chat"]
    both[0].answers["uuid_dump"] = "-ERR permission denied"
    lines = await wrong(both)
    assert [text for text, _ in lines] == [
        "uuid_dump is not allowed: the marks of standing calls are lost",
        "chat is not there: invitations cannot be sent to telephones",
    ]
    assert 'load module="mod_dptools"' in lines[1][1]


async def test_a_login_that_may_do_anything_is_told_of_one_that_may_less(both: Both) -> None:
    found = await hint(both, "privileges: more than needed")
    assert 'username = "tandem@tandem.invalid"' in found.mend
    both[0].answers["eval"] = "-ERR permission denied"
    texts = [each.text for each in await findings(both, username="tandem@tandem.invalid")]
    assert "privileges: all that is needed" in texts
    assert not [text for text in texts if "more than needed" in text]


async def test_a_login_that_may_not_see_the_dialplan(both: Both) -> None:
    both[0].answers["xml_locate dialplan context name collab"] = "-ERR permission denied"
    assert await wrong(both) == []
    await hint(both, "dialplan: collab.xml is loaded")
    pbx = both[0]
    pbx.answers["global_getvar collab_xml"] = "-ERR no reply\n"
    found = await hint(both, "dialplan: not to be seen with this log-in")
    assert found.mend.startswith("cp dialplan/freeswitch/collab.xml /etc/freeswitch/dialplan/")
    pbx.answers |= {"module_exists mod_lua": "false", "module_exists mod_xml_curl": "false"}
    ((text, mend),) = await wrong(both)
    assert text == "dialplan: collab.xml of this version is not loaded"
    assert mend == found.mend
    pbx.answers["global_getvar collab_xml"] = "0ld"
    ((text, mend),) = await wrong(both)
    assert text == OLD
    assert mend == found.mend


async def test_a_user_of_the_directory_with_a_wrong_password(both: Both) -> None:
    ((text, _),) = await wrong(both, username="tandem@tandem.invalid", secret="no")
    assert "the password is refused" in text
    assert both[0].asked("userauth") == ["userauth tandem@tandem.invalid:no"]
    assert not both[0].asked("auth ")


async def test_no_queues_at_all_is_no_fault(both: Both) -> None:
    for name in ("mod_callcenter", "mod_fifo"):
        both[0].answers[f"module_exists {name}"] = "false"
    for command in ("queue list", "agent list", "tier list"):
        both[0].answers[f"callcenter_config {command}"] = "-ERR Command not found!\n"
    assert await wrong(both) == []
    assert 'load module="mod_callcenter"' in (await hint(both, "no queues")).mend


async def test_events_that_do_not_come(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "EVENT_WAIT", 0.1)
    both[0].holds_jobs = True
    ((text, mend),) = await wrong(both)
    assert text.startswith("events: the result of a background job does not come back")
    assert "reload mod_event_socket" in mend


async def test_vanillas_password_is_wrong_even_where_it_works(both: Both) -> None:
    both[0].secret = "ClueCon"
    ((text, mend),) = await wrong(both, secret="ClueCon")
    assert "everybody knows" in text
    assert "openssl rand -hex 32" in mend


async def test_no_password_is_ever_printed(both: Both) -> None:
    both[0].secret = "a-very-secret-word"
    both[0].answers[f"{LOCATE} event_socket.conf"] = (
        '<configuration><param name="password" value="a-very-secret-word"></param></configuration>'
    )
    for each in await findings(both, secret="a-very-secret-word"):
        assert "a-very-secret-word" not in each.text + each.mend


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - read, not bound
async def test_a_socket_for_everybody(both: Both, address: str) -> None:
    conf = f'<configuration><param name="listen-ip" value="{address}"/></configuration>'
    both[0].answers[f"{LOCATE} event_socket.conf"] = conf
    ((text, mend),) = await wrong(both)
    assert text.startswith(f"event socket: on {address} without a list of who may come")
    assert '<param name="listen-ip" value="127.0.0.1"/>' in mend
    listed = '<param name="apply-inbound-acl" value="connectors"/></configuration>'
    both[0].answers[f"{LOCATE} event_socket.conf"] = conf.replace("</configuration>", listed)
    assert await wrong(both) == []


async def test_a_dialplan_without_our_context(both: Both) -> None:
    both[0].answers["xml_locate dialplan"] = dialplan()
    ((text, mend),) = await wrong(both)
    assert text == "dialplan: there is no context collab"
    assert mend == (
        "cp dialplan/freeswitch/collab.xml /etc/freeswitch/dialplan/; then: fs_cli -x reloadxml"
    )


async def test_an_old_or_cut_copy_of_our_context(both: Both) -> None:
    cut = '<context name="collab"><extension name="collab_request"/></context>'
    both[0].answers["xml_locate dialplan"] = dialplan(cut)
    ((text, mend),) = await wrong(both)
    assert text == "dialplan: context collab has no collab_features, collab_feature, collab_pair"
    assert mend.startswith("cp dialplan/freeswitch/collab.xml")


@pytest.mark.parametrize("said", ["-ERR no reply\n", "0ld"])
async def test_the_collab_xml_of_another_version(both: Both, said: str) -> None:
    both[0].answers["global_getvar collab_xml"] = said
    ((text, mend),) = await wrong(both)
    assert text == OLD
    assert mend == (
        "cp dialplan/freeswitch/collab.xml /etc/freeswitch/dialplan/; then: fs_cli -x reloadxml"
    )


async def test_a_dialplan_that_is_no_xml(both: Both) -> None:
    both[0].answers["xml_locate dialplan"] = "<section><context"
    ((text, _),) = await wrong(both)
    assert text == "dialplan: there is no context collab"


@pytest.mark.parametrize(
    ("file", "conf"),
    [
        ("lua.conf", '<param name="xml-handler-bindings" value="configuration,dialplan"/>'),
        ("xml_curl.conf", '<param name="gateway-url" value="http://x" bindings="dialplan"/>'),
    ],
)
async def test_a_dialplan_from_a_database_is_not_called_missing(
    both: Both, file: str, conf: str
) -> None:
    both[0].answers["xml_locate dialplan"] = dialplan()
    both[0].answers[f"{LOCATE} {file}"] = (
        f"<configuration><settings>{conf}</settings></configuration>"
    )
    assert await wrong(both) == []
    assert "FusionPBX" in (await hint(both, "dialplan: it comes from")).text


async def test_a_dialplan_that_marks_no_call_yet(both: Both) -> None:
    both[0].answers["xml_locate dialplan"] = dialplan(OURS)
    found = await hint(both, "no extension marks a call yet")
    assert found.mend.endswith('data="collab_request_form XML collab"/>')


async def test_a_meta_app_that_swallows_our_codes(both: Both) -> None:
    bound = '<action application="bind_meta_app" data="2 b s record_session::x"/>'
    both[0].answers["xml_locate dialplan"] = dialplan(OURS, default=marks() + bound)
    assert "bind_meta_app" in (await hint(both, "takes *2")).mend


async def test_a_queue_without_agents_and_one_of_many(both: Both) -> None:
    pbx = both[0]
    names = [f"{number}@default" for number in range(2001, 2013)]
    rows = [f"{name}|single_box||callback|user/{name}|On Break|Waiting" for name in names]
    pbx.answers["callcenter_config queue list"] = "name|strategy\nbusy|ring-all\nidle|x\n+OK\n"
    pbx.answers["callcenter_config agent list"] = "\n".join([AGENT_NAMES, *rows, "+OK\n"])
    tiers = [f"busy|{name}|Ready" for name in names]
    pbx.answers["callcenter_config tier list"] = "\n".join(["queue|agent|state", *tiers, "+OK\n"])
    busy = await hint(both, "queue busy")
    assert busy.text.startswith("queue busy: 2001@default (On Break), 2002@default")
    assert busy.text.endswith(" and 4 more")
    idle = await hint(both, "queue idle")
    assert (idle.text, idle.mend) == (
        "queue idle: no agents now",
        "fs_cli: callcenter_config tier add idle AGENT",
    )


async def test_a_queues_agent_that_does_not_exist(both: Both) -> None:
    both[0].answers["callcenter_config tier list"] = "queue|agent|state\nsupport@default|li|Ready\n"
    ((text, mend),) = await wrong(both)
    assert text == "agent li: in a queue, but mod_callcenter has no such agent"
    assert "callcenter_config agent add li callback" in mend


async def test_an_agent_whose_user_does_not_exist(both: Both) -> None:
    both[0].answers["user_exists id 1001 default"] = "false"
    ((text, mend),) = await wrong(both)
    assert text == "agent 1001@default: there is no user 1001@default in the directory"
    assert "callcenter_config agent set contact 1001@default" in mend


async def test_an_agent_whose_telephone_is_not_registered_is_pointed_at(both: Both) -> None:
    both[0].answers["sofia_contact"] = "error/user_not_registered"
    assert await wrong(both) == []
    await hint(both, "agent 1001@default: the telephone of 1001@default is not registered")


@pytest.mark.parametrize(
    ("kind", "contact", "text"),
    [
        (
            "callback",
            "[leg_timeout=6]sofia/gateway/carrier/+4930123",
            "there is no gateway carrier",
        ),
        ("callback", "", "no contact to be called at"),
        ("callback", "loopback/1001/default", ""),
        ("callback", "sofia/internal/1001@127.0.0.1:5071", ""),
        ("uuid-standby", "", ""),
    ],
)
async def test_agents_of_other_kinds(both: Both, kind: str, contact: str, text: str) -> None:
    row = f"1001@default|single_box||{kind}|{contact}|Available|Waiting"
    both[0].answers["callcenter_config agent list"] = f"{AGENT_NAMES}\n{row}\n+OK\n"
    both[0].answers["sofia status gateway carrier"] = "Invalid Gateway!\n"
    expected = [f"agent 1001@default: {text}"] if text else []
    assert [found for found, _ in await wrong(both)] == expected


async def test_a_pbx_that_stops_answering(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.freeswitch.check.ANSWER_WAIT", 0.1)
    both[0].deaf_to = {"version"}
    assert [text for text, _ in await wrong(both)] == [
        "FreeSWITCH: FreeSWITCH did not answer version within 0.1 s"
    ]


# --- --listen


async def heard(both: Both, data: bytes, within: float = 5) -> list[tuple[bool, str]]:
    """What --listen finds when `data` comes after the set-up was looked at."""
    pbx, server = both
    settings = settings_for(pbx.port, kind="freeswitch", server=server.url)
    listening = asyncio.create_task(check_pbx_and_server(settings, within))
    await pbx.until(lambda: bool(pbx.asked("api sofia_contact")))
    pbx.push(data)
    return [(each.ok, each.text) for each in await listening if each.text.startswith("call: ")]


def after_login(name: str) -> bytes:
    return stream(name).partition(reply("+OK event listener enabled json"))[2]


async def test_a_recorded_call_proves_events_and_mark(both: Both) -> None:
    assert await heard(both, after_login("attacks/honest")) == [
        (True, "call: its channels were seen"),
        (True, "call: it was marked, type chat"),
    ]


async def test_a_recorded_queue_call_shows_its_agent(both: Both) -> None:
    data = after_login("07-queue-answered-json")
    assert (True, "call: a queue's agent was seen") in await heard(both, data)


async def test_a_call_without_a_mark_is_told_with_the_line(both: Both) -> None:
    data = event("CHANNEL_CREATE", Unique_ID="a") + event("CHANNEL_HANGUP_COMPLETE", Unique_ID="a")
    assert await heard(both, data) == [
        (True, "call: its channels were seen"),
        (False, "call: it was not marked as a collaboration call"),
    ]


async def test_no_call_at_all_is_said(both: Both) -> None:
    assert await heard(both, b"", within=0.2) == [
        (False, "call: no event of a call came within 0.2 s; was there one?")
    ]


async def test_placed_calls_are_the_administrators_choice(both: Both) -> None:
    await hint(both, "placed calls: this log-in may place, move and end them")
    refused = dict.fromkeys(COMMANDS, "-ERR permission denied\n")
    both[0].answers |= refused
    assert await wrong(both) == []
    found = await hint(both, "placed calls: none")
    assert 'username = "placing@tandem.invalid"' in found.mend
    ((text, mend),) = await wrong(both, dial_context="tandem-out")
    assert text == "placed calls: pbx.hq.dial_context is set, but this log-in may place none"
    assert mend.endswith('or pbx.hq.dial_context = ""')
    both[0].answers["originate"] = "-USAGE: …\n"
    ((text, mend),) = await wrong(both)
    assert text == "placed calls: uuid_kill, uuid_transfer, sched_del is not allowed"
    assert mend.endswith("uuid_kill uuid_transfer sched_del")


async def test_what_placed_calls_need_besides(both: Both) -> None:
    pbx = both[0]
    pbx.answers["module_exists mod_tone_stream"] = "false"
    ((text, mend),) = await wrong(both)
    assert text.startswith("placed calls: mod_tone_stream is not loaded")
    assert 'fs_cli -x "load mod_tone_stream"' in mend
    del pbx.answers["module_exists mod_tone_stream"]
    pbx.answers["hash"] = "-ERR permission denied\n"
    assert await wrong(both) == []
    await hint(both, "placed calls: without hash")


async def test_a_dial_context_that_is_not_there(both: Both) -> None:
    pbx = both[0]
    pbx.answers |= {"module_exists mod_lua": "false", "module_exists mod_xml_curl": "false"}
    ((text, _),) = await wrong(both, dial_context="tandem-out")
    assert "the dialplan has no context tandem-out" in text
    pbx.answers["xml_locate dialplan context name tandem-out"] = '<context name="tandem-out"/>'
    assert await wrong(both, dial_context="tandem-out") == []
    pbx.answers["xml_locate dialplan context name elsewhere"] = "-ERR permission denied\n"
    assert await wrong(both, dial_context="elsewhere") == []
