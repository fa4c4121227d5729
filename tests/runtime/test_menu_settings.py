from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.settings import PbxSettings, SettingsError, load

HEAD = """
[pbx.hq]
kind = "freeswitch"
key = "pbx-key"
secret = "esl-secret"
domain = "pbx.example.org"
"""
GOOD = """
outbound = "127.0.0.1:8084"
[pbx.hq.menus.support]
prompt = "ivr/which-one.wav"
queue = "support@default"
[pbx.hq.menus.support.choices]
"1" = "form"
"2" = { type = "chat", queue = "chat@default" }
"""


def read(folder: Path, text: str, **environment: str) -> PbxSettings:
    (folder / "tandem.toml").write_text(HEAD + text)
    return load("hq", str(folder / "tandem.toml"), environment)


def problem(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(folder, text, **environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def menu(line: str, choices: str = '"1" = "form"') -> str:
    """A good menu but for one line, or for its choices."""
    prompt = "" if line.startswith("prompt") else 'prompt = "a.wav"'
    return (
        f'outbound = "127.0.0.1:8084"\n[pbx.hq.menus.support]\n{prompt}\n{line}\n'
        f"[pbx.hq.menus.support.choices]\n{choices}\n"
    )


def test_a_menu_is_read_with_its_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert settings.outbound == "127.0.0.1:8084"
    support = settings.menus["support"]
    assert (support.prompt, support.queue) == ("ivr/which-one.wav", "support@default")
    assert (support.tries, support.timeout) == (3, 5)
    assert support.invalid == "silence_stream://250"
    assert {key: (choice.type, choice.queue) for key, choice in support.choices.items()} == {
        "1": ("form", ""),
        "2": ("chat", "chat@default"),
    }


def test_without_one_nothing_is_served(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert (settings.outbound, settings.menus) == ("", {})


def test_menus_come_from_the_environment_too(tmp_path: Path) -> None:
    menus = {"sales": {"prompt": "phrase:which", "choices": {"*": "video"}}}
    settings = read(
        tmp_path,
        "",
        TANDEM_PBX__HQ__OUTBOUND="127.0.0.1:9000",
        TANDEM_PBX__HQ__MENUS=json.dumps(menus),
    )
    assert settings.outbound == "127.0.0.1:9000"
    assert settings.menus["sales"].choices["*"].type == "video"


def test_a_wrong_menu_of_the_environment_is_named_with_its_place(tmp_path: Path) -> None:
    menus = {"sales": {"prompt": "", "choices": {"1": "form"}}}
    told = problem(
        tmp_path,
        "",
        TANDEM_PBX__HQ__OUTBOUND="127.0.0.1:9000",
        TANDEM_PBX__HQ__MENUS=json.dumps(menus),
    )
    assert told == "TANDEM_PBX__HQ__MENUS.sales.prompt: it must not be empty"
    assert problem(tmp_path, "", TANDEM_PBX__HQ__MENUS="support").startswith(
        "TANDEM_PBX__HQ__MENUS: expected JSON"
    )


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:8084", "192.168.1.2:8084", "pbx.example.org:8084", "127.0.0.1", "127.0.0.1:0",
     "127.0.0.1:65536", "127.0.0.1:8084 async", "::1:8084", "127.0.0.256:1", "127.0.0.1|x:8084",
     "127.0.0.1:²", "[::1]:8084", "127.0.1:8084"],
)  # fmt: skip
def test_only_an_address_of_this_machine_is_served(tmp_path: Path, address: str) -> None:
    told = problem(tmp_path, GOOD.replace("127.0.0.1:8084", address))
    assert told.startswith(f"pbx.hq.outbound: {address!r} is not an address and a port of this")


def test_asterisk_has_no_outbound_socket(tmp_path: Path) -> None:
    (tmp_path / "tandem.toml").write_text(HEAD.replace("freeswitch", "asterisk") + GOOD)
    with pytest.raises(SettingsError, match=r'^pbx\.hq\.outbound: only for kind = "freeswitch"'):
        load("hq", str(tmp_path / "tandem.toml"), {})


def test_one_without_the_other_is_a_mistake(tmp_path: Path) -> None:
    assert problem(tmp_path, 'outbound = "127.0.0.1:8084"') == (
        "pbx.hq.menus: missing; without one nothing is served at outbound"
    )
    alone = GOOD.replace('outbound = "127.0.0.1:8084"', "")
    assert problem(tmp_path, alone).startswith("pbx.hq.menus: menus need the outbound socket")


@pytest.mark.parametrize(
    "value",
    ["a.wav\\nb", "it's.wav", "a\\\\b.wav", "${system(id)}", "{loops=2}a.wav", "$1", "`id`",
     'say \\"x\\"', " a.wav", "a.wav ", "a\\tb", "a\\u0000b", "a\\u2028b"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["prompt", "invalid"])
def test_a_sound_cannot_leave_its_argument(tmp_path: Path, key: str, value: str) -> None:
    told = problem(tmp_path, menu(f'{key} = "{value}"'))
    assert told.startswith(f"pbx.hq.menus.support.{key}: ")


@pytest.mark.parametrize(
    "value",
    ["ivr/8000/which.wav", "phrase:which:support", "say:please press one", "file_string://a!b.wav",
     "tone_stream://%(400,100,600);loops=3", "/srv/töne/hallo & willkommen.wav"],
)  # fmt: skip
def test_what_freeswitch_plays_can_be_a_prompt(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, menu(f'prompt = "{value}"')).menus["support"].prompt == value


@pytest.mark.parametrize(
    ("line", "choices", "told"),
    [
        ("tries = 0", '"1" = "form"', "tries: "),
        ("tries = 10", '"1" = "form"', "tries: "),
        ("timeout = 61", '"1" = "form"', "timeout: "),
        ('queue = "a b"', '"1" = "form"', "queue: 'a b' is not a queue of mod_callcenter"),
        ('queue = "${x}"', '"1" = "form"', "queue: "),
        ('prompts = "b"', '"1" = "form"', "prompts: unknown setting"),
        ("prompt = 1", '"1" = "form"', "prompt: expected text in quotes"),
        ("", '"1" = "fax"', "choices.1.type: "),
        ("", '"1" = 1', "choices.1: "),
        ("", '"1" = { type = "form", queue = "a,b" }', "choices.1.queue: 'a,b' is not a queue"),
        ("", '"#" = "form"', "choices: '#' is not one key of 0 to 9 and *"),
        ("", '"12" = "form"', "choices: '12' is not one key"),
        ("", "", "choices: "),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, line: str, choices: str, told: str) -> None:
    assert problem(tmp_path, menu(line, choices)).startswith(f"pbx.hq.menus.support.{told}")


@pytest.mark.parametrize("name", ["a b", "x" * 33, "é", "a;b", ""])
def test_a_menus_name_fits_the_dialplan(tmp_path: Path, name: str) -> None:
    told = problem(tmp_path, GOOD.replace("menus.support", f'menus."{name}"'))
    assert told.startswith(f"pbx.hq.menus: {name!r} is not a menu's name")
