"""``[server.oidc]``: what it takes, and the one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab_server.oidc.settings import OidcSettings, fill, is_safe
from collab_server.settings import Settings, SettingsError, load

BEGINNING = f'[server]\nsecret = "{"s" * 32}"\n'
GOOD = 'issuer = "https://id.example/realms/office"\nclient_id = "tandem"\n'


def read(folder: Path, table: str = GOOD, server: str = "", **environment: str) -> Settings:
    file = folder / "tandem.toml"
    file.write_text(f"{BEGINNING}{server}\n[server.oidc]\n{table}")
    return load(file, environment)


def test_there_is_none_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "tandem.toml"
    file.write_text(BEGINNING)
    oidc = load(file, {}).server.oidc
    assert (oidc.issuer, oidc.passwords, oidc.create, oidc.logout) == ("", True, False, True)


def test_the_button_says_the_host_where_nothing_else_is_said(tmp_path: Path) -> None:
    assert read(tmp_path).server.oidc.shown == "id.example"
    assert read(tmp_path, GOOD + 'label = "Office"').server.oidc.shown == "Office"


def test_the_environment_and_a_file_give_the_secret_and_lists(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("from the file\n")
    oidc = read(
        tmp_path,
        TANDEM_SERVER__OIDC__CLIENT_SECRET_FILE=str(kept),
        TANDEM_SERVER__OIDC__ADMINS="it, root",
        TANDEM_SERVER__OIDC__ROLES_CLAIM="groups",
        TANDEM_SERVER__OIDC__PASSWORDS="false",
    ).server.oidc
    assert oidc.client_secret.get_secret_value() == "from the file"
    assert (oidc.admins, oidc.passwords) == (("it", "root"), False)
    assert "from the file" not in repr(oidc)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('issuer = "http://id.example"\nclient_id = "x"', "server.oidc.issuer: expected"),
        ('issuer = "https://id.example/?a=b"\nclient_id = "x"', "server.oidc.issuer: expected"),
        ('issuer = "https://u:p@id.example"\nclient_id = "x"', "server.oidc.issuer: expected"),
        ('issuer = "https://id.example:99999"\nclient_id = "x"', "server.oidc.issuer: expected"),
        ('issuer = "https://id.example"', "server.oidc: client_id is not set"),
        ('client_id = "x"', "server.oidc: issuer is not set"),
        ("passwords = false", "server.oidc: issuer is not set"),
        (GOOD + 'scopes = ["email"]', 'server.oidc.scopes: must hold "openid"'),
        (GOOD + 'scopes = ["openid", "a b"]', "server.oidc.scopes.1: "),
        (GOOD + 'client_secret = "gehe\u0131m"', "server.oidc.client_secret: must be printable"),
        (GOOD + "create = true", "server.oidc: uri is not set"),
        (GOOD + 'uri = "sip:all@pbx.example.org"', "server.oidc.uri: expected"),
        (GOOD + 'uri = "{a}{b}x"', "server.oidc.uri: expected"),
        (GOOD + 'uri = "tel:{phone}"', "server.oidc.uri: expected"),
        (GOOD + 'uri = "sip:{a}@b.example?x"', "server.oidc.uri: expected"),
        (GOOD + 'admins = ["it"]', "server.oidc: roles_claim is not set"),
        (GOOD + "timeout = 0", "server.oidc.timeout: "),
        (GOOD + 'ca = "nowhere.pem"', "server.oidc.ca: there is no file"),
        (GOOD + 'group = "x"', "server.oidc.group: there is no such setting"),
        (GOOD + 'label = "a\\nb"', "server.oidc.label: "),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, table)
    message = str(error.value)
    assert message.startswith(said)
    assert "\n" not in message


def test_a_server_that_browsers_reach_in_the_clear_takes_no_such_log_in(tmp_path: Path) -> None:
    for url in ("http://tandem.example.org", "http://10.0.0.7:8080"):
        with pytest.raises(SettingsError, match=r"^server\.oidc: .* https"):
            read(tmp_path, server=f'url = "{url}"')
    for url in ("https://tandem.example.org", "http://localhost:8080", "http://[::1]:8080"):
        assert read(tmp_path, server=f'url = "{url}"').server.oidc.issuer


def test_which_addresses_are_asked() -> None:
    for good in ("https://id.example/a?b=c", "http://127.0.0.1:8080/", "http://[::1]/x"):
        assert is_safe(good), good
    for bad in (
        "http://id.example/", "ftp://id.example", "https://", "https://a@id.example/", "//id",
        "javascript:alert(1)", "https://id.example\\@evil/", "https://id.example/ x",
        "https://id.example/\n", "http://127.0.0.1.evil.example/", "https://[::1",
        "https://id.ex\u0430mple/",
    ):  # fmt: skip
        assert not is_safe(bad), bad


def test_an_address_is_made_of_claims() -> None:
    settings = OidcSettings(
        issuer="https://id.example", client_id="x", uri="sip:{ext}@{https://id.example/dom}"
    )
    assert settings.places() == ["ext", "https://id.example/dom"]
    values = {"ext": "1001", "https://id.example/dom": "b.example"}
    assert fill(settings.uri, values) == "sip:1001@b.example"
    assert fill("{sip}", {"sip": "sip:wang@b.example"}) == "sip:wang@b.example"
    for wrong in ("tel:+49301234567", "mailto:a@b.example", "sip:@b", "sip:a@b>c", "a@b", "{sip}"):
        with pytest.raises(ValueError, match="expected"):
            fill("{sip}", {"sip": wrong})
