"""Reaching what listens on this machine, past the empty network and past the proxy."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest

GREETING = b"HTTP/1.0 200 OK\r\n\r\nreached the machine\n"
REACHED = "reached the machine"


class Listener:
    """Greets whoever connects to a port, over TCP on all addresses; .count says how many did."""

    def __init__(self):
        self.count, self.sockets = 0, []
        self.server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.server.accept()
                self.count += 1
                threading.Thread(target=self._greet, args=(peer,), daemon=True).start()

    @staticmethod
    def _greet(peer):
        with contextlib.suppress(OSError), peer:
            peer.settimeout(1)
            peer.recv(4096)
            peer.sendall(GREETING)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def listener():
    found = Listener()
    yield found
    found.close()


def own_addresses():
    """Addresses of this machine that are not loopback: every machine with a network has some."""
    said = subprocess.run(["ip", "-o", "addr", "show", "scope", "global"], capture_output=True,
                          text=True).stdout
    return [line.split()[3].split("/")[0] for line in said.splitlines()]


CONNECT = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.settimeout(3)
s.connect((address, port))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(1000))
"""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.7.7.7", "0.0.0.0", "::1", "::",
                                     "::ffff:127.0.0.1", "own"])
def test_connecting(place, listener, address):
    for each in own_addresses() if address == "own" else [address]:
        said = place.python(CONNECT, each, listener.port)
        place.expect(REACHED in said and listener.count > 0, said)


WAYS = {
    "curl": "curl -sS -m 3 --noproxy '*' http://127.0.0.1:{port}/",
    "bash": "exec 3<>/dev/tcp/127.0.0.1/{port}; echo GET >&3; cat <&3",
    "a child of a daemon": "(setsid sh -c 'curl -sS -m 3 http://127.0.0.1:{port}/ >o' &) ; "
                           "sleep 0.3; cat o",
    "without the environment": "env -i curl -sS -m 3 http://127.0.0.1:{port}/",
    "a name": "curl -sS -m 3 --noproxy '*' http://localhost:{port}/",
    "a number": "curl -sS -m 3 --noproxy '*' http://2130706433:{port}/",
    "perl": "perl -MIO::Socket -e '$s = IO::Socket::INET->new(\"127.0.0.1:{port}\"); "
            "print $s \"GET\\n\"; print while <$s>'",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("proxy", [False, True], ids=["none", "allow"])
def test_ways_around(start_place, listener, way, proxy):
    place = start_place(*(["--network", "allow=example.com"] if proxy else []))
    said = place.run(WAYS[way].format(port=listener.port), timeout_s=6)
    place.expect(REACHED in said, said)
    assert place.host or listener.count == 0


def test_sockets_of_the_file_system_and_the_abstract_ones(place):
    path = str(place.outside / "s")
    name = f"\0escape-{place.token}"
    ends = []
    for address in (path, name):
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen()
        ends.append(server)
    os.chmod(path, 0o777)
    for address in (repr(path), repr(name)):
        said = place.python(f"import socket; s = socket.socket(socket.AF_UNIX); "
                            f"s.connect({address}); print('con' + 'nected')")
        place.expect("connected" in said, said)
    for server in ends:
        server.close()


DATAGRAM = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(sys.argv[1].encode(), ("127.0.0.1", int(sys.argv[2])))
"""


def test_datagrams(place):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.3)
        place.python(DATAGRAM, place.token, s.getsockname()[1])
        try:
            found = s.recv(100).decode()
        except TimeoutError:
            found = ""
    place.expect(found == place.token)


SOCKETS = """
import socket
for family, kind, protocol in ((socket.AF_PACKET, socket.SOCK_RAW, 0x0300),
                               (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
                               (socket.AF_NETLINK, socket.SOCK_RAW, 4),
                               (socket.AF_NETLINK, socket.SOCK_RAW, 12),
                               (40, socket.SOCK_STREAM, 0), (38, socket.SOCK_SEQPACKET, 0),
                               (31, socket.SOCK_RAW, 1), (16 + 28, socket.SOCK_RAW, 0)):
    try:
        socket.socket(family, kind, protocol)
        print("got", family, kind, protocol)
    except OSError as e:
        print(family, e.strerror)
"""


@pytest.mark.isolated
def test_sockets_that_are_not_to_be_had(place):
    said = place.python(SOCKETS)
    assert "got" not in said and said.count("\n") > 8, said
    said = place.run("ip addr; ip link set lo down; ip route; cat /proc/net/dev")
    assert "eth0" not in said and ": lo" in said or "ip: command not found" in said, said


# Spellings of this machine's addresses, as a CONNECT or a URL names its host.
SPELLINGS = ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "127.1", "2130706433",
             "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
             "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "127.0.0.2", "ip6-localhost", "hostname",
             "own4", "own6", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]

# Sends bytes to the proxy as they are and shows what comes.
RAW = """
import os, socket, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["http_proxy"])
data = sys.argv[1].encode().decode("unicode_escape").encode("latin-1")
s = socket.create_connection((proxy.hostname, proxy.port))
s.settimeout(2)
s.sendall(data)
if data.startswith(b"CONNECT"):
    head = s.recv(4096)
    print(head)
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
try:
    while more := s.recv(4096):
        print(more)
except OSError as e:
    print(e)
"""


def spelled(text):
    if text == "hostname":
        return [socket.gethostname()]
    if text == "own4":
        return [a for a in own_addresses() if ":" not in a]
    if text == "own6":
        return [f"[{a}]" for a in own_addresses() if ":" in a]
    return [text]


@pytest.fixture
def proxied(start_place):
    place = start_place("--network", "allow=*:*")
    assert "http_proxy=http" in place.run("env")
    return place


@pytest.mark.isolated
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_any_public_host_is_never_this_machine(proxied, listener, spelling):
    """Also names: what counts is the address that they lead to."""
    for host in spelled(spelling):
        for request in (f"CONNECT {host}:{listener.port} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n",
                        f"GET http://{host}:{listener.port}/ HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"):
            said = proxied.python(RAW, request)
            assert REACHED not in said and listener.count == 0, (host, said)
            assert " 200 " not in said, (host, said)


def test_that_these_spellings_do_lead_here(listener):
    """Without this the test above would not say much."""
    here = 0
    for spelling in SPELLINGS:
        for host in spelled(spelling):
            said = subprocess.run(
                ["curl", "-sS", "-m", "1", "--noproxy", "*", f"http://{host}:{listener.port}/"],
                capture_output=True, text=True).stdout
            here += REACHED in said
    assert here >= 14 and listener.count >= 14


@pytest.mark.isolated
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1",
                                  "172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
                                  "[fe80::1]", "[ff02::1]", "[::ffff:169.254.169.254]", "2852039166"])
def test_private_and_metadata_addresses(proxied, host):
    said = proxied.python(RAW, f"GET http://{host}/latest/ HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n")
    assert " 403 " in said or " 400 " in said, said
    if " 403 " in said:
        assert "denied: connect" in said, said


REQUESTS = {
    "two on one connection": "GET http://{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
                             "GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "host header of another": "GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: {allowed}\\r\\n\\r\\n",
    "user part": "CONNECT {allowed}@127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n",
    "user part in a URL": "GET http://{allowed}@127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "NUL in the name": "CONNECT 127.0.0.1\\x00{allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "line end in the name": "GET http://127.0.0.1:{port}\\n{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "no port": "CONNECT 127.0.0.1 HTTP/1.1\\r\\n\\r\\n",
    "another port": "CONNECT {allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "a path": "GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n",
    "another scheme": "GET gopher://127.0.0.1:{port}/ HTTP/1.1\\r\\n\\r\\n",
    "a suffix": "CONNECT x{allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "nonsense": "\\x16\\x03\\x01\\x02\\x00",
    "spaces": "CONNECT  127.0.0.1:{port}  HTTP/1.1\\r\\n\\r\\n",
}


@pytest.mark.isolated
@pytest.mark.parametrize("kind", REQUESTS)
def test_requests_that_confuse(start_place, listener, kind):
    served = Listener()
    allowed = f"127.0.0.2:{served.port}"
    place = start_place("--network", f"allow={allowed}")
    text = REQUESTS[kind].format(allowed=allowed, allowed_host="127.0.0.2", port=listener.port)
    said = place.python(RAW, text, timeout_s=8)
    assert listener.count == 0, said
    said = place.python(RAW, f"GET http://{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    assert REACHED in said and served.count > 0, said
    served.close()


@pytest.mark.isolated
def test_many_connections_to_the_proxy(start_place, listener):
    """Whoever opens all there are harms only that sandbox, and the server stays responsive."""
    place = start_place("--network", f"allow=127.0.0.2:{listener.port}")
    place.say("file_write", path="hold.py", content=(
        "import socket, time\nheld = []\n"
        "for i in range(3000):\n"
        "    try: held.append(socket.create_connection(('127.0.0.1', 3128), 1)); "
        "held[-1].send(b'GET http')\n"
        "    except OSError: break\n"
        "print(len(held), flush=True); time.sleep(60)\n"))
    place.run("exec python3 hold.py", yield_s=1)
    place.alive()
    assert "import socket" in place.say("file_read", path="hold.py")
