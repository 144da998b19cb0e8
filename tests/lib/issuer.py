"""An issuer of signed tokens: keys of three kinds, tokens by PyJWT, and its keys on loopback."""

import http.server
import json
import threading
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

NAME = "https://issuer.example"
MAKE = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key, algorithm, kid, **more):
    found = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    found.pop("key_ops", None)
    return {**found, "kid": kid, "use": "sig", "alg": algorithm, **more}


class Issuer:
    """
    Signs for one audience. Its JWKS are at .url once it is published; .answer, when set, is called
    with the request handler instead of answering the keys.
    """

    def __init__(self, audience=None):
        self.audience, self.answer, self.asked = audience, None, 0
        self.keys = {name: make() for name, make in MAKE.items()}
        self.published = [jwk(key, name, name) for name, key in self.keys.items()]
        self._http = None

    def token(self, algorithm="ES256", key=None, headers=None, without=(), **claims):
        now = int(time.time())
        found = {"iss": NAME, "aud": self.audience, "sub": "ann", "iat": now, "exp": now + 300,
                 "scope": "execute", **claims}
        for name in without:
            del found[name]
        key = key if key is not None else self.keys[algorithm]
        return jwt.encode(found, key, algorithm, headers={"kid": algorithm, **(headers or {})})

    def publish(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                if issuer.answer:
                    issuer.answer(self)
                else:
                    self.reply(json.dumps({"keys": issuer.published}).encode())

            def reply(self, body, status=200):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self.url

    @property
    def url(self):
        return f"http://127.0.0.1:{self._http.server_address[1]}/keys"

    def close(self):
        if self._http:
            self._http.shutdown()
            self._http.server_close()
