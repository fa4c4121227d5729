"""The server's settings: every name, default and check, and where a wrong one came from.

A setting comes from the TOML file (``[server]``, and of each ``[pbx.NAME]`` ``key`` and
``max_placeholders``, and for the set-up's warnings ``domain`` and ``agents``: the rest of those
tables is the connectors' business) and from the environment, which wins: ``TANDEM_SERVER__GRACE``,
``TANDEM_SERVER__API_KEYS__CRM``, ``TANDEM_PBX__HQ__KEY``. A secret may also stand in a file named
by ``…_FILE``.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from collab_server import numbers, screen_pop
from collab_server.invite.settings import (
    GatewaySettings,
    InviteSettings,
    LimitSettings,
    SmtpSettings,
)
from collab_server.oidc.settings import OidcSettings, is_loopback
from collab_server.settings_sources import (
    SettingsError,
    from_environment,
    from_toml,
    in_plain_words,
)

__all__ = ["PbxSettings", "ServerSettings", "Settings", "SettingsError", "SiteSettings"]

MIN_SECRET = 16
"""Characters the signing secret must have: what signs links must not be guessable."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""Name of a table: a PBX, a site, an API client."""


Outcome = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
MAX_OUTCOMES = 50


def _key(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("must not be empty")
    return value


QueueName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}/[A-Za-z0-9_.@-]{1,80}$")
]
"""A queue of a PBX, such as ``hq/support``."""


class SiteSettings(BaseModel):
    """``[server.sites.NAME]``: pages that may post calls without a telephone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr
    origins: tuple[str, ...] = ()
    queues: tuple[QueueName, ...] = ()
    """Where it may post calls, as PBX/QUEUE; empty: into every queue."""

    _check_key = field_validator("key")(_key)

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
                raise ValueError(
                    f"expected an origin such as https://www.example.org, not {origin!r}"
                )
        return tuple(origin.rstrip("/") for origin in value)


class PbxSettings(BaseModel):
    """``[pbx.NAME]``, as far as the server reads it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key: SecretStr
    max_placeholders: int = Field(default=50, ge=0)
    """Calls without a telephone that may be on the PBX at once."""
    domain: str = ""
    agents: dict[str, str] = Field(default_factory=dict)
    """Where a connector's part of the file is here too: whom its calls can name as their agents."""
    country: str = ""
    """Where the PBX is, so that its national numbers are known; empty: they are only digits."""

    @field_validator("country")
    @classmethod
    def _check_country(cls, value: str) -> str:
        if value and not numbers.is_country(value.upper()):
            raise ValueError(f'expected a country by its two letters, such as "DE", not {value!r}')
        return value.upper()

    _check_key = field_validator("key")(_key)


class ServerSettings(BaseModel):
    """``[server]``. The defaults of all settings stand here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = "127.0.0.1:8080"
    url: str = ""
    """As browsers reach it; empty: ``http://`` and `listen`."""
    trusted_proxies: tuple[str, ...] = ()
    database: str = "sqlite:///tandem.db"
    redis: str = ""
    secret: SecretStr
    grace: int = Field(default=30, ge=0, le=86_400)
    """Seconds the agent keeps a session after the hang-up."""
    retention: int = Field(default=30, ge=1, le=3_650)
    """Days."""
    outcomes: tuple[Outcome, ...] = ("solved", "follow_up", "no_contact", "other")
    """What may come of a session; empty: agents write it in their own words."""
    screen_pop: str = ""
    """Address of a caller's record in a CRM (`collab_server.screen_pop`); empty: none."""
    consent: Literal["ask", "call"] = "ask"
    """Whether the user is asked before a new agent sees what is theirs, or the call is the yes."""
    disclose: Literal["always", "joined"] = "always"
    """When a supervisor is shown to the user: also when reading along, or only when taking part."""
    api_keys: dict[Name, SecretStr] = Field(default_factory=dict)
    sites: dict[Name, SiteSettings] = Field(default_factory=dict)
    invite: InviteSettings = InviteSettings()
    oidc: OidcSettings = OidcSettings()

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
            raise ValueError('expected an address and a port, such as "127.0.0.1:8080"')
        return value

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(value) > 200:
            raise ValueError('expected an address such as "https://tandem.example.org"')
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError("must be scheme, host and port only: the server answers at the root")
        return _origin(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                ipaddress.ip_network(item, strict=False)
            except ValueError:
                raise ValueError(f"expected IP addresses or networks, not {item!r}") from None
        return value

    @field_validator("database")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
            return value
        if value.startswith("postgresql+psycopg://"):
            if importlib.util.find_spec("psycopg") is None:
                raise ValueError("PostgreSQL needs: pip install 'tandem[postgres]'")
            return value
        raise ValueError('expected "sqlite:///FILE" or "postgresql+psycopg://…"')

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < MIN_SECRET:
            raise ValueError(f"too short, at least {MIN_SECRET} characters (openssl rand -hex 32)")
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, key in value.items():
            if not key.get_secret_value().strip():
                raise ValueError(f"the key of {name!r} must not be empty")
        return value

    @field_validator("outcomes")
    @classmethod
    def _check_outcomes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MAX_OUTCOMES or len(set(value)) != len(value):
            raise ValueError(f"at most {MAX_OUTCOMES}, each of them once")
        if not all(outcome.isprintable() for outcome in value):
            raise ValueError("must hold no control characters")
        return value

    @field_validator("screen_pop")
    @classmethod
    def _check_screen_pop(cls, value: str) -> str:
        return screen_pop.check(value) if value else value

    @field_validator("redis")
    @classmethod
    def _check_redis(cls, value: str, info: Any) -> str:
        database = info.data.get("database", "")
        if value and database.startswith("sqlite"):
            raise ValueError(
                "several servers cannot share an SQLite file, and this version does not share "
                "work between servers yet; leave it empty"
            )
        if value and database:
            raise ValueError("this version does not share work between servers yet; leave it empty")
        return value


class Settings(BaseSettings):
    """Everything the server is told. Made by `load`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    server: ServerSettings
    pbx: dict[Name, PbxSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_keys_differ(self) -> Self:
        seen: dict[str, str] = {}
        for name, key in self.keys():
            other = seen.setdefault(key, name)
            if other != name:
                raise ValueError(f"{name}: the same key as {other}; every key must be another one")
        return self

    @model_validator(mode="after")
    def _check_queues(self) -> Self:
        for name, site in self.server.sites.items():
            for queue in site.queues:
                if queue.partition("/")[0] not in self.pbx:
                    raise ValueError(f"server.sites.{name}.queues: there is no PBX for {queue!r}")
        return self

    @model_validator(mode="after")
    def _check_oidc(self) -> Self:
        if (
            self.server.oidc.issuer
            and not self.secure
            and not is_loopback(urlsplit(self.url).hostname)
        ):
            raise ValueError(
                f"server.oidc: browsers must reach this server by https (server.url is {self.url})"
            )
        return self

    def keys(self) -> Iterator[tuple[str, str]]:
        """Every bearer key, as (name of the setting, key)."""
        for name, key in self.server.api_keys.items():
            yield f"server.api_keys.{name}", key.get_secret_value()
        for name, site in self.server.sites.items():
            yield f"server.sites.{name}.key", site.key.get_secret_value()
        for name, pbx in self.pbx.items():
            yield f"pbx.{name}.key", pbx.key.get_secret_value()

    def country(self, pbx: str | None) -> str:
        """Where a PBX is; None: the country of them all, if it is one. '' if nobody has said."""
        known = self.pbx.get(pbx) if pbx is not None else None
        if known is not None:
            return known.country
        all_of_them = {each.country for each in self.pbx.values()}
        return all_of_them.pop() if len(all_of_them) == 1 else ""

    @property
    def url(self) -> str:
        """The server's address as browsers reach it, without a slash at the end."""
        return self.server.url or _origin(f"http://{self.server.listen}")

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server over https."""
        return self.url.startswith("https:")

    @property
    def secret(self) -> str:
        """What signs links and tokens."""
        return self.server.secret.get_secret_value()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over counts: it has read file and environment itself."""
        return (init_settings,)


def _origin(address: str) -> str:
    """Write an address as browsers write an origin: no port where it is the scheme's own."""
    parts = urlsplit(address)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    port = parts.port
    if port is None or port == {"http": 80, "https": 443}[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


SECRETS = (
    "server.secret",
    "server.api_keys.*",
    "server.sites.*.key",
    "server.invite.http.*.key",
    "server.invite.smtp.password",
    "server.oidc.client_secret",
    "pbx.*.key",
)
"""Settings that may also come from a file named by ``…_FILE``."""

LISTS = (
    "server.trusted_proxies",
    "server.outcomes",
    "server.sites.*.origins",
    "server.sites.*.queues",
    "server.invite.order",
    "server.invite.allow",
    "server.invite.deny",
    "server.oidc.scopes",
    "server.oidc.agents",
    "server.oidc.supervisors",
    "server.oidc.admins",
)
"""Settings that the environment gives as a list: JSON, or separated by commas."""

TABLES = ("server.invite.http.*.headers", "server.invite.http.*.body", "pbx.*.agents")
"""Settings that the environment gives as a table: JSON."""

_NESTED: Mapping[str, type[BaseModel]] = {
    "limits": LimitSettings,
    "http.*": GatewaySettings,
    "smtp": SmtpSettings,
}


def setting_names() -> list[str]:
    """Every setting the server reads, as the documentation names it (``server.sites.*.key``)."""
    tables = ("sites", "invite", "oidc")
    names = [f"server.{name}" for name in ServerSettings.model_fields if name not in tables]
    names[names.index("server.api_keys")] += ".*"
    names += [f"server.sites.*.{name}" for name in SiteSettings.model_fields]
    nested = {name.removesuffix(".*") for name in _NESTED}
    names += [f"server.invite.{n}" for n in InviteSettings.model_fields if n not in nested]
    for table, model in _NESTED.items():
        names += [f"server.invite.{table}.{name}" for name in model.model_fields]
    names += [f"server.oidc.{name}" for name in OidcSettings.model_fields]
    return names + [f"pbx.*.{name}" for name in PbxSettings.model_fields]


def load(path: Path, environment: Mapping[str, str], *, required: bool = False) -> Settings:
    """Read the settings from a TOML file and the environment.

    A file that is not there counts as empty unless it is `required`. Raises SettingsError, whose
    text is one line that names the setting.
    """
    values = {"server": {}} | from_toml(path, required=required)
    origins = dict.fromkeys(values, path.name)
    origins |= from_environment(values, environment, setting_names(), SECRETS, LISTS, TABLES)
    try:
        return Settings(**values)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        # A misspelled name explains the missing one, not the other way round.
        first = min(errors, key=lambda each: each["type"] != "extra_forbidden")
        raise SettingsError(_explain(first, origins, path)) from None


def _explain(error: Any, origins: Mapping[str, str], path: Path) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    text = in_plain_words(error["type"], str(error["msg"]))
    if error["type"] == "extra_forbidden":
        text = "there is no such setting"
    elif error["type"] == "missing":
        there = path.name if path.exists() else f"{path.name}, which is not in {Path.cwd()}"
        text = f"is not set (in {there}, or as TANDEM_{where.upper().replace('.', '__')})"
    elif where in origins and origins[where] != path.name:
        text = f"{text} (from {origins[where]})"
    return f"{where}: {text}" if where else text
