"""What attacks are made of: things of the test's own to go for, and names that lead to them."""

import contextlib
import socket
import subprocess
import threading

GREETING = b"HTTP/1.0 200 OK\r\n\r\nreached the machine\n"
REACHED = "reached the machine"


class Listener:
    """
    Greets whoever connects to a port, over TCP on all addresses. count: how many did; got: what
    each sent first.
    """

    def __init__(self):
        self.count, self.got = 0, []
        self.server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.server.accept()
                self.count += 1
                threading.Thread(target=self._greet, args=(peer,), daemon=True).start()

    def _greet(self, peer):
        with contextlib.suppress(OSError), peer:
            peer.settimeout(1)
            self.got.append(peer.recv(4096))
            peer.sendall(GREETING)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def own_addresses():
    """Addresses of this machine that are not loopback: every machine with a network has some."""
    said = subprocess.run(["ip", "-o", "addr", "show", "scope", "global"], capture_output=True,
                          text=True).stdout
    return [line.split()[3].split("/")[0] for line in said.splitlines()]


def spelled(text):
    if text == "hostname":
        return [socket.gethostname()]
    if text == "own4":
        return [a for a in own_addresses() if ":" not in a]
    if text == "own6":
        return [f"[{a}]" for a in own_addresses() if ":" in a]
    return [text]


class Names:
    """Names that the machine resolves for a server alone, by a table of its own."""

    def __init__(self, folder):
        self.path = folder / "hosts"
        self.before = ["unshare", "-m", "--propagation", "private", "sh", "-ec",
                       f'mount --bind {self.path} /etc/hosts; exec "$@"', "sh"]

    def set(self, **addresses):
        """In place, as it is mounted somewhere."""
        self.path.write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {name}.example\n" for name, some in addresses.items() for address in some))
