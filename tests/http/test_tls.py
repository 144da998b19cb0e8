"""HTTPS by a certificate of the operator."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
import time

import pytest

from lib import protocol

DISCOVER = protocol.request(1, "server/discover")


def make(folder, name, key=("rsa:2048",)):
    cert, private = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", private, "-out", cert], check=True, capture_output=True)
    private.chmod(0o600)
    return cert, private


@pytest.fixture(params=[("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")],
                ids=["rsa", "ec"])
def secure(request, start_fake, tmp_path):
    cert, key = make(tmp_path, "server", request.param)
    server = start_fake("--tls-cert", cert, "--tls-key", key)
    server.context = ssl.create_default_context(cafile=cert)
    return server


@pytest.fixture
def files(tmp_path):
    return make(tmp_path, "server")


def post(server, message, context=None):
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=20,
                                             context=context or server.context)
    try:
        connection.request("POST", "/mcp", json.dumps(message), server.headers(message))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_client_that_trusts_the_certificate(secure, execute):
    status, body = post(secure, DISCOVER)
    assert status == 200 and "supportedVersions" in body
    status, body = post(secure, execute("echo hi"))
    assert status == 200 and "hi" in body
    status, body = post(secure, execute("sleep 1", progressToken=1))
    assert status == 200 and body.startswith("event: message")
    assert f"https://127.0.0.1:{secure.port}/mcp" in secure.stderr


def test_one_that_does_not(secure):
    with pytest.raises(ssl.SSLCertVerificationError):
        post(secure, DISCOVER, ssl.create_default_context())


def test_curl(secure, tmp_path):
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", tmp_path / "server.pem",
                           f"https://localhost:{secure.port}/healthz"], capture_output=True,
                          text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.parametrize("version, works", [
    (ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)])
def test_versions(secure, version, works):
    context = secure.context
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    if works:
        assert post(secure, DISCOVER, context)[0] == 200
    else:
        with pytest.raises(OSError):
            post(secure, DISCOVER, context)


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
                                     "ECDHE-ECDSA-AES128-SHA"])
def test_weak_ciphers_are_refused(secure, ciphers):
    context = secure.context
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    with pytest.raises(OSError):
        post(secure, DISCOVER, context)


def test_plain_http_is_no_answer(secure):
    with socket.create_connection(("127.0.0.1", secure.port), 5) as plain:
        plain.settimeout(10)
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert b"HTTP/1.1 200" not in plain.recv(4096)
        except OSError:
            pass


def test_a_client_that_leaves_cancels_its_call(start_fake, files, execute):
    server = start_fake("--tls-cert", files[0], "--tls-key", files[1], "--log-level", "info")
    context = ssl.create_default_context(cafile=files[0])
    raw = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 10),
                              server_hostname="localhost")
    message = execute("sleep 30")
    body = json.dumps(message)
    headers = server.headers(message) | {"Host": "localhost", "Content-Length": len(body)}
    raw.sendall("".join([
        "POST /mcp HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in headers.items()), "\r\n",
        body]).encode())
    time.sleep(0.5)
    raw.close()
    until = time.monotonic() + 10
    while " call tool=terminal_execute" not in server.stderr:
        assert time.monotonic() < until, server.stderr
        time.sleep(0.05)


def certificate(server):
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(raw) as secure:
            return secure.getpeercert(True)


def test_a_renewed_certificate_is_taken(start_fake, files, tmp_path, execute):
    server = start_fake("--tls-cert", files[0], "--tls-key", files[1], "--log-level", "info")
    context = ssl.create_default_context(cafile=files[0])
    first = certificate(server)
    kept = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=context)
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b"ok\n"
    message = execute("sleep 2")
    kept.request("POST", "/mcp", json.dumps(message), server.headers(message))
    for i in range(3):
        make(tmp_path, "server")
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while server.stderr.count("a renewed certificate") <= i:
            assert time.monotonic() < until, server.stderr
            time.sleep(0.02)
        assert certificate(server) != first
    assert post(server, DISCOVER, ssl.create_default_context(cafile=files[0]))[0] == 200
    assert kept.getresponse().status == 200
    kept.close()
    files[1].write_text("nothing")
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while "stays as it was" not in server.stderr:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert post(server, DISCOVER, ssl.create_default_context(cafile=files[0]))[0] == 200
    assert server.close() == 0


def start(binary, *args):
    done = subprocess.run([binary, "--backend", "fake", "--http", "0", *map(str, args)],
                          capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


def test_files_that_are_wrong_are_said(binary, state_dir, files, tmp_path):
    cert, key = files
    _, other = make(tmp_path, "other")
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    for args, words in (
            (("--tls-cert", cert), "go together"),
            (("--tls-key", key), "go together"),
            (("--tls-cert", cert, "--tls-key", tmp_path / "none"), "--tls-key"),
            (("--tls-cert", rubbish, "--tls-key", key), "not a PEM certificate"),
            (("--tls-cert", cert, "--tls-key", cert), "not a PEM key"),
            (("--tls-cert", cert, "--tls-key", other), "is not the key of")):
        status, said = start(binary, *args)
        assert status in (1, 2) and words in said, said


def test_a_key_that_others_can_read_is_warned_of(start_fake, files):
    cert, key = files
    key.chmod(0o644)
    server = start_fake("--tls-cert", cert, "--tls-key", key)
    assert "can be read by others" in server.stderr


def test_tls_is_no_token(binary, state_dir, files):
    cert, key = files
    done = subprocess.run([binary, "--backend", "fake", "--http", "0.0.0.0:0", "--no-auth",
                           "--tls-cert", cert, "--tls-key", key], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode != 0 and "without a token" in done.stderr
