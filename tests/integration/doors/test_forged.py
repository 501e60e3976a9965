"""What a request says of itself: names, addresses and methods that are made up."""

from __future__ import annotations

import httpx
import pytest

from imagegeneration.api.routes import ROUTES
from imagegeneration.people.person import LOGIN_COOKIE
from tests.integration.doors.conftest import Server

EVIL = "http://evil.example"
USER_HEADERS = (
    *("X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username"),
    *("X-Auth-Request-User", "X-Auth-Request-Email", "X-User", "X-Authenticated-User", "X-Goog-Iap-Jwt-Assertion"),
    *(
        "Cf-Access-Authenticated-User-Email",
        "Cf-Access-Jwt-Assertion",
        "X-Ms-Client-Principal-Name",
        "Ssl-Client-Verify",
    ),
    *("X-Studio-Actor", "X-Webauth-User", "From", "Tailscale-User-Login"),
)
FORWARDED = (
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Prefix": "/image"},
    {"X-Forwarded-Port": "1"},
    {"X-Real-Ip": "127.0.0.1"},
    {"X-Original-Url": "/image/health/live"},
    {"X-Rewrite-Url": "/image/health/live"},
    {"Forwarded": "for=127.0.0.1;host=127.0.0.1;proto=https"},
)
WINDING = (
    *(
        "/image/..%2fmedia/x",
        "/image/%2e%2e/media/x",
        "/image/../jobs",
        "/image/.%2e/_stcore/health",
        "/image/./people",
    ),
    *("//image/people", "/image//people", "/image/people/", "/image/people%2f", "/image/people/.", "/image/people;a=1"),
    *("/IMAGE/people", "/Image/people", "/image\\people", "/image/%5cpeople", "/image/people%00", "/image/people%0a"),
    *("/image/health/live/../../people", "/image/health/live/..%2f..%2fpeople", "/image/health/live%00/../people"),
    *("/image/health/live;/../people", "/image/health/%2e%2e/people", "/image/people..", "/image/people.json"),
    *("/image/people%20", "/image/peo%70le/", "/image/%70eople/..;/people", "/%69mage/people", "/image%2fpeople"),
    *("/auth/../image/people", "/auth/sign-in/../../image/people", "/auth/sign-in%2f..%2f..%2fimage%2fpeople"),
    *("/auth/%252e%252e/image/people", "/auth//people", "/auth/\\..\\image\\people", "/.//image/people"),
    *("/" + "a/" * 3000, "/image/" + "x" * 12_000, "/image/jobs/" + "%41" * 4000),
)


@pytest.mark.parametrize("header", USER_HEADERS)
@pytest.mark.parametrize("path", ["/image/me", "/", "/_stcore/health"])
def test_a_bare_header_names_nobody(server: Server, header: str, path: str) -> None:
    with server.client(**{header: "ann@example.com"}) as stranger:
        assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("headers", FORWARDED)
def test_what_a_proxy_might_say_opens_nothing(server: Server, headers: dict[str, str]) -> None:
    with server.client(**headers) as stranger, server.client(**server.enter("ann", "admin"), **headers) as ann:
        assert stranger.get("/image/people").status_code == 401
        assert stranger.get("/image/people", headers={"Host": "evil.example"}).status_code == 403
        assert ann.get("/image/me").json()["name"] == "ann", "nor does it shut anything"
        assert ann.get("/image/me", headers={"Host": "evil.example"}).status_code == 403
        assert "evil" not in str(ann.get("/jobs/", headers={"Accept": "text/html"}).headers)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "{own}.evil.example", "evil.example#{own}", "", "["],
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    with server.client(**server.enter("ann", "admin")) as ann:
        answer = ann.get("/image/me", headers={"Host": host.replace("{own}", server.url[7:])})
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("host", ["{own}@evil.example", "evil.example@{own}"])
def test_a_host_with_a_name_in_it_is_refused(server: Server, host: str) -> None:
    cookie = server.enter("ann", "admin")["Cookie"]
    head = f"GET /image/me HTTP/1.1\r\nHost: {host.replace('{own}', server.url[7:])}\r\nCookie: {cookie}\r\n\r\n"
    assert server.answer(head.encode())[9:12] in (b"400", b"403")


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", "http://127.0.0.1", "{https}", "{own}.evil.example", "{own}/", "file://", "http://["]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(server: Server, origin: str, method: str) -> None:
    origin = origin.replace("{own}", server.url).replace("{https}", server.url.replace("http", "https"))
    with server.client(**server.enter("ann", "admin"), Origin=origin) as ann:
        assert ann.request(method, "/image/me").status_code == 403
        assert ann.request(method, "/auth/sign-out").status_code == 403
        assert ann.request(method, "/").status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_change_that_another_site_begins_is_refused_without_an_origin_too(
    server: Server, site: str, method: str
) -> None:
    with server.client(**server.enter("ann", "admin"), **{"Sec-Fetch-Site": site}) as ann:
        for path in ("/auth/sign-out", "/auth/begin/idp", "/image/keys", "/_stcore/upload_file/a/b"):
            assert ann.request(method, path).status_code == 403, path
        assert ann.get("/image/me").status_code == 200, "a link from another site is followed"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_may_change_things(server: Server, site: str) -> None:
    with server.client(**server.enter("ann", "admin"), Origin=server.url, **{"Sec-Fetch-Site": site}) as ann:
        made = ann.post("/image/keys", json={"name": "a script", "scopes": ["look"]})
    assert made.status_code == 201


@pytest.mark.parametrize("header", ["X-Http-Method-Override", "X-Http-Method", "X-Method-Override"])
def test_the_method_is_the_method(server: Server, header: str) -> None:
    with server.client(**server.enter("ann", "creator"), **{header: "DELETE"}) as ann:
        assert ann.get("/image/me").status_code == 200
        assert ann.post("/image/me?_method=GET", data={"_method": "GET"}).status_code == 405


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_head_is_refused_where_get_is(server: Server, method: str, path: str) -> None:
    address = path.replace("{jobId}", "imgjob_0").replace("{index}", "0")
    with server.client() as stranger:
        refused = {stranger.head(address).status_code == 401, stranger.get(address).status_code == 401}
    assert len(refused) == 1


@pytest.mark.parametrize("path", WINDING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_no_way_around_leads_past_the_gate(server: Server, path: str, method: str) -> None:
    """A stranger is let in nowhere, and somebody who may not see people sees none."""
    statuses = []
    for headers in ({}, server.enter("winding", "operator")):
        head = [f"{method} {path} HTTP/1.1", f"Host: {server.url[7:]}", "Connection: close", "Content-Length: 0"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        answer = server.answer("\r\n".join([*head, "", ""]).encode())
        assert b"personId" not in answer
        statuses.append(int(answer[9:12]))
    assert statuses[0] in (400, 401, 403, 404, 405)
    assert statuses[1] < 500


def test_a_cookie_is_worthless_after_the_sign_out(server: Server) -> None:
    headers = server.enter("ann", "creator")
    with server.client(**headers) as ann:
        assert ann.get("/image/me").status_code == 200
        assert ann.post("/auth/sign-out").status_code == 303
        for replayed in (headers["Cookie"], f"a=b; {headers['Cookie']}", f"{headers['Cookie']}; {headers['Cookie']}"):
            assert ann.get("/image/me", headers={"Cookie": replayed}).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "{own}x", "{own}\x00", '"{own}', "x" * 10_000, "true", "null"])
def test_what_is_no_login_lets_nobody_in(server: Server, value: str) -> None:
    token = server.enter("ann", "creator")["Cookie"].partition("=")[2]
    cookie = f"{LOGIN_COOKIE}={value.replace('{own}', token)}"
    head = f"GET /image/me HTTP/1.1\r\nHost: {server.url[7:]}\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
    assert server.answer(head.encode())[9:12] in (b"400", b"401")


def test_nobody_is_told_who_the_server_is_by_redirects(server: Server) -> None:
    with server.client(**server.enter("ann", "admin")) as ann:
        for path in ("/image", "/jobs/", "/image/docs/"):
            location = ann.get(path, headers={"X-Forwarded-Host": "evil.example"}).headers.get("location", "")
            assert httpx.URL(location).host in ("", "127.0.0.1")
