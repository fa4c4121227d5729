"""The server's settings: the file, the environment, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab_server.settings import Settings, SettingsError, load, setting_names

GOOD = """
[server]
secret = "0123456789abcdef0123456789abcdef"
[server.api_keys]
crm = "k1"
[server.sites.main]
key = "k2"
origins = ["https://www.example.org"]
[pbx.hq]
kind = "asterisk"
key = "k3"
secret = "the PBX's"
[pbx.hq.agents]
"PJSIP/1001" = "sip:wang@example.org"
"""


INVITE = (
    "order", "allow", "deny", "automatic", "patience", "link", "message_link", "confirm", "text",
    "limits.destination_hour", "limits.destination_day", "limits.agent_hour", "limits.call",
    "limits.hour", "limits.day",
    "http.*.url", "http.*.method", "http.*.headers", "http.*.body", "http.*.format",
    "http.*.username", "http.*.key", "http.*.ca", "http.*.timeout",
    "smtp.host", "smtp.port", "smtp.tls", "smtp.ca", "smtp.username", "smtp.password",
    "smtp.sender", "smtp.subject", "smtp.timeout",
)  # fmt: skip


OIDC = (
    "issuer", "client_id", "client_secret", "label", "scopes", "username_claim", "create", "uri",
    "roles_claim", "agents", "supervisors", "admins", "passwords", "logout", "ca", "timeout",
)  # fmt: skip


def read(tmp_path: Path, text: str = GOOD, **environment: str) -> Settings:
    file = tmp_path / "tandem.toml"
    file.write_text(text)
    return load(file, environment)


def refused(tmp_path: Path, text: str = GOOD, **environment: str) -> str:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, text, **environment)
    message = str(error.value)
    assert "\n" not in message
    return message


def changed(line: str) -> str:
    return GOOD.replace("[server]\n", f"[server]\n{line}\n", 1)


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    server = read(tmp_path).server
    assert server.listen == "127.0.0.1:8080"
    assert read(tmp_path).url == "http://127.0.0.1:8080"
    assert (server.trusted_proxies, server.redis) == ((), "")
    assert server.database == "sqlite:///tandem.db"
    assert (server.grace, server.retention) == (30, 30)


def test_of_a_pbx_only_what_the_server_needs_is_read(tmp_path: Path) -> None:
    assert read(tmp_path).pbx["hq"].model_dump().keys() == {
        "key",
        "max_placeholders",
        "domain",
        "agents",
        "country",
    }
    assert read(tmp_path, TANDEM_PBX__HQ__MAX_PLACEHOLDERS="7").pbx["hq"].max_placeholders == 7


def test_where_a_pbx_is_is_known_to_all_if_they_are_in_one_country(tmp_path: Path) -> None:
    both = """
        [pbx.hq]
        key = "hq-key-0123456789"
        country = "de"
        [pbx.branch]
        key = "branch-key-0123456789"
        """
    start = GOOD[: GOOD.index("[pbx.hq]")]
    settings = read(tmp_path, start + both)
    assert [settings.country(name) for name in ("hq", "branch", None)] == ["DE", "", ""]
    settings = read(tmp_path, start + both + 'country = "DE"')
    assert settings.country(None) == "DE"
    said = refused(tmp_path, start + both.replace('"de"', '"Germany"'))
    assert said.startswith('pbx.hq.country: expected a country by its two letters, such as "DE"')


def test_a_site_may_be_limited_to_queues_of_pbxs_that_there_are(tmp_path: Path) -> None:
    line = 'queues = ["hq/support", "hq/sales@default"]'
    settings = read(tmp_path, GOOD.replace("[pbx.hq]", f"{line}\n[pbx.hq]"))
    assert settings.server.sites["main"].queues == ("hq/support", "hq/sales@default")
    settings = read(tmp_path, TANDEM_SERVER__SITES__MAIN__QUEUES="hq/a, hq/b")
    assert settings.server.sites["main"].queues == ("hq/a", "hq/b")
    for wrong in ("support", "hq/", "hq/a b", "nowhere/support"):
        message = refused(tmp_path, TANDEM_SERVER__SITES__MAIN__QUEUES=wrong)
        assert "server.sites.main.queues" in message, message


def test_every_setting_has_a_name() -> None:
    assert setting_names() == [
        "server.listen",
        "server.url",
        "server.trusted_proxies",
        "server.database",
        "server.redis",
        "server.secret",
        "server.grace",
        "server.retention",
        "server.outcomes",
        "server.screen_pop",
        "server.consent",
        "server.disclose",
        "server.api_keys.*",
        "server.sites.*.key",
        "server.sites.*.origins",
        "server.sites.*.queues",
        *(f"server.invite.{name}" for name in INVITE),
        *(f"server.oidc.{name}" for name in OIDC),
        "pbx.*.key",
        "pbx.*.max_placeholders",
        "pbx.*.domain",
        "pbx.*.agents",
        "pbx.*.country",
    ]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        changed("grace = 5"),
        TANDEM_SERVER__GRACE="7",
        TANDEM_SERVER__API_KEYS__ERP="k4",
        TANDEM_SERVER__TRUSTED_PROXIES="10.0.0.0/8, ::1",
        TANDEM_SERVER__SITES__MAIN__ORIGINS='["https://a.example"]',
        TANDEM_PBX__HQ__KEY="k5",
        TANDEM_PBX__HQ__SECRET="the connector's business",
        OTHER__THING="1",
    )
    assert settings.server.grace == 7
    assert dict(settings.keys()) == {
        "server.api_keys.crm": "k1",
        "server.api_keys.erp": "k4",
        "server.sites.main.key": "k2",
        "pbx.hq.key": "k5",
    }
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.server.sites["main"].origins == ("https://a.example",)


def test_a_name_with_a_hyphen_is_reached_from_the_environment(tmp_path: Path) -> None:
    with_hyphen = GOOD.replace("[pbx.hq", "[pbx.hq-2")
    settings = read(tmp_path, with_hyphen, TANDEM_PBX__HQ_2__KEY="k5")
    assert {name: pbx.key.get_secret_value() for name, pbx in settings.pbx.items()} == {
        "hq-2": "k5"
    }


def test_everything_may_come_from_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path / "tandem.toml", {"TANDEM_SERVER__SECRET": "x" * 32})
    assert settings.secret == "x" * 32


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("y" * 32 + "\n")
    (tmp_path / "k").write_text("k9")
    settings = read(
        tmp_path,
        TANDEM_SERVER__SECRET_FILE=str(tmp_path / "s"),
        TANDEM_PBX__HQ__KEY_FILE=str(tmp_path / "k"),
    )
    assert settings.secret == "y" * 32
    assert settings.pbx["hq"].key.get_secret_value() == "k9"


def test_secrets_do_not_show_in_a_print(tmp_path: Path) -> None:
    assert "0123456789abcdef" not in repr(read(tmp_path))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("grase = 30", "server.grase: there is no such setting"),
        ('grace = "soon"', "server.grace: expected a whole number"),
        ("grace = -1", "server.grace: must be greater than or equal to 0"),
        ('outcomes = "solved"', "server.outcomes: expected a list in brackets"),
        ("database = 5", "server.database: expected text in quotes"),
        ("retention = 0", "server.retention: "),
        ('listen = "8080"', "server.listen: expected an address and a port"),
        ('listen = "127.0.0.1:99999"', "server.listen: "),
        ('url = "tandem.example.org"', "server.url: "),
        ('url = "https://example.org/tandem"', "server.url: "),
        ('trusted_proxies = ["proxy"]', "server.trusted_proxies: expected IP addresses"),
        ('database = "mysql://x"', "server.database: "),
        (
            'redis = "redis://localhost"',
            "server.redis: several servers cannot share an",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, line: str, name: str) -> None:
    assert refused(tmp_path, changed(line)).startswith(name)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TANDEM_SERVER__GRACE", "soon", "from TANDEM_SERVER__GRACE"),
        ("TANDEM_SERVER__GRASE", "5", "TANDEM_SERVER__GRASE: there is no such setting"),
        ("TANDEM_SERVER__SECRET_FILE", "nowhere", "TANDEM_SERVER__SECRET_FILE: nowhere cannot be"),
        ("TANDEM_SERVER__GRACE_FILE", "x", "TANDEM_SERVER__GRACE_FILE: there is no such setting"),
        ("TANDEM_SERVER__SITES__MAIN__ORIGINS", "[1", "TANDEM_SERVER__SITES__MAIN__ORIGINS: not"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str, said: str) -> None:
    assert said in refused(tmp_path, **{variable: value})


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, '[server]\nsecret = "…"\n')
    assert message.startswith("server.secret: too short")


def test_a_missing_secret_says_where_to_set_it(tmp_path: Path) -> None:
    assert (
        refused(tmp_path, "")
        == "server.secret: is not set (in tandem.toml, or as TANDEM_SERVER__SECRET)"
    )


def test_no_file_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SettingsError, match=r"^server\.secret: is not set \(in tandem\.toml, which"
    ):
        load(Path("tandem.toml"), {})


def test_a_misspelled_table_is_named_rather_than_what_it_leaves_missing(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD.replace("[server]", "[sever]")).startswith("sever: there is no")


def test_a_pbx_without_a_key_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD + "[pbx.b]\nkind = 'asterisk'\n").startswith(
        "pbx.b.key: is not set"
    )


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD + "[sever]\n") == "sever: there is no such setting"


def test_two_clients_with_one_key_are_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD.replace("k2", "k1"))
    assert "server.sites.main.key: the same key as server.api_keys.crm" in message
    assert "k1" not in message


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD.replace('"k3"', '""')).startswith("pbx.hq.key: ")


def test_redis_with_postgresql_is_not_offered_yet(tmp_path: Path) -> None:
    text = changed('database = "postgresql+psycopg://u@h/d"\nredis = "redis://localhost"')
    assert refused(tmp_path, text) == (
        "server.redis: this version does not share work between servers yet; leave it empty"
    )


def test_postgresql_without_its_driver_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(_name: str) -> Any:
        return None

    monkeypatch.setattr("importlib.util.find_spec", nowhere)
    message = refused(tmp_path, changed('database = "postgresql+psycopg://u@h/d"'))
    assert message == "server.database: PostgreSQL needs: pip install 'tandem[postgres]'"


def test_broken_toml_says_where(tmp_path: Path) -> None:
    message = refused(tmp_path, "[server]\nlisten = \n")
    assert "tandem.toml: not TOML" in message
    assert "line 2" in message


def test_a_file_that_is_not_text_says_so(tmp_path: Path) -> None:
    file = tmp_path / "tandem.toml"
    file.write_bytes(b"\xff\xfe[server]")
    with pytest.raises(SettingsError, match="not TOML: byte 0 is not UTF-8"):
        load(file, {})


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load(tmp_path / "other.toml", {}, required=True)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Tandem.Example.org:443/", "https://tandem.example.org"),
        ("http://example.org:80", "http://example.org"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_url_is_kept_as_browsers_write_an_origin(
    tmp_path: Path, given: str, origin: str
) -> None:
    assert read(tmp_path, changed(f'url = "{given}"')).url == origin


def test_the_address_is_written_as_browsers_write_an_origin(tmp_path: Path) -> None:
    assert read(tmp_path, TANDEM_SERVER__LISTEN="127.0.0.1:80").url == "http://127.0.0.1"
    assert read(tmp_path, TANDEM_SERVER__LISTEN="[::1]:8080").url == "http://[::1]:8080"


def test_ways_of_inviting_come_from_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("hunter2\n")
    text = GOOD + "[server.invite.http.sms]\nurl = 'https://sms.example.org/{number}'\n"
    invite = read(
        tmp_path,
        text,
        TANDEM_SERVER__INVITE__ALLOW=r'["tel:\\+49\\d{5,}"]',
        TANDEM_SERVER__INVITE__LIMITS__DAY="7",
        TANDEM_SERVER__INVITE__HTTP__SMS__BODY='{"to": "{number}", "text": ["{text}"]}',
        TANDEM_SERVER__INVITE__HTTP__SMS__KEY="k",
        TANDEM_SERVER__INVITE__SMTP__HOST="mail.example.org",
        TANDEM_SERVER__INVITE__SMTP__SENDER="desk@example.org",
        TANDEM_SERVER__INVITE__SMTP__PASSWORD_FILE=str(tmp_path / "p"),
    ).server.invite
    assert invite.allow == (r"tel:\+49\d{5,}",)
    assert invite.limits.day == 7
    assert invite.http["sms"].body == {"to": "{number}", "text": ["{text}"]}
    assert invite.smtp.password.get_secret_value() == "hunter2"
    assert invite.tried() == ("page", "message", "sms", "mail")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[server.invite]\nallow = ['tel:[']", "server.invite.allow: 'tel:[' is no regular"),
        ("[server.invite]\norder = ['fax']", "server.invite: order: there is no way 'fax'"),
        ("[server.invite]\ntext = 'come'", "server.invite.text: must hold {link}"),
        ("[server.invite]\ntext = '{link} {key}'", "server.invite.text: {key} is no place"),
        ("[server.invite.http.page]\nurl = 'https://x'", "server.invite.http: page is the name"),
        ("[server.invite.http.sms]\nurl = 'ftp://x'", "server.invite.http.sms.url: expected"),
        (
            "[server.invite.http.sms]\nurl = 'https://{number}.example'",
            "server.invite.http.sms.url: a place in braces may stand behind the host only",
        ),
        (
            "[server.invite.http.sms]\nurl = 'https://x'\nbody = { a = ['{nummer}'] }",
            "server.invite.http.sms.body: {nummer} is no place",
        ),
        (
            "[server.invite.http.sms]\nurl = 'https://x'\nheaders = { X = \"a\\r\\nb\" }",
            "server.invite.http.sms.headers: X: must not hold control characters",
        ),
        ("[server.invite.smtp]\nhost = 'x'", "server.invite.smtp: sender is not set"),
        (
            "[server.invite.smtp]\nsender = 'a@example.org, b@example.org'",
            "server.invite.smtp.sender: expected an address",
        ),
    ],
)
def test_a_wrong_way_of_inviting_is_named(tmp_path: Path, lines: str, said: str) -> None:
    assert refused(tmp_path, f"{GOOD}{lines}\n").startswith(said)
