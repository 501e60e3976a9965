"""What OpenID Connect leaves to providers, option by option: the rows of the tables in docs/sign-in.md."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from imagegeneration.core.errors import ConfigurationError, SignInFailed
from imagegeneration.people.oidc import OidcClient
from imagegeneration.people.oidc import keys as oidc_keys
from imagegeneration.people.person import Identity
from imagegeneration.people.sign_in import SignInProvider
from tests.wire.openid import ACCESS, CLIENT, NONCE, Provider, half_hash, running_provider

SECRET = "s3cret+with/special=characters&and:%"
ROLES = {"creator": ["@example.com", "group:design"]}
BACK = "https://studio.test/auth/callback/idp"

Row = Callable[[Provider], None]
ROWS: dict[str, Row] = {}


def row(text: str) -> Callable[[Row], Row]:
    """A row of the tables in docs/sign-in.md, by its first cell."""

    def add(test: Row) -> Row:
        ROWS[text] = test
        return test

    return add


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def client(provider: Provider, **changes: Any) -> OidcClient:
    """The studio's side; None leaves a setting out."""
    settings = {"name": "idp", "label": "Example", "issuer": provider.issuer, "clientId": CLIENT}
    settings |= {"clientSecret": SECRET, "roles": ROLES} | changes
    return OidcClient(SignInProvider.model_validate({key: value for key, value in settings.items() if value}))


def address(provider: Provider, **changes: Any) -> str:
    """Where the person is sent."""
    return client(provider, **changes).address(BACK, state="s", nonce="n", verifier="v" * 43)


def sign_in(provider: Provider, **changes: Any) -> Identity:
    """Whom the provider's answers name."""
    return client(provider, **changes).identity(BACK, "the-code", nonce=NONCE, verifier="the-verifier")


def refused(provider: Provider, why: str, **changes: Any) -> None:
    """The provider's answers let nobody in, for this reason."""
    with pytest.raises(SignInFailed) as failed:
        sign_in(provider, **changes)
    assert why in failed.value.reason


def token_request(provider: Provider) -> Any:
    return next(one for one in provider.asked if one.path == "/token")


@row("`issuer` with a path, or with a slash at its end")
def _issuer(provider: Provider) -> None:
    provider.issuer = f"{provider.url}/tenant/"
    assert sign_in(provider).issuer == provider.issuer
    assert provider.paths()[0] == "/tenant/.well-known/openid-configuration"


@row("`issuer` other than configured")
def _other_issuer(provider: Provider) -> None:
    provider.metadata["issuer"] = "https://elsewhere.example"
    refused(provider, "another name than is configured")


@row("`authorization_endpoint` with a query of its own")
def _query(provider: Provider) -> None:
    provider.metadata["authorization_endpoint"] = f"{provider.url}/authorize?tenant=a%20b"
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address(provider)).query).items()}
    assert asked["tenant"] == "a b"
    assert (asked["client_id"], asked["redirect_uri"], asked["state"]) == (CLIENT, BACK, "s")
    assert (asked["response_type"], asked["nonce"], asked["code_challenge_method"]) == ("code", "n", "S256")
    assert set(asked["scope"].split()) == {"openid", "email", "profile"}


@row("`token_endpoint_auth_methods_supported` left out, or with `client_secret_basic`")
def _basic(provider: Provider) -> None:
    for named in (None, ["client_secret_post", "client_secret_basic"]):
        provider.metadata["token_endpoint_auth_methods_supported"] = named
        provider.asked.clear()
        sign_in(provider)
        shown = token_request(provider)
        scheme, _, pair = shown.headers["Authorization"].partition(" ")
        name, _, secret = base64.b64decode(pair).decode("ascii").partition(":")
        assert (scheme, unquote_plus(name), unquote_plus(secret)) == ("Basic", CLIENT, SECRET)
        assert "client_secret" not in shown.form


@row("`token_endpoint_auth_methods_supported` with `client_secret_post` only")
def _post(provider: Provider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["private_key_jwt", "client_secret_post"]
    sign_in(provider)
    shown = token_request(provider)
    assert "Authorization" not in shown.headers
    assert (shown.form["client_id"], shown.form["client_secret"]) == (CLIENT, SECRET)


@row("`token_endpoint_auth_methods_supported` with `client_secret_jwt` only")
def _secret_jwt(provider: Provider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_jwt"]
    sign_in(provider)
    shown = token_request(provider).form
    claims = jwt.decode(shown["client_assertion"], OctKey.import_key(SECRET)).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, f"{provider.url}/token")
    assert SECRET not in shown.values()


@row("`token_endpoint_auth_methods_supported` with `private_key_jwt` or TLS certificates only")
def _unknown_method(provider: Provider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["private_key_jwt", "tls_client_auth"]
    refused(provider, "wants private_key_jwt, tls_client_auth")


def stops_the_start(provider: Provider, why: str) -> None:
    """No waiting mends it: one line names the variable and the reason."""
    with pytest.raises(ConfigurationError) as wrong:
        client(provider).check()
    assert str(wrong.value) == f"SIGN_IN_PROVIDERS: Example knows no way to sign in from here. ({why})"


@row(
    "`token_endpoint_auth_signing_alg_values_supported` without HS256, where `client_secret_jwt` is the only way",
)
def _other_signatures(provider: Provider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_jwt"]
    provider.metadata["token_endpoint_auth_signing_alg_values_supported"] = ["HS384", "RS256"]
    refused(provider, "wants client_secret_jwt by HS384/RS256")
    assert "/token" not in provider.paths(), "no statement is sent that it could not read"
    stops_the_start(provider, "wants client_secret_jwt by HS384/RS256")
    provider.metadata["token_endpoint_auth_signing_alg_values_supported"] = ["HS384", "HS256"]
    client(provider).check()
    assert sign_in(provider).subject == "ann"
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_jwt", "client_secret_post"]
    provider.metadata["token_endpoint_auth_signing_alg_values_supported"] = ["HS384"]
    assert sign_in(provider).subject == "ann", "there is another way"


@row("`response_modes_supported` without `query`")
def _response_modes(provider: Provider) -> None:
    provider.metadata["response_modes_supported"] = ["form_post", "fragment"]
    stops_the_start(provider, "answers by form_post, fragment only")
    with pytest.raises(SignInFailed, match="knows no way to sign in from here"):
        address(provider)
    for modes in (None, ["form_post", "query"]):
        provider.metadata["response_modes_supported"] = modes
        assert address(provider).startswith(f"{provider.url}/authorize?")


@row("`scopes_supported` without `email` or `profile`")
def _scopes(provider: Provider) -> None:
    for listed, asked in (
        (None, "openid email profile"),
        (["openid", "profile", "email", "offline_access"], "openid email profile"),
        (["openid", "email"], "openid email"),
        (["roles"], "openid"),
    ):
        provider.metadata["scopes_supported"] = listed
        assert parse_qs(urlsplit(address(provider)).query)["scope"] == [asked]
    assert parse_qs(urlsplit(address(provider, scope="openid email x")).query)["scope"] == ["openid email x"]


@row("a client without a secret (`none`)")
def _public(provider: Provider) -> None:
    sign_in(provider, clientSecret=None)
    shown = token_request(provider)
    assert "Authorization" not in shown.headers
    assert (shown.form["client_id"], shown.form["code_verifier"]) == (CLIENT, "the-verifier")


@row("members of metadata and keys that are not known here")
def _unknown_members(provider: Provider) -> None:
    provider.metadata["mtls_endpoint_aliases"] = {"token_endpoint": "https://elsewhere.example"}
    provider.keys = [provider.key.as_dict(private=False) | {"x5t": "a", "nbf": 1}]
    assert sign_in(provider).subject == "ann"


@row("keys of other kinds, and for encryption, in the key set")
def _other_keys(provider: Provider) -> None:
    good = provider.key.as_dict(private=False)
    provider.keys = [
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "new", "pub": "a"},
        {"kty": "EC", "crv": "P-999", "x": "a", "y": "b", "kid": "odd"},
        {"kty": "RSA", "kid": "broken"},
        ECKey.generate_key("P-256").as_dict(private=False) | {"use": "enc", "kid": "one"},
        good,
    ]
    assert sign_in(provider).subject == "ann"


@row("a key without `kid`, where there is one key")
def _no_kid(provider: Provider) -> None:
    provider.key, provider.header = ECKey.generate_key("P-256"), {"kid": None}
    assert sign_in(provider).subject == "ann"


@row("keys that change: under a new `kid`, or without one")
def _new_keys(provider: Provider) -> None:
    knows = client(provider)

    def signs_in() -> str:
        return knows.identity(BACK, "c", nonce=NONCE, verifier="v").subject

    assert signs_in() == "ann"
    provider.key, provider.header = ECKey.generate_key("P-256", {"kid": "two"}), {"kid": "two"}
    with pytest.raises(SignInFailed):
        signs_in()  # the keys were fetched a moment ago
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oidc_keys, "KEYS_SECONDS", -1.0)
        assert signs_in() == "ann"
        for _ in range(2):
            provider.key, provider.header = ECKey.generate_key("P-256"), {"kid": None}
            assert signs_in() == "ann"


SIGNERS: dict[str, tuple[Callable[[], Any], str]] = {
    "RS256": (lambda: RSAKey.generate_key(2048, {"kid": "one"}), "sha256"),
    "PS384": (lambda: RSAKey.generate_key(2048, {"kid": "one"}), "sha384"),
    "ES256": (lambda: ECKey.generate_key("P-256", {"kid": "one"}), "sha256"),
    "ES512": (lambda: ECKey.generate_key("P-521", {"kid": "one"}), "sha512"),
    "EdDSA": (lambda: OKPKey.generate_key("Ed25519", {"kid": "one"}), "sha512"),
    "Ed25519": (lambda: OKPKey.generate_key("Ed25519", {"kid": "one"}), "sha512"),
}


@row("signatures with RS, PS, ES, EdDSA and Ed25519, and `at_hash` with each")
def _signatures(provider: Provider) -> None:
    for alg, (key, digest) in SIGNERS.items():
        provider.key, provider.alg = key(), alg
        provider.claims["at_hash"] = half_hash(ACCESS, digest)
        assert sign_in(provider).subject == "ann", alg
        provider.claims["at_hash"] = half_hash("another", digest)
        refused(provider, "at_hash")


@row("signatures with HS256, or `none`")
def _symmetric(provider: Provider) -> None:
    public = provider.key
    provider.key, provider.alg = OctKey.import_key(SECRET), "HS256"
    provider.keys = [public.as_dict(private=False)]
    refused(provider, "could not be verified")
    parts = [{"alg": "none"}, json.loads(base64.urlsafe_b64decode(provider.id_token().split(".")[1] + "=="))]
    unsigned = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    provider.token["id_token"] = f"{unsigned}."
    refused(provider, "could not be verified")


@row("an encrypted identity token (JWE)")
def _encrypted(provider: Provider) -> None:
    provider.token["id_token"] = "e.e.e.e.e"
    refused(provider, "could not be verified")


@row("`aud` as a list; more audiences than one")
def _audiences(provider: Provider) -> None:
    audience: object
    for audience, party in (([CLIENT], None), ([CLIENT, "another"], CLIENT)):
        provider.claims |= {"aud": audience, "azp": party}
        assert sign_in(provider).subject == "ann"
    for audience, party in (([CLIENT, "another"], None), (CLIENT, "another"), (["another"], "another")):
        provider.claims |= {"aud": audience, "azp": party}
        refused(provider, "could not be verified")


@row("times with fractions of seconds, and clocks up to a minute apart")
def _times(provider: Provider) -> None:
    now = time.time()
    for issued, ends in ((now + 0.5, now + 9.5), (now + 50, now + 90), (now - 90, now - 50)):
        provider.claims |= {"iat": issued, "exp": ends, "auth_time": now - 1.5}
        assert sign_in(provider).subject == "ann"
    for issued, ends in ((now - 900, now - 70), (now + 300, now + 600)):
        provider.claims |= {"iat": issued, "exp": ends}
        refused(provider, "could not be verified")


@row("`nonce` missing, or another")
def _nonce(provider: Provider) -> None:
    for nonce in (None, "another"):
        provider.claims["nonce"] = nonce
        refused(provider, "nonce")


@row("`email_verified` as text")
def _verified(provider: Provider) -> None:
    said: object
    for said in (True, "true", "True"):
        provider.claims["email_verified"] = said
        assert sign_in(provider).email == "ann@example.com", said
    for said in (False, "false", "", 1, ["true"]):
        provider.claims["email_verified"] = said
        assert sign_in(provider).email is None, said


@row("`email` without `email_verified`")
def _unverified(provider: Provider) -> None:
    provider.claims["email_verified"] = None
    provider.userinfo = {"sub": "ann", "email": "ann@example.com"}
    assert sign_in(provider).email is None


@row("groups as a list, as one text, or not at all")
def _groups(provider: Provider) -> None:
    provider.userinfo = {"sub": "ann"}
    for said, groups in ((["a", "b c", 1], ("a", "b c")), ("cn=a,ou=b", ("cn=a,ou=b",)), ("", ()), (None, ())):
        provider.claims["groups"] = said
        assert sign_in(provider).groups == groups


@row("groups under another name (`groupsClaim`)")
def _groups_claim(provider: Provider) -> None:
    provider.claims |= {"groups": None, "https://example.com/roles": "design"}
    assert sign_in(provider, groupsClaim="https://example.com/roles").groups == ("design",)


@row("groups that are only named, in `_claim_names` (aggregated and distributed claims)")
def _by_reference(provider: Provider) -> None:
    provider.userinfo = {"sub": "ann"}
    provider.claims |= {"groups": None, "_claim_names": {"groups": "src1"}}
    refused(provider, "did not send your groups")
    assert sign_in(provider, roles={"creator": ["@example.com"]}).email == "ann@example.com", "groups do not matter"


@row("claims at the UserInfo endpoint only")
def _userinfo(provider: Provider) -> None:
    about = {"email": "ann@example.com", "email_verified": "true", "name": "Ann A.", "groups": "design"}
    provider.claims = dict.fromkeys(about)
    provider.userinfo = {"sub": "ann", **about}
    found = sign_in(provider)
    assert (found.email, found.name, found.groups) == ("ann@example.com", "Ann A.", ("design",))
    asked = next(one for one in provider.asked if one.path == "/userinfo")
    assert asked.headers["Authorization"] == f"Bearer {ACCESS}"


@row("all claims in the identity token")
def _no_userinfo(provider: Provider) -> None:
    sign_in(provider)
    assert "/userinfo" not in provider.paths()
    provider.claims["groups"] = None
    provider.metadata["userinfo_endpoint"] = None
    assert sign_in(provider).groups == ()


@row("UserInfo as a signed JWT")
def _signed_userinfo(provider: Provider) -> None:
    provider.claims["groups"] = None
    provider.userinfo = provider.signed({"iss": provider.issuer, "aud": CLIENT, "sub": "ann", "groups": ["design"]})
    assert sign_in(provider).groups == ("design",)
    honest, provider.key = provider.key, ECKey.generate_key("P-256", {"kid": "one"})
    provider.userinfo = provider.signed({"iss": provider.issuer, "aud": CLIENT, "sub": "ann", "groups": ["admins"]})
    provider.key = honest
    refused(provider, "could not be verified")


@row("signed UserInfo with `iss` or `aud`")
def _signed_for(provider: Provider) -> None:
    provider.claims["groups"] = None
    said: dict[str, object] = {"sub": "ann", "groups": ["design"]}
    for about in ({}, {"iss": provider.issuer}, {"aud": CLIENT}, {"aud": ["another", CLIENT]}):
        provider.userinfo = provider.signed(said | about)
        assert sign_in(provider).groups == ("design",)
    for about in ({"iss": "https://elsewhere.example"}, {"aud": "another"}, {"aud": ["another"]}):
        provider.userinfo = provider.signed(said | about)
        refused(provider, "could not be verified")


@row("UserInfo about another `sub`, or that does not answer")
def _wrong_userinfo(provider: Provider) -> None:
    provider.claims["groups"] = None
    provider.userinfo = {"sub": "bob", "groups": ["admins"]}
    refused(provider, "another sub")
    provider.statuses["userinfo"] = 503
    refused(provider, "HTTP 503")


@row("an address in one place and its verification in another")
def _mixed(provider: Provider) -> None:
    provider.claims |= {"email": "ann@example.com", "email_verified": None}
    provider.userinfo = {"sub": "ann", "email": "mine@elsewhere.example", "email_verified": True}
    assert sign_in(provider).email == "mine@elsewhere.example"


@row("no `name`, or an empty one")
def _names(provider: Provider) -> None:
    for claims, name in (
        ({"name": None, "preferred_username": "ann.a"}, "ann.a"),
        ({"name": " ", "preferred_username": None}, "ann@example.com"),
        ({"name": None, "email": None, "email_verified": None}, "No name"),
    ):
        provider.claims = claims
        provider.userinfo = {"sub": "ann"}
        assert sign_in(provider).name == name


@row("`sub` missing or no text")
def _no_subject(provider: Provider) -> None:
    for subject in (None, 7, ""):
        provider.claims["sub"] = subject
        with pytest.raises(SignInFailed):
            sign_in(provider)


@row("`token_type`, `expires_in` and other members of the token answer in any form")
def _token_answer(provider: Provider) -> None:
    provider.token = {"token_type": "bearer", "expires_in": "300", "refresh_token": "r", "scope": None}
    assert sign_in(provider).subject == "ann"


@row("no `id_token` in the token answer")
def _no_id_token(provider: Provider) -> None:
    provider.token = {"id_token": None}
    refused(provider, "no id_token")


@row("an error of the token endpoint")
def _token_error(provider: Provider) -> None:
    provider.statuses["token"] = 401
    provider.bodies["token"] = json.dumps({"error": "invalid_client", "error_description": "x" * 10_000}).encode()
    refused(provider, "HTTP 401, invalid_client")


@row("a redirect of an endpoint")
def _redirect(provider: Provider) -> None:
    provider.statuses["token"] = 302
    refused(provider, "HTTP 302")
    assert "/elsewhere" not in provider.paths()


@row("answers that are too large, or no JSON")
def _large(provider: Provider) -> None:
    for body, why in ((b"x" * 2_000_000, "too large"), (b"<html>", "no JSON"), (b"[1]", "no JSON")):
        provider.bodies["token"] = body
        refused(provider, why)


@row("an error in the answer that the browser brings (`access_denied`, `login_required` and the others)")
def _error(provider: Provider) -> None:
    with pytest.raises(SignInFailed) as failed:
        client(provider).check_answer({"error": "access_denied\n", "error_description": "no", "code": "x"})
    assert failed.value.reason == "Example did not let you in. (access_denied)"


@row("`iss` in the answer that the browser brings (RFC 9207)")
def _answer_issuer(provider: Provider) -> None:
    assert client(provider).check_answer({"code": "c"}) == "c"
    assert client(provider).check_answer({"code": "c", "iss": provider.issuer}) == "c"
    with pytest.raises(SignInFailed, match="does not come from Example"):
        client(provider).check_answer({"code": "c", "iss": "https://elsewhere.example"})
    provider.metadata["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(SignInFailed, match="does not come from Example"):
        client(provider).check_answer({"code": "c"})


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("text", ROWS)
def test_option(provider: Provider, text: str) -> None:
    ROWS[text](provider)


def test_every_row_of_the_guide_has_a_test_and_every_test_a_row() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "sign-in.md").read_text()
    options = guide.partition("## What providers may send")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| ", options, re.MULTILINE)
    assert [text for text in rows if text != "the provider sends"] == list(ROWS)
