from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.cli import main
from connectors.settings import PbxSettings, SettingsError, load

GOOD = r"""
[server]
listen = "127.0.0.1:8080"

[pbx.hq]
kind = "asterisk"
server = "http://127.0.0.1:8080/"
key = "pbx-key"
username = "tandem"
secret = "ami-secret"
domain = "pbx.example.org"
agent_endpoints = ['PJSIP/1\d{3}']
[pbx.hq.agents]
"PJSIP/1001" = "sip:wang@example.org"

[pbx.branch]
kind = "freeswitch"
"""


def written(folder: Path, text: str = GOOD) -> str:
    (folder / "tandem.toml").write_text(text)
    return str(folder / "tandem.toml")


def changed(folder: Path, line: str) -> str:
    """GOOD with one more, or another, line in [pbx.hq]."""
    key = line.partition(" ")[0]
    lines = [each for each in GOOD.splitlines() if not each.startswith(f"{key} =")]
    lines.insert(lines.index("[pbx.hq]") + 1, line)
    return written(folder, "\n".join(lines))


def problem(folder: Path, line: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load("hq", changed(folder, line), {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_contracts_keys_are_all_there_is() -> None:
    assert set(PbxSettings.model_fields) - {"name"} == {
        "kind", "server", "key", "host", "port", "tls", "ca", "username", "secret", "domain",
        "agent_endpoints", "trust_headers", "dial_context", "max_placeholders", "outbox", "agents",
        "outbound", "menus", "country",
    }  # fmt: skip


def test_a_table_is_read_with_its_defaults(tmp_path: Path) -> None:
    settings = load("hq", written(tmp_path), {})
    assert settings.server == "http://127.0.0.1:8080", "no slash at the end"
    assert (settings.host, settings.port, settings.tls) == ("127.0.0.1", 5038, False)
    assert settings.outbox == "hq-outbox.db"
    assert settings.agents == {"PJSIP/1001": "sip:wang@example.org"}
    assert settings.secret.get_secret_value() == "ami-secret"
    assert "ami-secret" not in repr(settings)


def test_the_environment_wins(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    settings = load(
        "hq",
        written(tmp_path),
        {
            "TANDEM_PBX__HQ__PORT": "5039",
            "TANDEM_PBX__HQ__TLS": "true",
            "TANDEM_PBX__HQ__SECRET_FILE": str(secret),
            "TANDEM_PBX__HQ__AGENT_ENDPOINTS": '["PJSIP/2.*"]',
            "TANDEM_PBX__BRANCH__PORT": "not for us",
            "TANDEM_SERVER__SECRET": "not for us",
        },
    )
    assert (settings.port, settings.tls) == (5039, True)
    assert settings.secret.get_secret_value() == "from-a-file"
    assert settings.agent_endpoints == ("PJSIP/2.*",)


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"KIND": "asterisk", "SERVER": "https://x", "KEY": "k", "SECRET": "s", "DOMAIN": "d"}
    settings = load("hq", None, {f"TANDEM_PBX__HQ__{key}": value for key, value in values.items()})
    assert settings.server == "https://x"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('ca = "/nowhere/ca.pem"', "pbx.hq.ca: /nowhere/ca.pem: there is no such file"),
        ('dial_context = "out,1"', "pbx.hq.dial_context: 'out,1' is not the name of a context"),
        ('dial_context = "out\\nside"', "pbx.hq.dial_context: 'out\\nside' is not the name of a"),
        ("port = 70000", "pbx.hq.port: input should be less than or equal to 65535, not 70000"),
        ('port = "ami"', "pbx.hq.port: expected a whole number, not 'ami'"),
        ('kind = "cisco"', "pbx.hq.kind: input should be 'asterisk' or 'freeswitch', not 'cisco'"),
        ("secrte = 1", "pbx.hq.secrte: unknown setting"),
        ('name = "x"', "pbx.hq.name: unknown setting"),
        ("agent_endpoints = ['PJSIP/(']", "pbx.hq.agent_endpoints.0: 'PJSIP/(' is not a regular"),
        ('server = "localhost"', "pbx.hq.server: 'localhost' is not the address of a server"),
        ('secret = "a\\r\\nb"', "pbx.hq.secret: it must be one line"),
        ('secret = ""', "pbx.hq.secret: it must not be empty"),
        ('domain = "a b"', "pbx.hq.domain: 'a b' is not a domain"),
        ('agents = {"PJSIP/1" = "wang"}', "pbx.hq.agents.PJSIP/1: 'wang' is not an agent's URI"),
        ('domain = "sip:pbx"', "pbx.hq.domain: 'sip:pbx' is not a domain"),
        ('domain = ""', "pbx.hq.domain: it must not be empty"),
        ("trust_headers = 'PJSIP/x'", "pbx.hq.trust_headers: expected a list in brackets"),
        ('tls = "maybe"', "pbx.hq.tls: expected true or false, not 'maybe'"),
        ("host = 1", "pbx.hq.host: expected text in quotes, not 1"),
        ("max_placeholders = -1", "pbx.hq.max_placeholders: "),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(tmp_path: Path, line: str, says: str) -> None:
    if line.startswith("agents"):
        path = written(
            tmp_path, GOOD.replace('"sip:wang@example.org"', '"wang"').replace("1001", "1")
        )
        with pytest.raises(SettingsError) as caught:
            load("hq", path, {})
        assert says in str(caught.value)
    else:
        assert says in problem(tmp_path, line)


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace('domain = "pbx.example.org"', ""))
    with pytest.raises(SettingsError, match=r"^pbx\.hq\.domain: missing .*TANDEM_PBX__HQ__DOMAIN"):
        load("hq", path, {})


def test_a_misspelled_name_is_named_rather_than_what_it_leaves_missing(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("domain =", "domane ="))
    with pytest.raises(SettingsError, match=r"^pbx\.hq\.domane: unknown setting$"):
        load("hq", path, {})


def test_no_file_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^tandem\.toml: no such file in .*--config"):
        load("hq", None, {})


def test_a_wrong_variable_is_named_by_its_own_name(tmp_path: Path) -> None:
    for variable, says in (
        ("TANDEM_PBX__HQ__SECRTE", "unknown setting"),
        ("TANDEM_PBX__HQ__PORT", "whole number"),
        ("TANDEM_PBX__HQ__AGENTS", "expected JSON"),
        ("TANDEM_PBX__HQ__KEY_FILE", "No such file"),
    ):
        with pytest.raises(SettingsError, match=rf"^{variable}: .*{says}"):
            load("hq", written(tmp_path), {variable: "x"})


def test_no_secret_is_repeated_in_an_error(tmp_path: Path) -> None:
    assert "hush" not in problem(tmp_path, "secret = ['hush']")


def test_broken_toml_is_one_line_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace('kind = "asterisk"', "kind ="))
    with pytest.raises(SettingsError, match=r"tandem\.toml: line 6: not TOML: Invalid value$"):
        load("hq", path, {})


def ran(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*arguments, "--config", str(folder / "tandem.toml")])
    assert "Traceback" not in result.output
    return result.exit_code, result.output.strip()


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_setting_ends_the_command_with_status_2(tmp_path: Path, command: str) -> None:
    changed(tmp_path, "port = 0")
    assert ran(tmp_path, command, "hq") == (
        2,
        "Error: pbx.hq.port: input should be greater than or equal to 1, not 0",
    )


def test_an_unknown_pbx_says_which_there_are(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert ran(tmp_path, "run", "hqq") == (
        2,
        f"Error: pbx.hqq: no such PBX in {path} (PBXs there: branch, hq)",
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert ran(tmp_path, "run", "hq") == (
        2,
        f"Error: {tmp_path / 'tandem.toml'}: no such file (--config)",
    )


def test_a_freeswitch_is_connected_to_like_an_asterisk(tmp_path: Path) -> None:
    """As far as the outbox, which is opened first: it is no setting that stops it."""
    text = GOOD.replace('kind = "asterisk"', 'kind = "freeswitch"')
    outbox = f'outbox = "{tmp_path}/nowhere/x.db"'
    written(tmp_path, text.replace("[pbx.hq]\n", f"[pbx.hq]\n{outbox}\n"))
    status, output = ran(tmp_path, "run", "hq")
    assert status == 2
    assert output.startswith("Error: pbx.hq.outbox: ")


def test_an_outbox_that_cannot_be_opened_ends_the_command_with_status_2(tmp_path: Path) -> None:
    changed(tmp_path, f'outbox = "{tmp_path}/nowhere/x.db"')
    status, output = ran(tmp_path, "run", "hq")
    assert status == 2
    assert output == (
        f"Error: pbx.hq.outbox: {tmp_path}/nowhere/x.db: there is no directory {tmp_path}/nowhere"
    )


def test_the_file_may_be_named_before_the_command_too(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(GOOD.replace('domain = "pbx.example.org"', 'domain = ""'))
    result = CliRunner().invoke(main, ["--config", str(path), "check", "hq"])
    assert result.exit_code == 2
    assert result.output.strip() == "Error: pbx.hq.domain: it must not be empty"
