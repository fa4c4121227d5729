"""What a real FreeSWITCH needs besides collab.xml to be tried here: put there and taken away.

Three files go into its configuration folder, through its own event socket and as its own user: a
dialplan context, a directory domain, and for a second the settings of two SIP profiles on loopback
and of the queues. Nothing that was there is touched; at the end the files and all they made go.
What stands in the way is raised as `SetupError`, with the line that mends it.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.behaviour.pbx import AGENTS, PATIENCE, PHONES, QUEUES, RING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Api = Callable[[str], Awaitable[str]]

DOMAIN = "tandem-behaviour"
OUTSIDE, INSIDE = "outside", "inside"
"""The doors: where strangers call, and where telephones with an account do."""
HERE = Path(__file__).parent / "freeswitch"
COLLAB = Path(__file__).parents[2] / "dialplan" / "freeswitch" / "collab.xml"
_SHARED = {
    "context": DOMAIN,
    "dialplan": "XML",
    "sip-ip": "127.0.0.1",
    "rtp-ip": "127.0.0.1",
    "inbound-codec-prefs": "PCMU",
    "outbound-codec-prefs": "PCMU",
    "liberal-dtmf": "true",
    "dtmf-type": "rfc2833",
    "rtp-timer-name": "soft",
    "manage-presence": "false",
    "hold-music": "silence_stream://-1",
}
"""Settings of both profiles: codes come by SIP INFO, and nobody hears anything."""


STOPS_WITHIN = 20.0


class SetupError(Exception):
    """This FreeSWITCH cannot be used as it is; the text says why, and what mends it."""


@dataclass(frozen=True)
class Plan:
    """Who is there."""

    agents: tuple[str, ...] = AGENTS
    phones: tuple[str, ...] = PHONES
    queues: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: QUEUES)
    strategy: str = "top-down"
    """Of each queue but ``all``, which rings all its agents at once."""


def profile(door: str, port: int) -> str:
    """The SIP profile of a door. Each run has names of its own: mod_sofia strikes a profile that
    was stopped out once more when its thread ends, by its name, and nothing tells of that."""
    return f"{DOMAIN}-{door}-{port}"


class Setup:
    """The files on one FreeSWITCH, asked over its event socket (`api`)."""

    def __init__(
        self,
        api: Api,
        doors: Mapping[str, int],
        phones: Mapping[str, int],
        plan: Plan | None = None,
    ) -> None:
        """`doors`: the port of each; `phones`: where each telephone is called."""
        self._api = api
        self._plan = plan or Plan()
        self._profiles = [profile(door, port) for door, port in doors.items()]
        self._texts = texts(doors, phones, self._plan)
        self._folder = ""
        self._loaded = False
        self._begun = False

    async def install(self) -> None:
        """Put everything there and wait until the profiles listen."""
        await self._look()
        self._begun = True
        await self._stop_profiles()  # of a run that came to no end
        for section in self._texts:
            await self._write(section)
        await self._said("reloadxml", "+OK")
        for queue in self._plan.queues:
            await self._said(f"callcenter_config queue load {queue}@{DOMAIN}", "+OK")
        for name in self._profiles:
            await self._said(f"sofia profile {name} start", "started successfully")
        # Read by now; from here on the PBX's own files of these names count again.
        await self._remove("configuration")
        await self._said("reloadxml", "+OK")

    async def remove(self) -> None:
        """Take everything away again, if anything was put there."""
        if not self._begun:
            return
        self._begun = False
        await self._stop_profiles()
        for queue, members in self._plan.queues.items():
            for member in members:
                agent = _agent(queue, member)
                await self._api(f"callcenter_config tier del {queue}@{DOMAIN} {agent}")
            await self._api(f"callcenter_config queue unload {queue}@{DOMAIN}")
        for agent in _contacts(self._plan):
            await self._api(f"callcenter_config agent del {agent}")
        for section in self._texts:
            await self._remove(section)
        await self._api("reloadxml")
        if self._loaded:
            await self._api("unload mod_callcenter")

    async def _look(self) -> None:
        """What has to be there before."""
        self._folder = (await self._api("global_getvar conf_dir")).strip()
        if not self._folder.startswith("/"):
            raise SetupError(
                f"global_getvar conf_dir says {self._folder!r}: name the event socket's own "
                "password (event_socket.conf.xml), not that of a log-in with few rights"
            )
        if "<context" not in await self._api("xml_locate dialplan context name collab"):
            raise SetupError(
                "Tandem's dialplan is not loaded: "
                f"cp {COLLAB} {self._folder}/dialplan/ && fs_cli -x reloadxml"
            )
        if (await self._api("module_exists mod_callcenter")).strip() != "true":
            said = await self._api("load mod_callcenter")
            if "+OK" not in said:
                raise SetupError(
                    f"mod_callcenter does not load ({said.strip()}): "
                    "apt-get install freeswitch-mod-callcenter"
                )
            self._loaded = True

    async def _stop_profiles(self) -> None:
        """Stop what listens; mod_sofia does not stop a profile in its first ten seconds."""
        async with asyncio.timeout(STOPS_WITHIN):
            while names := _profiles(await self._api("sofia status")):
                for name in names:
                    await self._api(f"sofia profile {name} stop")
                await asyncio.sleep(0.2)

    def _path(self, section: str) -> str:
        """`configuration` is read in the order of names, and the first of a name counts."""
        if section == "configuration":
            return f"{self._folder}/autoload_configs/000-{DOMAIN}.conf.xml"
        return f"{self._folder}/{section}/{DOMAIN}.xml"

    async def _write(self, section: str) -> None:
        path = self._path(section)
        text = base64.b64encode(self._texts[section].encode()).decode()
        said = await self._api(f"system (printf %s {text} | base64 -d > '{path}') 2>&1 && echo ok")
        if said.strip() != "ok":
            who = (await self._api("system id -un")).strip() or "FreeSWITCH"
            raise SetupError(
                f"FreeSWITCH could not write {path} ({said.strip() or 'no answer'}): "
                f"chown {who} {path.rpartition('/')[0]}"
            )

    async def _remove(self, section: str) -> None:
        await self._api(f"system rm -f '{self._path(section)}'")

    async def _said(self, command: str, wanted: str) -> None:
        said = await self._api(command)
        if wanted not in said:
            raise SetupError(f"{command}: {said.strip()!r}; FreeSWITCH's log says why")


def _profiles(status: str) -> list[str]:
    """Which of our SIP profiles there are, from ``sofia status``."""
    found = [line.split()[:2] for line in status.splitlines()]
    return [words[0] for words in found if words[1:] == ["profile"] and words[0].startswith(DOMAIN)]


def texts(doors: Mapping[str, int], phones: Mapping[str, int], plan: Plan) -> dict[str, str]:
    """Section of the configuration -> its file."""
    users = [
        f'<user id="{name}"><params><param name="password" value="{password(name)}"/>'
        f'<param name="dial-string" value="{{sip_invite_domain={DOMAIN},'
        f"force_transfer_context={DOMAIN},absolute_codec_string=PCMU}}"
        f'sofia/{profile(INSIDE, doors[INSIDE])}/sip:{name}@127.0.0.1:{phones[name]}"/></params>'
        f'<variables><variable name="user_context" value="{DOMAIN}"/>'
        f'<variable name="effective_caller_id_number" value="{name}"/></variables></user>'
        for name in (*plan.agents, *plan.phones)
    ]
    settings = [f'<param name="{name}" value="{value}"/>' for name, value in _SHARED.items()]
    queues = [
        f'<queue name="{name}@{DOMAIN}">'
        f'<param name="strategy" value="{"ring-all" if name == "all" else plan.strategy}"/>'
        '<param name="moh-sound" value="silence_stream://-1"/>'
        '<param name="time-base-score" value="system"/>'
        '<param name="tier-rules-apply" value="false"/>'
        f'<param name="max-wait-time" value="{PATIENCE.get(name, 0)}"/></queue>'
        for name in plan.queues
    ]
    agents = [
        f'<agent name="{name}" type="callback" status="Available"'
        f' contact="[leg_timeout={RING:g}]{contact}" max-no-answer="0"'
        ' wrap-up-time="0" reject-delay-time="1" busy-delay-time="1" no-answer-delay-time="1"/>'
        for name, contact in _contacts(plan).items()
    ]
    tiers = [
        f'<tier agent="{_agent(queue, member)}" queue="{queue}@{DOMAIN}"'
        f' level="1" position="{place}"/>'
        for queue, members in plan.queues.items()
        for place, member in enumerate(members, 1)
    ]
    values = {
        "DOMAIN": DOMAIN,
        "OUTSIDE_PROFILE": profile(OUTSIDE, doors[OUTSIDE]),
        "INSIDE_PROFILE": profile(INSIDE, doors[INSIDE]),
        "OUTSIDE": str(doors[OUTSIDE]),
        "INSIDE": str(doors[INSIDE]),
        "USERS": "\n".join(users),
        "SETTINGS": "\n".join(settings),
        "QUEUES": "\n".join(queues),
        "AGENTS": "\n".join(agents),
        "TIERS": "\n".join(tiers),
    }
    made = {}
    for section in ("dialplan", "directory", "configuration"):
        text = (HERE / f"{section}.xml").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        made[section] = text
    return made


def _agent(queue: str, member: str) -> str:
    """What mod_callcenter calls a member; one that is rung otherwise is an agent of its own."""
    return f"{member}-{queue}@{DOMAIN}" if queue == "local" else f"{member}@{DOMAIN}"


def _contacts(plan: Plan) -> dict[str, str]:
    """Agent -> where mod_callcenter rings it."""
    contacts = {_agent("", name): f"user/{name}@{DOMAIN}" for name in plan.agents}
    for name in plan.queues.get("local", ()):
        contacts[_agent("local", name)] = f"loopback/{name}/{DOMAIN}"
    return contacts


def password(name: str) -> str:
    """Of a telephone's account, on a profile that only this machine reaches."""
    return f"secret-of-{name}"
