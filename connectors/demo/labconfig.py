"""The configuration files of the laboratory's Asterisk: Tandem's samples included, a PBX around.

Every function gives the text of one file. Telephones have no passwords and fixed contacts on
loopback ports, since nothing but the laboratory reaches them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

AGENTS = tuple(f"agent{n}" for n in range(1, 11))
CALLERS = ("caller", "caller2", "caller3", "evil", "trunk")
"""`trunk` stands for a line that is trusted: it shows its caller in P-Asserted-Identity."""
PHONES = ("agent1b", "phone1", "phone2", "phone3")
"""`agent1b` is agent1's second telephone."""
ENDPOINTS = CALLERS + AGENTS + PHONES

QUEUES: Mapping[str, tuple[str, ...]] = {
    "support": ("PJSIP/agent1,0,Agent One,PJSIP/agent1", "PJSIP/agent2,0,Agent Two,PJSIP/agent2"),
    "second": ("PJSIP/agent3,0,Agent Three,PJSIP/agent3", "PJSIP/agent2,0,Agent Two,PJSIP/agent2"),
    "third": ("PJSIP/agent4,0,Agent Four,PJSIP/agent4", "PJSIP/agent2,0,Agent Two,PJSIP/agent2"),
    "nobody": (),
    "solo": ("PJSIP/agent1,0,Agent One,PJSIP/agent1",),
    "local": ("Local/agent3@from-queue/n,0,Agent Three,PJSIP/agent3",),
    "plain": ("Local/agent4@from-queue/n",),
    "dynamic": (),
    "team": (
        *(f"PJSIP/agent{n},0,Agent {n},PJSIP/agent{n}" for n in range(1, 6)),
        *(f"Local/agent{n}@from-queue/n,0,Agent {n},PJSIP/agent{n}" for n in range(6, 11)),
    ),
    "all": ("PJSIP/agent1,0,Agent One,PJSIP/agent1", "PJSIP/agent2,0,Agent Two,PJSIP/agent2"),
    "two": ("PJSIP/agent5,0,Agent Five", "PJSIP/agent1b,0,Agent Five"),
}
"""Queue -> its static members. `dynamic` gets its members by AddQueueMember."""

STRATEGY = {
    "support": "linear",
    "second": "linear",
    "third": "linear",
    "all": "ringall",
    "two": "ringall",
}
_WAIT = {"nobody": ",,,15"}

_MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject
res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id
res_pjsip_endpoint_identifier_user res_pjsip_authenticator_digest
res_pjsip_dtmf_info res_pjsip_refer res_pjsip_messaging
res_pjsip_header_funcs res_pjsip_pubsub res_pjsip_nat res_pjsip_rfc3326 res_rtp_asterisk
res_musiconhold res_speech res_agi res_manager_devicestate res_manager_presencestate
app_dial app_queue app_userevent app_stack app_playback app_senddtmf app_read app_originate
app_exec app_verbose app_playtones app_channelredirect
bridge_simple bridge_native_rtp bridge_holding bridge_softmix bridge_builtin_features
func_callerid func_channel func_strings func_uri func_base64 func_logic func_timeout
func_pjsip_endpoint
chan_pjsip pbx_config codec_ulaw codec_gsm format_gsm
"""


def asterisk_conf(folder: Path, modules: Path, data: Path) -> str:
    """Every folder is the instance's own, but for modules and sounds."""
    own = {
        name: folder / name
        for name in ("etc", "varlib", "db", "keys", "agi", "spool", "run", "log")
    }
    for path in own.values():
        path.mkdir(exist_ok=True)
    directories = {
        "astetcdir": own["etc"],
        "astmoddir": modules,
        "astvarlibdir": own["varlib"],
        "astdbdir": own["db"],
        "astkeydir": own["keys"],
        "astdatadir": data,
        "astagidir": own["agi"],
        "astspooldir": own["spool"],
        "astrundir": own["run"],
        "astlogdir": own["log"],
        "astsbindir": own["agi"],
    }
    lines = [f"{name} => {path}" for name, path in directories.items()]
    return (
        "[directories]\n" + "\n".join(lines) + "\n[options]\nsysteminfo = no\nhideconnect = yes\n"
        "transmit_silence = no\ndocumentation_language = en_US\n"
    )


def modules_conf() -> str:
    return "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in _MODULES.split())


EMPTY: Mapping[str, str] = {
    "acl.conf": "",
    "ccss.conf": "[general]\n",
    "cdr.conf": "[general]\nenable=no\n",
    "cel.conf": "[general]\nenable=no\n",
    "indications.conf": "[general]\ncountry=us\n[us]\ndescription=United States\n"
    "ringcadence=2000,4000\ndial=350+440\n",
    "pjproject.conf": "",
    "queuerules.conf": "",
    "udptl.conf": "[general]\n",
}
"""What would be complained about if it were missing, so that the log holds only news."""


def logger_conf() -> str:
    return "[general]\n[logfiles]\nmessages => notice,warning,error\n"


def musiconhold_conf(data: Path) -> str:
    """There is no music in the packages: silence out of the prompts is played."""
    return f"[default]\nmode=files\ndirectory={data / 'sounds' / 'en' / 'silence'}\n"


def rtp_conf(start: int, end: int) -> str:
    """Strict RTP is off: the telephones' keypad sends from a socket of its own."""
    return f"[general]\nrtpstart={start}\nrtpend={end}\nstrictrtp=no\nicesupport=no\n"


def manager_conf(port: int, secrets: Mapping[str, str], extra: str) -> str:
    """`tandem` and, for placed calls, `placing` as the sample has them; `lab` may do anything, for
    what tests do to the PBX."""
    return f"""[general]
enabled = yes
bindaddr = 127.0.0.1
port = {port}
#include "tandem/manager.conf"
[tandem](tandem-connector)
secret = {secrets["tandem"]}
permit = 127.0.0.1/255.255.255.255
[placing](tandem-connector,tandem-connector-calls)
secret = {secrets["placing"]}
permit = 127.0.0.1/255.255.255.255
[lab]
secret = {secrets["lab"]}
read = all
write = all
writetimeout = 5000
{extra}
"""


def pjsip_conf(port: int, contacts: Mapping[str, int]) -> str:
    """One endpoint and one address of record for each telephone, on its own port."""
    parts = [
        "[global]\ntype=global\nuser_agent=lab\n",
        f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n",
        # SIPp drops what comes while it is about to send: send it again soon.
        "[system]\ntype=system\ntimer_t1=100\ntimer_b=6400\n",
    ]
    for name, contact in contacts.items():
        trusts = "trust_id_inbound=yes\n" if name == "trunk" else ""
        codes = (
            "set_var=__DYNAMIC_FEATURES=collab-form#collab-cobrowse#collab-chat#collab-pair\n"
            if name.startswith("agent")
            else ""
        )
        # Callers show their own name: what a caller sends is what the lab is about.
        shown = "" if name in CALLERS else f'callerid="{name.capitalize()}" <{name}>\n'
        parts.append(
            f"[{name}]\ntype=endpoint\ntransport=udp\ncontext=from-sip\nmessage_context=messages\n"
            f"disallow=all\nallow=ulaw\naors={name}\ndirect_media=no\ndtmf_mode=auto_info\n"
            f"timers=no\nrtp_symmetric=no\nidentify_by=username\n{trusts}{codes}{shown}"
            f"[{name}]\ntype=aor\nmax_contacts=1\ncontact=sip:{name}@127.0.0.1:{contact}\n"
        )
    return "\n".join(parts)


def features_conf() -> str:
    """Tandem's codes beside those of a usual PBX, ``*2`` moved out of the way."""
    return (
        "[general]\n[featuremap]\natxfer => *7\nblindxfer => ##\ndisconnect => *0\n"
        '[applicationmap]\n#include "tandem/features.conf"\n'
    )


def queues_conf() -> str:
    parts = ['[general]\npersistentmembers = yes\n#include "tandem/queues.conf"\n']
    for name, members in QUEUES.items():
        parts.append(
            f"[{name}](tandem-queue)\nstrategy = {STRATEGY.get(name, 'rrmemory')}\n"
            "timeout = 3\nretry = 1\nwrapuptime = 0\n"
            "setinterfacevar = yes\nsetqueueentryvar = yes\nsetqueuevar = yes\n"
            + "".join(f"member => {member}\n" for member in members)
        )
    return "".join(parts)


def extensions_conf(extra: str = "") -> str:
    """The dialplan an administrator has, with Tandem's lines in it.

    ======================  ========================================================
    ``q-<queue>``           an ordinary call to a queue
    ``<type>-<queue>``      the same, marked ``form``, ``chat`` or ``cobrowse``
    ``header-<queue>``      marked by nothing but X-Collab-* headers
    ``odd-<queue>``         marked with a type that does not exist
    ``for-<queue>``         marked ``form`` for ``sip:alice@example.org``
    ``raw-<queue>``         a careless administrator: the header itself is the argument
    ``<endpoint>``          rings it; feature codes are armed
    ``<type>-<endpoint>``   rings it, marked
    ``pair-<queue>``        has a pairing code keyed in, then that queue
    ``code-<queue>``        says a pairing code, then that queue
    ``login``/``logout``    the caller's phone joins or leaves queue ``dynamic``
    ``echo``                answers and waits
    ======================  ========================================================
    """
    marks = {
        "q": None,
        "form": "form",
        "chat": "chat",
        "cobrowse": "cobrowse",
        "header": "",
        "odd": "fax",
        "for": "form,sip:alice@example.org",
        "raw": "${PJSIP_HEADER(read,X-Collab-Type)},${PJSIP_HEADER(read,X-Collab-User)}",
    }
    lines = ['#include "tandem/collab.conf"\n', "[from-sip]"]
    for queue in QUEUES:
        for prefix, mark in marks.items():
            lines += _exten(
                f"{prefix}-{queue}", [*_mark(mark), f"Queue({queue},c{_WAIT.get(queue, '')})"]
            )
        for name, routine in (("pair", "pair"), ("code", "give-code")):
            call = f"Queue({queue},c{_WAIT.get(queue, '')})"
            lines += _exten(f"{name}-{queue}", [f"Gosub(collab,{routine},1)", call])
    for name in ENDPOINTS:
        lines += _exten(name, ["Gosub(collab,features,1)", f"Dial(PJSIP/{name},30)"])
        for prefix in ("form", "chat", "cobrowse"):
            lines += _exten(f"{prefix}-{name}", [*_mark(marks[prefix]), f"Dial(PJSIP/{name},30)"])
    member = "dynamic,PJSIP/${CALLERID(num)}"
    lines += _exten("login", [f"AddQueueMember({member})"])
    lines += _exten("logout", [f"RemoveQueueMember({member})"])
    lines += _exten("echo", ["Answer()", "Wait(60)"])
    lines.append("[from-queue]")
    for name in ENDPOINTS:
        lines += _exten(name, [f"Dial(PJSIP/{name},30)"])
    lines += ["[messages]", *_exten("_[a-zA-Z0-9+]!", ["NoOp()"]), extra]
    return "\n".join(lines) + "\n"


def _mark(mark: str | None) -> list[str]:
    return [] if mark is None else [f"Gosub(collab,request,1({mark}))"]


def _exten(name: str, steps: Iterable[str]) -> list[str]:
    first, *rest = [*steps, "Hangup()"]
    return [f"exten => {name},1,{first}", *(f" same => n,{step}" for step in rest)]
