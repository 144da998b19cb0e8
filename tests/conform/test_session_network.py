"""Package managers and git through the proxy, and what the result says of denied hosts."""

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conform.session import (ADDRESS, make_npm_package, make_repository, make_wheel, section,
                             serving)

OTHER = "127.0.0.3"


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page.txt").write_text("served\n")
    with serving(folder) as server:
        server.folder, server.where = folder, f"{ADDRESS}:{server.port}"
        yield server


@pytest.fixture(params=["stdio", "http"])
def client(request, connect, site):
    return connect("python", request.param, "--network", f"allow={site.where}")


def run(client, command, **more):
    said = client.text("terminal_execute", command=command, **more)
    assert said.startswith("exit 0 "), said
    return section(said, "stdout")


def test_pip_needs_no_configuration(client, site):
    make_wheel(site.folder, "tinything", "def answer():\n    return 42\n")
    index = f"http://{site.where}/simple"
    run(client, "python3 -m pip install --no-cache-dir --trusted-host 127.0.0.2 "
                f"--index-url {index} --target lib tinything")
    assert run(client, "PYTHONPATH=lib python3 -c 'import tinything; print(tinything.answer())'") \
        == "42\n"
    assert any("tinything-1.0" in line for line in site.seen)
    said = client.text("code_execute", code="import sys; sys.path.insert(0, 'lib')\n"
                                            "import tinything\ntinything.answer()")
    assert section(said, "result") == "42\n"


def test_curl_and_git(client, site):
    assert run(client, f"curl -sS http://{site.where}/page.txt") == "served\n"
    make_repository(site.folder, "project", {"README": "cloned\n"})
    assert run(client, f"git clone -q http://{site.where}/project.git && cat project/README") == \
        "cloned\n"
    said = client.text("code_execute", code="import urllib.request\n"
                       f"urllib.request.urlopen('http://{site.where}/page.txt').read()")
    assert section(said, "result") == "b'served\\n'\n"


def test_npm(client, site):
    make_npm_package(site.folder, "tiny", "module.exports = 6 * 7;")
    if not client.text("terminal_execute", command="npm --version").startswith("exit 0 "):
        pytest.skip("there is no npm on this machine")
    run(client, f"npm install --no-audit --no-fund http://{site.where}/tiny.tgz")
    assert run(client, "node -p 'require(\"tiny\")'") == "42\n"


def certificate(folder):
    """A server's TLS context, with a certificate of its own for ADDRESS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ADDRESS)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(ADDRESS))]), False)
            .sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_tls_goes_through_a_tunnel(connect, tmp_path):
    (tmp_path / "page.txt").write_text("secret\n")
    with serving(tmp_path, wrap=certificate(tmp_path)) as site:
        client = connect("python", "stdio", "--network", f"allow={ADDRESS}:{site.port}")
        client.text("file_write", path="cert.pem", content=(tmp_path / "cert.pem").read_text())
        url = f"https://{ADDRESS}:{site.port}/page.txt"
        assert run(client, f"curl -sS --cacert cert.pem {url}") == "secret\n"
        said = client.text("terminal_execute", command=f"curl -sS {url}")
        assert "certificate" in section(said, "stderr")


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_denials_are_named_in_the_result(connect, site, transport):
    client = connect("python", transport, "--network", f"allow={site.where}")
    with serving(site.folder, OTHER) as other:
        for command in (f"curl -sS http://{OTHER}:{other.port}/page.txt",
                        f"curl -sSp -x $http_proxy http://{OTHER}:{other.port}/page.txt",
                        f"curl -sS https://{OTHER}:{other.port}/"):
            said = client.text("terminal_execute", command=command)
            assert f"denied: connect {OTHER}:{other.port}" in said, said
            assert section(said, "stdout") != "served\n"
        said = client.text("code_execute", code="import urllib.request\n"
                           f"urllib.request.urlopen('http://{OTHER}:{other.port}/page.txt')")
        assert f"denied: connect {OTHER}:{other.port}" in said
        assert not other.seen
    said = client.text("terminal_execute", command=f"curl -sS http://{ADDRESS}:1/")
    assert f"denied: connect {ADDRESS}:1" in said
    info = client.call("sandbox_info", include=["policy"])["structuredContent"]
    assert any(site.where in line for line in info["egress"])


def test_without_a_network(connect, site):
    client = connect("python", "stdio")
    said = client.text("terminal_execute", command=f"curl -sS http://{site.where}/page.txt")
    assert not said.startswith("exit 0 "), said
    said = client.text("terminal_execute", command="curl -sS http://files.example.com/")
    assert said.startswith("exit 6 ") and "no network (--network none)" in said
    assert not site.seen and "no network" in client.instructions.lower()
