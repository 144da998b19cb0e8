"""Reaching what listens on this machine, past the empty network and past the proxy."""

import os
import socket
import subprocess

import pytest

from escape.attack import REACHED, Listener, Names, own_addresses, spelled

@pytest.fixture
def listener():
    found = Listener()
    yield found
    found.close()


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
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for words in sys.argv[1:]:
    fd = libc.socket(*map(int, words.split(",")))
    print(words, "got" if fd >= 0 else os.strerror(ctypes.get_errno()), flush=True)
    if fd >= 0:
        os.close(fd)
"""
RAW_SOCKETS = {"packet": "17,3,768", "cooked packet": "17,2,768", "icmp": "2,3,1",
               "any protocol": "2,3,255", "icmp6": "10,3,58", "netfilter": "16,3,12",
               "audit": "16,3,9", "uevents": "16,3,15", "socket diagnosis": "16,3,4",
               "ipsec": "16,3,6"}
OTHER_FAMILIES = ["15,3,2", "29,3,1", "30,5,0", "31,3,1", "38,5,0", "40,1,0", "44,3,0"]


@pytest.mark.only("root")
@pytest.mark.parametrize("kind", RAW_SOCKETS)
def test_raw_sockets(place, kind):
    said = place.python(SOCKETS, RAW_SOCKETS[kind])
    place.expect(f"{RAW_SOCKETS[kind]} got" in said, said)


@pytest.mark.isolated
def test_sockets_that_are_not_to_be_had(place):
    """Also with bits that the kernel ignores set in the family; not each kernel has them all."""
    high = [f"{int(words.split(',')[0]) + (1 << 32)},{words.partition(',')[2]}"
            for words in (*RAW_SOCKETS.values(), *OTHER_FAMILIES)]
    said = place.python(SOCKETS, *RAW_SOCKETS.values(), *OTHER_FAMILIES, *high)
    assert "got" not in said and said.count("\n") > 2 * len(high), said
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


@pytest.fixture
def proxied(start_place):
    place = start_place("--network", "allow=*:*")
    assert "http_proxy=http" in place.run("env")
    return place


@pytest.mark.isolated
@pytest.mark.only("user")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_any_public_host_is_never_this_machine(proxied, listener, spelling):
    """Also names: what counts is the address that they lead to."""
    for host in spelled(spelling):
        end = f"HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"
        for request in (f"CONNECT {host}:{listener.port}", f"GET http://{host}:{listener.port}/"):
            said = proxied.python(RAW, f"{request} {end}")
            assert REACHED not in said and listener.count == 0, (host, said)
            assert " 200 " not in said, (host, said)
            if "cannot resolve" not in said:
                refused = said.partition("\ndenied: connect ")[2]
                assert "refused by egress policy (resolves to the non-public" in refused, said


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
@pytest.mark.only("user")
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1",
                                  "172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
                                  "[fe80::1]", "[ff02::1]", "[::ffff:169.254.169.254]",
                                  "2852039166"])
def test_private_and_metadata_addresses(proxied, host):
    said = proxied.python(RAW, f"GET http://{host}/latest/ HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n")
    assert " 403 " in said or " 400 " in said, said
    assert "cannot resolve" not in said, said
    if " 403 " in said:
        assert "denied: connect" in said, said


REQUESTS = {
    "two on one connection": "GET http://{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
                             "GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "host header of another":
        "GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: {allowed}\\r\\n\\r\\n",
    "user part": "CONNECT {allowed}@127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n",
    "user part in a URL":
        "GET http://{allowed}@127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "NUL in the name": "CONNECT 127.0.0.1\\x00{allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "line end in the name":
        "GET http://127.0.0.1:{port}\\n{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "no port": "CONNECT 127.0.0.1 HTTP/1.1\\r\\n\\r\\n",
    "another port": "CONNECT {allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "a path": "GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n",
    "another scheme": "GET gopher://127.0.0.1:{port}/ HTTP/1.1\\r\\n\\r\\n",
    "a suffix": "CONNECT x{allowed_host}:{port} HTTP/1.1\\r\\n\\r\\n",
    "nonsense": "\\x16\\x03\\x01\\x02\\x00",
    "two hosts": "GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: {allowed}\\r\\n"
                 "Host: {allowed}\\r\\n\\r\\n",
    "hosts of another": "GET http://{allowed}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n"
                        "hOsT: 127.0.0.1:{port}\\r\\n\\r\\n",
    "a host with a space":
        "GET http://{allowed}/ HTTP/1.1\\r\\nHost : 127.0.0.1:{port}\\r\\n\\r\\n",
    "a folded host": "GET http://{allowed}/ HTTP/1.1\\r\\nX: a\\r\\n\\tHost: 127.0.0.1:{port}"
                     "\\r\\n\\r\\n",
    "a line end in a field": "GET http://{allowed}/ HTTP/1.1\\r\\nX: a\\nHost: 127.0.0.1:{port}"
                             "\\r\\n\\r\\n",
    "a return in a field": "GET http://{allowed}/ HTTP/1.1\\r\\nX: a\\rHost: 127.0.0.1:{port}"
                           "\\r\\n\\r\\n",
    "NUL in a field": "GET http://{allowed}/ HTTP/1.1\\r\\nX: a\\x00\\r\\nHost: a\\r\\n\\r\\n",
    "NUL in a URL": "GET http://127.0.0.1\\x00.{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "line ends in the name": "CONNECT {allowed_host}\\r\\nX: y\\r\\n127.0.0.1:{port} HTTP/1.1"
                             "\\r\\n\\r\\n",
    "a fragment": "GET http://127.0.0.1:{port}#@{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "a query": "GET http://127.0.0.1:{port}?@{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "a backslash": "GET http://127.0.0.1:{port}\\\\@{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    "a zone": "CONNECT [::1%25lo]:{port} HTTP/1.1\\r\\n\\r\\n",
    "a port too large": "CONNECT 127.0.0.2:6{port} HTTP/1.1\\r\\n\\r\\n",
    "spaces": "CONNECT  127.0.0.1:{port}  HTTP/1.1\\r\\n\\r\\n",
}


@pytest.mark.isolated
@pytest.mark.only("user")
@pytest.mark.parametrize("kind", REQUESTS)
def test_requests_that_confuse(start_place, listener, kind):
    served = Listener()
    allowed = f"127.0.0.2:{served.port}"
    place = start_place("--network", f"allow={allowed}")
    text = REQUESTS[kind].format(allowed=allowed, allowed_host="127.0.0.2", port=listener.port)
    said = place.python(RAW, text, timeout_s=8)
    assert listener.count == 0, said
    if " 403 " in said:
        assert "\ndenied: connect " in said and "(not in the allow list)" in said, said
    said = place.python(RAW, f"GET http://{allowed}/ HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    assert REACHED in said and served.count > 0, said
    assert f"\r\nHost: {allowed}\r\n".encode() in served.got[-1]
    for head in served.got:
        assert head.partition(b"\r\n\r\n")[0].lower().count(b"\nhost:") == 1, head
    served.close()


LATER = """
import os, socket, sys, time, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["http_proxy"])
s = socket.create_connection((proxy.hostname, proxy.port))
s.settimeout(2)
try:
    for url in sys.argv[1:]:
        s.sendall(f"GET {url} HTTP/1.1\\r\\nConnection: keep-alive\\r\\n\\r\\n".encode())
        print(s.recv(4096))
        time.sleep(0.2)
except OSError as e:
    print(e)
"""


@pytest.mark.isolated
def test_another_server_later_on_the_same_connection(start_place, listener):
    """Whatever comes behind the first request goes to the server of the first."""
    served = Listener()
    place = start_place("--network", f"allow=127.0.0.2:{served.port},127.0.0.3:{listener.port}")
    first, second = f"http://127.0.0.2:{served.port}/", f"http://127.0.0.3:{listener.port}/"
    said = place.python(LATER, first, second)
    assert REACHED in said and served.count == 1 and listener.count == 0, said
    said = place.python(LATER, second)
    assert REACHED in said and listener.count == 1, said
    served.close()


@pytest.fixture
def names(tmp_path):
    found = Names(tmp_path)
    found.set(rebind=["127.0.0.1"])
    return found


GET = "curl -sS -m 3 http://rebind.example:{port}/; curl -sS -m 3 -p -x $http_proxy " \
      "http://rebind.example:{port}/"


@pytest.mark.only("root")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "own4",
                                     "own6"])
def test_a_name_that_leads_here(start_place, names, listener, address):
    """DNS rebinding: that the name is allowed says nothing about where it leads."""
    for each in spelled(address):
        names.set(rebind=[each.strip("[]")])
        place = start_place("--network", "allow=rebind.example:*", before=names.before)
        said = place.run(GET.format(port=listener.port))
        place.expect(REACHED in said and listener.count > 0, said)
        if not place.host:
            assert listener.count == 0
            assert f"denied: connect rebind.example:{listener.port} refused" in said, said


@pytest.mark.isolated
@pytest.mark.only("root")
def test_a_name_whose_address_changes(start_place, names, listener):
    """What was allowed before is looked at anew; and one of several addresses is not enough."""
    place = start_place("--network", f"allow=rebind.example:*,127.0.0.2:{listener.port}",
                        before=names.before)
    for good, addresses in ((True, ["127.0.0.2"]), (False, ["127.0.0.1"]),
                            (False, ["127.0.0.3", "127.0.0.1"]), (True, ["127.0.0.1", "127.0.0.2"]),
                            (False, ["169.254.169.254"])):
        names.set(rebind=addresses)
        before = listener.count
        said = place.run(GET.format(port=listener.port))
        assert (REACHED in said) == good == (listener.count > before), (addresses, said)
        assert ("denied: connect rebind.example" in said) != good, said


@pytest.mark.only("root")
def test_names_of_the_machine(start_place, names):
    """Nor can they be asked for: neither what its table says nor what its resolver is."""
    place = start_place(before=names.before)
    said = place.run("getent hosts rebind.example; grep example /etc/hosts")
    place.expect("127.0.0.1" in said, said)


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
