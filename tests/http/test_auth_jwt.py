"""Tokens that an issuer signed: which are let in, as whom, and with which words others are not."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lib import issuer as issuers, protocol
from lib.events import Stream
from lib.server import Server

DISCOVER = protocol.request(1, "server/discover")
INVALID = 'error="invalid_token"'


def b64url(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def status(server, token, **headers):
    return server.post(DISCOVER, Authorization=f"Bearer {token}", **headers).status


@pytest.fixture(scope="module")
def issuer():
    made = issuers.Issuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(binary, issuer, tmp_path_factory):
    """One that takes tokens signed with any of the keys of a JWKS file."""
    folder = tmp_path_factory.mktemp("jwt")
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": issuer.published}))
    one = Server(binary, "--backend", "fake", "--log-level", "debug", "--jwt-issuer", issuers.NAME,
                 "--jwt-key-file", keys, token=None,
                 env={**os.environ, "SANDBOX_MCP_STATE_DIR": str(folder)})
    issuer.audience = one.url
    yield one
    assert one.close() == 0


@pytest.fixture
def run_binary(binary):
    """For starts that are refused."""
    return lambda *args: subprocess.run([binary, *args], stdin=subprocess.DEVNULL, text=True,
                                        capture_output=True, timeout=60)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_good_tokens_are_let_in(server, issuer, algorithm):
    assert status(server, issuer.token(algorithm)) == 200
    assert status(server, issuer.token(algorithm, headers={"typ": "at+jwt"})) == 200
    assert status(server, issuer.token(algorithm, aud=["https://other.example", server.url])) == 200


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_pem_file_holds_one_key(start_fake, tmp_path, algorithm):
    made = issuers.Issuer()
    path = tmp_path / "key.pem"
    path.write_bytes(issuers.pem(made.keys[algorithm]))
    server = start_fake("--jwt-issuer", issuers.NAME, "--jwt-key-file", path, token=None)
    made.audience = server.url
    assert status(server, made.token(algorithm)) == 200
    for other in issuers.MAKE.keys() - {algorithm}:
        assert status(server, made.token(other)) == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "Bearer\t"])
def test_the_scheme_is_read_leniently(server, issuer, scheme):
    headers = server.headers(DISCOVER, Authorization=f"{scheme} {issuer.token()}")
    assert server.send(json.dumps(DISCOVER), headers).status == 200


@pytest.mark.parametrize("claims, expected", [
    ({"exp": -30}, 200), ({"exp": -90}, 401), ({"nbf": 30}, 200), ({"nbf": 90}, 401),
    ({"iat": 30}, 200), ({"iat": 90}, 401)])
def test_clocks_may_differ_by_a_minute(server, issuer, claims, expected):
    now = int(time.time())
    token = issuer.token(**{name: now + seconds for name, seconds in claims.items()})
    assert status(server, token) == expected


@pytest.mark.parametrize("claims", [
    {"iss": "https://evil.example"}, {"iss": issuers.NAME + "/"}, {"aud": "https://other.example"},
    {"aud": []}, {"sub": ""}, {"exp": 0}, {"exp": -1}, {"scope": {"read": True}}])
def test_other_claims_are_refused(server, issuer, claims):
    answer = server.post(DISCOVER, Authorization=f"Bearer {issuer.token(**claims)}")
    assert answer.status == 401
    assert INVALID in answer.headers["www-authenticate"]


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "sub"])
def test_claims_that_are_missing_are_refused(server, issuer, name):
    assert status(server, issuer.token(without=[name])) == 401


@pytest.mark.parametrize("name", ["iat", "scope"])
def test_other_claims_may_be_missing(server, issuer, name):
    assert status(server, issuer.token(without=[name])) == 200


def test_a_forged_signature_is_refused(server, issuer):
    for algorithm, make in issuers.MAKE.items():
        assert status(server, issuer.token(algorithm, key=make())) == 401
    for algorithm in issuers.MAKE:
        head, claims, signature = issuer.token(algorithm).split(".")
        other = b64url({"iss": issuers.NAME, "aud": server.url, "sub": "root",
                        "exp": int(time.time()) + 300, "scope": "admin"})
        assert status(server, f"{head}.{other}.{signature}") == 401
        assert status(server, f"{head}.{claims}.") == 401
        assert status(server, f"{head}.{claims}.{b64url(bytes(64))}") == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_an_unsigned_token_is_refused(server, issuer, algorithm):
    claims = issuer.token().split(".")[1]
    for kid in ({}, {"kid": "ES256"}):
        head = b64url({"alg": algorithm, "typ": "JWT", **kid})
        for signature in ("", "AA", b64url(bytes(64))):
            assert status(server, f"{head}.{claims}.{signature}") == 401


@pytest.mark.parametrize("kid", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_is_no_secret(server, issuer, kid):
    """HS256 with the bytes of a public key as its secret."""
    jwk = next(one for one in issuer.published if one["kid"] == kid)
    claims = issuer.token().split(".")[1]
    raw = base64.urlsafe_b64decode(jwk.get("n", jwk.get("x")) + "==")
    for secret in (issuers.pem(issuer.keys[kid]), issuers.pem(issuer.keys[kid]).strip(),
                   json.dumps(jwk).encode(), raw, b""):
        for algorithm in ("HS256", kid):
            signed = f"{b64url({'alg': algorithm, 'kid': kid})}.{claims}"
            mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            assert status(server, f"{signed}.{b64url(mac)}") == 401


def test_the_key_decides_the_algorithm(server, issuer):
    for algorithm in issuers.MAKE:
        for kid in issuers.MAKE.keys() - {algorithm}:
            assert status(server, issuer.token(algorithm, headers={"kid": kid})) == 401
    rsa_key = issuer.keys["RS256"]
    for algorithm in ("RS384", "RS512", "PS256"):
        assert status(server, issuer.token(algorithm, key=rsa_key, headers={"kid": "RS256"})) == 401


@pytest.mark.parametrize("more", [
    {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/cert"}, {"x5c": ["AAAA"]},
    {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"zip": "DEF"}, {"typ": "secevent+jwt"},
    {"kid": "unknown"}, {"kid": ""}, {"kid": "x" * 300}, {"kid": "../../etc/passwd"}])
def test_headers_that_bring_something_along_are_refused(server, issuer, more):
    try:
        token = issuer.token(headers=more)
    except Exception:  # the library refuses some: by hand, signed as it would be
        claims = issuer.token().split(".")[1]
        head = b64url({"alg": "EdDSA", "kid": "EdDSA", **more})
        token = f"{head}.{claims}." + b64url(
            issuer.keys["EdDSA"].sign(f"{head}.{claims}".encode()))
    assert status(server, token) == 401


def test_an_embedded_key_is_refused(server, issuer):
    mine = ec.generate_private_key(ec.SECP256R1())
    jwk = issuers.jwk(mine, "ES256", "ES256")
    assert status(server, issuer.token(key=mine, headers={"jwk": jwk})) == 401


def test_duplicate_members_are_refused(server, issuer):
    now = int(time.time())
    good = (f'"iss":"{issuers.NAME}","aud":"{server.url}","exp":{now + 300},"sub":"ann"')
    for head, claims, expected in [
            ('{"alg":"EdDSA","kid":"EdDSA"}', f"{{{good}}}", 200),
            ('{"alg":"EdDSA","kid":"EdDSA","alg":"EdDSA"}', f"{{{good}}}", 401),
            ('{"alg":"EdDSA","kid":"EdDSA"}', f'{{{good},"sub":"root"}}', 401),
            ('{"alg":"EdDSA","kid":"EdDSA"}', f'{{{good},"\\u0073ub":"root"}}', 401)]:
        signed = f"{b64url(head.encode())}.{b64url(claims.encode())}"
        signature = issuer.keys["EdDSA"].sign(signed.encode())
        assert status(server, f"{signed}.{b64url(signature)}") == expected, (head, claims)


@pytest.mark.parametrize("value", [
    "a.b.c", "..", "...", "a.b.c.d", "a.b.c.d.e", "e30.e30.", "=.=.=", "\xe4.\xe4.\xe4", "a" * 8192,
    "a" * 4000 + "." + "b" * 4000 + ".c", "." * 5000])
def test_garbage_is_refused(server, value):
    assert status(server, value) == 401


def test_size_is_bounded(server, issuer):
    assert status(server, issuer.token(x="y" * 5000)) == 200
    assert status(server, issuer.token(x="y" * 6200)) == 401
    try:
        assert status(server, issuer.token(x="y" * 9000)) in (401, 431)
    except ConnectionError:
        pass  # refused before it was all sent
    assert status(server, issuer.token()) == 200


def test_names_may_be_of_any_script(server, issuer):
    for name in ("Ann Äöü", "安娜", "\U0001f600", "a\nb", "x" * 1000):
        assert status(server, issuer.token(sub=name)) == 200
    assert status(server, issuer.token(sub="x" * 1100)) == 401


def test_one_token_in_one_header(server, issuer, connect_to):
    raw = connect_to(server)
    token = issuer.token()
    raw.post(DISCOVER, Authorization=f"Bearer {token}", extra=[f"Authorization: Bearer {token}"])
    code, headers, _ = raw.answer()
    assert code == 400
    assert 'error="invalid_request"' in headers["www-authenticate"]
    for headers in (server.headers(DISCOVER), server.headers(DISCOVER, Authorization=f"Bearer {token}")):
        for query in (f"access_token={token}", "a=b&access_token=x", "access_token="):
            answer = server.send(json.dumps(DISCOVER), headers, path=f"/mcp?{query}")
            assert answer.status == 400


def test_every_method_and_request_needs_the_token(server, issuer, connect_to):
    for method in ("GET", "DELETE"):
        assert server.send(None, server.headers(), method).status == 401
    raw = connect_to(server)
    raw.post(DISCOVER, Authorization=f"Bearer {issuer.token()}")
    assert raw.answer()[0] == 200
    raw.post(DISCOVER)
    assert raw.answer()[0] == 401


def test_a_token_ends_while_it_is_remembered(server, issuer):
    token = issuer.token(exp=int(time.time()) - 57)
    seen = {status(server, token)}
    until = time.monotonic() + 20
    while 401 not in seen and time.monotonic() < until:
        time.sleep(0.2)
        seen.add(status(server, token))
    assert 401 in seen
    assert status(server, token) == 401


def test_a_stream_ends_with_its_token(server, issuer, start_session):
    lasting = {"Authorization": f"Bearer {issuer.token()}"}
    ending = {"Authorization": f"Bearer {issuer.token(exp=int(time.time()) - 56)}"}
    session = start_session(server, **lasting)
    listen = protocol.request(1, "subscriptions/listen", {"notifications": {}})
    with Stream(server, listen, **lasting) as good, Stream(server, listen, **ending) as one, \
            Stream(server, method="GET", Mcp_Session_Id=session.id, **ending) as other:
        assert [s.status for s in (good, one, other)] == [200] * 3
        assert one.message()["method"] == "notifications/subscriptions/acknowledged"
        assert one.rest()[-1]["result"]["resultType"] == "complete"
        assert other.rest() == []
        assert good.message()["method"] == "notifications/subscriptions/acknowledged"
        good.connection.sock.settimeout(2)
        with pytest.raises(TimeoutError):
            good.event()
    assert status(server, ending["Authorization"].split()[1]) == 401
    with Stream(server, method="GET", Mcp_Session_Id=session.id, **lasting) as again:
        assert again.status == 200


def test_static_tokens_go_beside_signed_ones(start_fake, issuer, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": issuer.published}))
    server = start_fake("--jwt-issuer", issuers.NAME, "--jwt-key-file", keys, "--jwt-audience", "us")
    assert status(server, server.token) == 200
    assert status(server, issuer.token(aud="us")) == 200
    assert status(server, issuer.token(aud=server.url)) == 401
    assert status(server, server.token + "x") == 401


def test_nothing_secret_is_in_the_log(server, issuer):
    token = issuer.token(sub="visible-nowhere")
    assert status(server, token) == 200
    assert status(server, issuer.token(iss="https://evil.example")) == 401
    assert token not in server.stderr and token.split(".")[2] not in server.stderr
    assert "visible-nowhere" not in server.stderr
    assert "it is of another issuer" in server.stderr


@pytest.mark.parametrize("name, text, why", [
    ("empty", b"", "neither JSON nor PEM"), ("text", b"hello\n", "neither JSON nor PEM"),
    ("set", b'{"keys":[]}', "no usable key"),
    ("secret", b'{"kty":"oct","k":"AAAA"}', "private or symmetric"),
    ("weak", issuers.pem(rsa.generate_private_key(65537, 1024)), "2048 to 8192 bits"),
    ("curve", issuers.pem(ec.generate_private_key(ec.SECP384R1())), "P-256")])
def test_a_bad_key_file_stops_the_start(run_binary, tmp_path, name, text, why):
    path = tmp_path / name
    path.write_bytes(text)
    done = run_binary("--http", "127.0.0.1:1", "--backend", "fake", "--jwt-issuer", issuers.NAME,
                      "--jwt-key-file", path)
    assert done.returncode in (1, 2)
    assert why in done.stderr and name in done.stderr


@pytest.mark.parametrize("args, why", [
    (["--jwt-issuer", issuers.NAME], "needs its keys"),
    (["--jwt-issuer", issuers.NAME, "--jwt-key-file", "a", "--jwks-url", "https://a"], "its keys"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "http://issuer.example/keys"], "not https://"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "http://localhost@evil.example/"], "not https://"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "http://localhost.evil.example/"], "not https://"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "https://a", "--no-auth"], "--no-auth"),
    (["--jwt-audience", "x"], "--jwt-audience only goes with --jwt-issuer"),
    (["--jwks-url", "https://a"], "only goes with --jwt-issuer"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "https://a", "--jwt-default-scopes", "all"],
     "not of read, execute and admin"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "https://a", "--public-url", "https://a.example"],
     "not the URL of the endpoint"),
    (["--jwt-issuer", issuers.NAME, "--jwks-url", "https://a", "--public-url",
      "https://a.example/mcp/"], "not the URL of the endpoint")])
def test_options_that_make_no_sense_are_refused(run_binary, args, why):
    done = run_binary("--http", "127.0.0.1:8", "--backend", "fake", *args)
    assert done.returncode == 2
    assert why in done.stderr


def test_the_url_is_needed_where_it_cannot_be_known(run_binary):
    for address in ("0", "0.0.0.0:8", "[::]:8"):
        done = run_binary("--http", address, "--backend", "fake", "--jwt-issuer", issuers.NAME,
                          "--jwks-url", "https://a")
        assert done.returncode == 2
        assert "--public-url" in done.stderr


def test_ed25519_is_not_confused_with_x25519(server, issuer):
    assert status(server, issuer.token("EdDSA", key=ed25519.Ed25519PrivateKey.generate())) == 401
