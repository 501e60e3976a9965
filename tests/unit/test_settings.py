"""The environment, read once and checked."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import SecretStr

from imagegeneration.configuration import bucket_of, endpoints_of, provider_of, seal_keys_of
from imagegeneration.core import redaction
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.settings import Settings, load_settings

IDP = '{"name": "idp", "label": "x", "issuer": "https://id.example.com", "clientId": "s", "roles": {}}'


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "x"),
        ("PORT", "0"),
        ("RUNNER_CONCURRENCY", "0"),
        ("DAILY_BUDGET_USD", "-1"),
        ("DAILY_BUDGET_USD", "nan"),
        ("DEFAULT_FORMAT", "gif"),
        ("DEFAULT_SIZE", "big"),
        ("OPENAI_BASE_URL", "not a url"),
        ("CDN_BASE_URL", "ftp://files"),
        ("MONGODB_DATABASE", "a b"),
        ("MONGODB_DATABASE", "admin"),
        ("RUNNER_LEASE_SECONDS", "0"),
        ("RUNNER_POLL_SECONDS", "-1"),
        ("PROVIDER_TIMEOUT_SECONDS", "0"),
        ("PROVIDER_CHECK_MINUTES", "0"),
        ("ENHANCE_SECONDS", "0"),
        ("SIGN_IN_IDLE_MINUTES", "0"),
        ("SIGN_IN_MAX_HOURS", "-1"),
        ("KEY_CONFIRMATION_DAYS", "0"),
        ("QUEUE_LIMIT", "0"),
        ("SPOOL_MAX_BYTES", "0"),
        ("REQUESTS_PER_MINUTE", "0"),
        ("TRUSTED_PROXIES", "10.0.0.1,"),
        ("R2_BUCKET", "My Bucket"),
        ("SIGN_IN_PROVIDERS", f"[{IDP}, {IDP}]"),
        ("MODERATION_POLICY", "sometimes"),
        ("PUBLIC_URL", "https://studio.example.com/images"),
        ("PUBLIC_URL", "https://studio.example.com/?a=canary"),
        ("PUBLIC_URL", "https://user:canary@studio.example.com"),
        ("PUBLIC_URL", "studio.example.com"),
        ("SIGN_IN_PROVIDERS", '[{"clientSecret": "canary"'),
        ("IMAGE_SERVERS", '[{"name": "attic", "apiKey": "canary"}]'),
        ("IMAGE_SERVERS", '[{"name": "a", "baseUrl": "http://x/v1"}, {"name": "a", "baseUrl": "http://y/v1"}]'),
        ("PROVIDER_LIMITS", '{"fals": {}}'),
        ("PROVIDER_LIMITS", '{"fal": {"perMinute": 0}}'),
        ("PROVIDER_LIMITS", "canary"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    assert variable in str(error.value)
    assert "canary" not in str(error.value)
    assert "\n" not in str(error.value)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:canary@localhost")
    assert "canary" not in repr(load_settings())


def test_secrets_are_hidden_once_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_values", set())
    provider = {"name": "idp", "label": "x", "issuer": "https://id.example.com", "clientId": "s", "roles": {}}
    monkeypatch.setenv("SIGN_IN_PROVIDERS", json.dumps([provider | {"clientSecret": "canary-4"}]))
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1")
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "canary-2")
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:canary%2F3@localhost")
    load_settings()
    secrets = ("canary-1", "canary-2", "canary%2F3", "canary/3", "canary-4")
    assert [redaction.redact(secret) for secret in secrets] == [redaction.HIDDEN] * 5


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("PORT", "")
    assert provider_of(load_settings()) is None
    assert load_settings().port == 8501


def test_a_key_or_a_base_url_makes_the_provider_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:1/v1")
    assert provider_of(load_settings()) == "sandbox"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:2/v1/")
    settings = load_settings()
    assert provider_of(settings) == "openai"
    assert endpoints_of(settings)["openai"].url == "http://127.0.0.1:2/v1"


def test_the_account_id_gives_the_endpoint_of_r2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("CDN_BASE_URL", "https://cdn.example.com")
    monkeypatch.setenv("R2_ACCOUNT_ID", "abc123")
    assert bucket_of(load_settings()).endpoint_url == "https://abc123.r2.cloudflarestorage.com"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="MONGODB_URI"):
        load_settings().require_database()
    with pytest.raises(ConfigurationError, match="CDN_BASE_URL"):
        bucket_of(load_settings())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "studio.example.com"])
def test_strangers_are_not_listened_to_without_sign_in(host: str) -> None:
    with pytest.raises(ConfigurationError, match="SIGN_IN_PROVIDERS"):
        load_settings().require_safe_exposure(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_is_listened_to_without_sign_in(host: str) -> None:
    load_settings().require_safe_exposure(host)


def test_sign_in_needs_the_public_address() -> None:
    provider = {"name": "idp", "label": "x", "issuer": "https://id.example.com", "clientId": "s", "roles": {}}
    settings = load_settings(sign_in_providers=(provider,))
    with pytest.raises(ConfigurationError, match="PUBLIC_URL"):
        settings.require_safe_exposure("0.0.0.0")


def test_roles_that_let_nobody_in_are_said_at_start() -> None:
    settings = load_settings(sign_in_providers=(json.loads(IDP),), public_url="http://localhost:8501")
    with pytest.raises(ConfigurationError, match="their roles let nobody in"):
        settings.require_safe_exposure("127.0.0.1")


def test_images_that_a_browser_would_not_show_are_said_at_start() -> None:
    provider = json.loads(IDP) | {"roles": {"admin": ["ann@example.com"]}}
    settings = load_settings(
        sign_in_providers=(provider,), public_url="https://studio.example.com", cdn_base_url="http://cdn.example.com"
    )
    with pytest.raises(ConfigurationError, match="CDN_BASE_URL has to be https"):
        settings.require_safe_exposure("0.0.0.0")
    load_settings(
        sign_in_providers=(provider,), public_url="https://studio.example.com", cdn_base_url="https://cdn.example.com"
    ).require_safe_exposure("0.0.0.0")


def test_a_server_of_ones_own_says_what_it_does_not_know_and_its_key_is_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = '[{"name": "attic", "baseUrl": "http://10.0.0.7:8000/v1", "apiKey": "hush", "leftOut": ["quality"]}]'
    monkeypatch.setenv("IMAGE_SERVERS", servers)
    settings = load_settings()
    assert endpoints_of(settings)["attic"] == Endpoint(
        url="http://10.0.0.7:8000/v1", key=SecretStr("hush"), left_out=("quality",)
    )
    assert "hush" in settings.secrets


def test_a_field_that_no_server_could_do_without_cannot_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_SERVERS", '[{"name": "attic", "baseUrl": "http://10.0.0.7/v1", "leftOut": ["prompt"]}]')
    with pytest.raises(ConfigurationError, match="IMAGE_SERVERS"):
        load_settings()


KEYS = [
    "OPENAI_API_KEY",
    "GOOGLE_API_KEY",
    "FAL_KEY",
    "REPLICATE_API_TOKEN",
    "STABILITY_API_KEY",
    "BUILT_IN_FORGE_API_KEY",
    "R2_ACCESS_KEY_ID",
    "R2_SECRET_ACCESS_KEY",
]


def key_of(settings: Settings, variable: str) -> str | None:
    found = getattr(settings, variable.lower())
    return found.get_secret_value() if isinstance(found, SecretStr) else found


def test_every_key_is_known_here() -> None:
    named = {name.upper() for name in Settings.model_fields if re.search(r"(key|key_id|token)$", name)}
    assert named == set(KEYS)


@pytest.mark.parametrize("variable", KEYS)
@pytest.mark.parametrize("around", ["\n", " ", "\t", "\r\n", "\u200b", "\ufeff", "\u00a0", "\u2060"])
def test_what_stands_around_a_key_is_no_part_of_it(variable: str, around: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, f"{around}sk-1{around}")
    assert key_of(load_settings(), variable) == "sk-1"
    monkeypatch.setenv(variable, around)
    assert key_of(load_settings(), variable) is None


@pytest.mark.parametrize("variable", KEYS)
@pytest.mark.parametrize("within", ["\n", " ", "\x01", "\x7f", "\u200b", "é", "🔑"])
def test_a_key_that_no_header_can_have_is_one_line_that_names_the_variable(
    variable: str, within: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"sk-secret{within}1")
    with pytest.raises(ConfigurationError) as wrong:
        load_settings()
    message = str(wrong.value)
    assert message.startswith(f"{variable} is wrong: ")
    assert ("\n" in message, "secret" in message, f"U+{ord(within):04X}" in message) == (False, False, True)


def test_the_key_of_a_server_of_ones_own_is_checked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    server = {"name": "attic", "baseUrl": "http://10.0.0.7", "apiKey": " k\u200b\n"}
    monkeypatch.setenv("IMAGE_SERVERS", json.dumps([server]))
    assert endpoints_of(load_settings())["attic"].key == SecretStr("k")
    monkeypatch.setenv("IMAGE_SERVERS", json.dumps([server | {"apiKey": "a\nb"}]))
    with pytest.raises(ConfigurationError, match=r"^IMAGE_SERVERS is wrong: .*U\+000A"):
        load_settings()


@pytest.mark.parametrize("within", ["\n", " ", "\x01", "\u200b", "é"])
def test_keys_of_approvals_and_of_sign_in_are_checked_alike(within: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = json.loads(IDP) | {"clientSecret": " s\u200b\n"}
    monkeypatch.setenv("APPROVAL_KEYS", f"\u200b{'a' * 32}\n,\ufeff{'b' * 32} ,\u200b")
    monkeypatch.setenv("SIGN_IN_PROVIDERS", json.dumps([provider]))
    assert seal_keys_of(load_settings()).keys == [b"a" * 32, b"b" * 32]
    assert load_settings().sign_in_providers[0].client_secret == SecretStr("s")
    monkeypatch.setenv("SIGN_IN_PROVIDERS", json.dumps([provider | {"clientSecret": f"secret{within}1"}]))
    with pytest.raises(ConfigurationError, match=rf"^SIGN_IN_PROVIDERS is wrong: .*U\+{ord(within):04X}") as wrong:
        load_settings()
    assert "secret" not in str(wrong.value)
    monkeypatch.setenv("APPROVAL_KEYS", f"{'a' * 32},{'b' * 32}{within}secret")
    with pytest.raises(ConfigurationError, match=rf"^APPROVAL_KEYS is wrong: .*U\+{ord(within):04X}") as wrong:
        load_settings()
    assert ("secret" in str(wrong.value), "\n" in str(wrong.value)) == (False, False)


def test_keys_of_approvals_are_long_and_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVAL_KEYS", f"{'a' * 32}, {'b' * 40}")
    assert seal_keys_of(load_settings()).keys == [b"a" * 32, b"b" * 40]
    assert "a" * 32 in load_settings().secrets
    monkeypatch.setenv("APPROVAL_KEYS", f"{'a' * 32},short")
    with pytest.raises(ConfigurationError, match=r"APPROVAL_KEYS is wrong: .*32 characters or more"):
        load_settings()


def test_without_a_key_for_approvals_nothing_starts() -> None:
    with pytest.raises(ConfigurationError, match=r"^Set APPROVAL_KEYS: "):
        seal_keys_of(load_settings())


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://Studio.Example.com:443/", "https://studio.example.com"),
        ("http://studio.example.com:80", "http://studio.example.com"),
        ("https://studio.example.com:8443", "https://studio.example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8501/", "http://[::1]:8501"),
    ],
)
def test_the_public_address_is_taken_as_browsers_write_it(
    monkeypatch: pytest.MonkeyPatch, given: str, taken: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", given)
    assert load_settings().public_url == taken
