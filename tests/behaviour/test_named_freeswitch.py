"""What is said when the FreeSWITCH that somebody names cannot be used: the line that mends it."""

from __future__ import annotations

import os

import pytest

from connectors.simulator import FreeSwitchSimulator
from tests.behaviour.conftest import NAMED, PBXS
from tests.behaviour.freeswitch_setup import INSIDE, OUTSIDE, Setup, SetupError
from tests.behaviour.pbx import TELEPHONES
from tests.behaviour.real_freeswitch import RealFreeSwitch

FINE = {
    "global_getvar conf_dir": "/etc/freeswitch",
    "xml_locate dialplan context name collab": '<context name="collab">',
    "module_exists mod_callcenter": "true",
    "system id -un": "freeswitch\n",
}


@pytest.mark.parametrize(
    ("text", "mends"),
    [
        ("127.0.0.1", "host:port:password"),
        ("127.0.0.1:8021", "host:port:password"),
        ("127.0.0.1:eight:ClueCon", "host:port:password"),
        ("192.0.2.1:8021:ClueCon", "run this on 192.0.2.1 itself"),
    ],
)
def test_what_the_variable_says(text: str, mends: str) -> None:
    with pytest.raises(SetupError, match=mends):
        RealFreeSwitch.named(text)


async def test_the_password_is_wrong() -> None:
    async with FreeSwitchSimulator(password="another") as pbx:
        with pytest.raises(SetupError, match=r"the password is that of event_socket\.conf\.xml"):
            await RealFreeSwitch.named(f"127.0.0.1:{pbx.port}:wrong").__aenter__()


async def test_nobody_listens_there() -> None:
    async with FreeSwitchSimulator() as pbx:
        port = pbx.port
    with pytest.raises(SetupError, match=f"no event socket at 127.0.0.1:{port}"):
        await RealFreeSwitch.named(f"127.0.0.1:{port}:ClueCon").__aenter__()


@pytest.mark.parametrize(
    ("answers", "mends"),
    [
        ({"global_getvar conf_dir": "-ERR permission denied"}, "the event socket's own password"),
        (
            {"xml_locate dialplan context name collab": "can't find anything"},
            r"cp \S+/freeswitch/collab.xml /etc/freeswitch/dialplan/ && fs_cli -x reloadxml",
        ),
        (
            {"module_exists mod_callcenter": "false", "load mod_callcenter": "-ERR [module load]"},
            "apt-get install freeswitch-mod-callcenter",
        ),
        (
            {"system": "sh: 1: cannot create: Permission denied"},
            "chown freeswitch /etc/freeswitch/dialplan",
        ),
    ],
    ids=["few rights", "no collab.xml", "no mod_callcenter", "no permission"],
)
async def test_what_is_missing(answers: dict[str, str], mends: str) -> None:
    said = FINE | {"sofia": "Invalid Profile!"} | answers
    asked: list[str] = []

    async def api(command: str) -> str:
        asked.append(command)
        return said.get(command, said.get(command.partition(" ")[0], ""))

    setup = Setup(api, dict.fromkeys((OUTSIDE, INSIDE), 5060), dict.fromkeys(TELEPHONES, 5061))
    with pytest.raises(SetupError, match=mends):
        await setup.install()
    looked = len(asked)
    await setup.remove()
    assert len(asked) == looked or "system" in answers, "what was not begun is not undone"


def test_the_named_one_is_tried() -> None:
    """The one skip, which says what is not tried: no registry has a FreeSWITCH to unpack."""
    if NAMED not in os.environ:
        pytest.skip(f"{NAMED}=host:port:password names no FreeSWITCH to try the behaviours on")
    assert "freeswitch" in PBXS
