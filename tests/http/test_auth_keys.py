"""Keys behind a URL: rotated, slow, huge, broken, away."""

import threading
import time

import pytest

from lib import issuer as issuers, protocol

DISCOVER = protocol.request(1, "server/discover")


@pytest.fixture
def new_issuer():
    made = []

    def one():
        made.append(issuers.Issuer())
        made[-1].publish()
        return made[-1]

    yield one
    for issuer in made:
        issuer.close()


@pytest.fixture
def issuer(new_issuer):
    return new_issuer()


@pytest.fixture
def start(start_fake):
    """start(issuer): a server that gets its keys from there."""

    def one(issuer):
        server = start_fake("--jwt-issuer", issuers.NAME, "--jwks-url", issuer.url,
                            "--log-level", "info", token=None)
        issuer.audience = server.url
        return server
    return one


def post(server, token):
    return server.post(DISCOVER, Authorization=f"Bearer {token}")


def test_keys_are_fetched_once_and_serve_many(start, issuer):
    server = start(issuer)
    for algorithm in issuers.MAKE:
        for _ in range(20):
            assert post(server, issuer.token(algorithm)).status == 200
    assert issuer.asked == 1


def test_unknown_keys_do_not_flood_the_issuer(start, issuer):
    server = start(issuer)
    assert post(server, issuer.token()).status == 200
    for i in range(200):
        assert post(server, issuer.token(headers={"kid": f"k{i}"})).status == 401
    assert issuer.asked == 1


@pytest.mark.slow
def test_half_a_minute_later(start, new_issuer):
    """One issuer has rotated its keys, the other one fails. Both are asked because of new kids."""
    rotated, away = new_issuer(), new_issuer()
    one, two = start(rotated), start(away)
    old = rotated.token("ES256")
    assert post(one, old).status == post(two, away.token()).status == 200
    new = issuers.MAKE["ES256"]()
    rotated.published = [issuers.jwk(new, "ES256", "new")]
    away.answer = lambda handler: handler.reply(b"gone", 500)
    token = rotated.token(key=new, headers={"kid": "new"})
    stranger = away.token(headers={"kid": "stranger"})
    until = time.monotonic() + 90
    while post(one, token).status != 200 or away.asked < 2:
        assert post(two, stranger).status in (401, 503)
        assert time.monotonic() < until
        time.sleep(0.5)
    assert rotated.asked == 2
    assert post(one, old).status == 401
    assert post(two, away.token(jti="another")).status == 200


@pytest.mark.parametrize("body, status", [
    (b"", 200), (b"{", 200), (b"<html>", 200), (b'{"keys":[]}', 200), (b'{"keys":' + b"[" * 500, 200),
    (b'{"keys":[' + b"0," * 100 + b"0]}", 200), (b" " * 1_000_000, 200), (b'{"keys":[]}', 404),
    (b"", 302)])
def test_answers_that_are_no_keys_are_survived(start, issuer, body, status):
    issuer.answer = lambda handler: handler.reply(body, status)
    server = start(issuer)
    answer = post(server, issuer.token())
    assert answer.status == 503
    assert answer.json["error"]["message"] == "The keys of the token's issuer are not here yet"
    assert server.post(DISCOVER).status == 401
    assert "jwks_not_fetched" in server.stderr


def test_a_secret_among_the_keys_spoils_them(start, issuer):
    issuer.published.append({"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"})
    server = start(issuer)
    assert post(server, issuer.token()).status == 503
    assert "private or symmetric key" in server.stderr


def test_a_slow_issuer_delays_nobody_else(start, issuer):
    """The server listens when the first fetch is over or late; later ones are waited for by none."""
    release = threading.Event()
    issuer.answer = lambda handler: (release.wait(60), handler.reply(b"{}"))
    server = start(issuer)
    for _ in range(20):
        began = time.monotonic()
        assert post(server, issuer.token()).status == 503
        assert time.monotonic() - began < 5
    release.set()


def test_an_endless_answer_is_cut(start, issuer):
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while len(sent) < 4000:
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            pass

    issuer.answer = flood
    server = start(issuer)
    assert post(server, issuer.token()).status == 503
    assert sum(sent) < 100_000_000


def test_it_stops_while_a_fetch_hangs(start, issuer):
    release = threading.Event()
    issuer.answer = lambda handler: (release.wait(60), handler.reply(b"{}"))
    server = start(issuer)
    began = time.monotonic()
    assert server.close(20) == 0
    assert time.monotonic() - began < 15
    release.set()


def test_kids_of_a_set_are_told_apart(start, issuer):
    second = issuers.MAKE["ES256"]()
    issuer.published.append(issuers.jwk(second, "ES256", "second"))
    server = start(issuer)
    assert post(server, issuer.token(key=second, headers={"kid": "second"})).status == 200
    assert post(server, issuer.token(key=second)).status == 401
    assert post(server, issuer.token(headers={"kid": "second"})).status == 401
