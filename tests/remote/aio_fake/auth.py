"""API key, RS256 JWT and ticket checks. Nothing configured means open."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time

RSA_OID = bytes.fromhex("06092a864886f70d010101")
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
TICKET_SECONDS = 30


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def der_item(data, at):
    """(tag, content, offset after it) of the DER item at an offset."""
    tag, size, at = data[at], data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(data[at : at + count], "big"), at + count
    return tag, data[at : at + size], at + size


def read_rsa_public_key(text):
    """(modulus, exponent) of a PEM "PUBLIC KEY", given as it is or once more in base64."""
    if "-----BEGIN" not in text:
        text = base64.b64decode(text).decode()
    body = re.search(r"-----BEGIN PUBLIC KEY-----(.+?)-----END", text, re.S)
    if not body:
        raise ValueError("not a PEM public key")
    _, info, _ = der_item(base64.b64decode(body[1]), 0)
    _, algorithm, at = der_item(info, 0)
    if not algorithm.startswith(RSA_OID):
        raise ValueError("not an RSA public key")
    _, bits, _ = der_item(info, at)
    _, pair, _ = der_item(bits[1:], 0)
    _, modulus, at = der_item(pair, 0)
    _, exponent, _ = der_item(pair, at)
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def rs256_matches(key, signed, signature):
    modulus, exponent = key
    size = (modulus.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    block = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    tail = b"\x00" + SHA256_DIGEST_INFO + hashlib.sha256(signed).digest()
    return hmac.compare_digest(block, b"\x00\x01" + b"\xff" * (size - 2 - len(tail)) + tail)


def jwt_valid(key, token, now):
    """RS256 only, `exp` optional, a token with an audience is refused."""
    try:
        head, payload, signature = token.split(".")
        if json.loads(unbase64url(head)).get("alg") != "RS256":
            return False
        if not rs256_matches(key, f"{head}.{payload}".encode(), unbase64url(signature)):
            return False
        claims = json.loads(unbase64url(payload))
        return "aud" not in claims and claims.get("exp", now + 1) > now
    except (ValueError, AttributeError, TypeError):
        return False


class Guard:
    def __init__(self, api_key=None, jwt_public_key=None, ticket_seconds=TICKET_SECONDS):
        self.api_key = api_key
        self.jwt_key = read_rsa_public_key(jwt_public_key) if jwt_public_key else None
        self.ticket_seconds = ticket_seconds
        self.tickets = {}

    @property
    def closed(self):
        return bool(self.api_key or self.jwt_key)

    def mint_ticket(self):
        ticket = secrets.token_urlsafe(24)
        self.tickets[ticket] = time.monotonic() + self.ticket_seconds
        return {"ticket": ticket, "expires_in": self.ticket_seconds}

    def key_matches(self, given):
        return bool(
            self.api_key and given and hmac.compare_digest(given.encode(), self.api_key.encode())
        )

    def allows(self, headers, query):
        if not self.closed:
            return True
        if self.key_matches(headers.get("x-aio-api-key")) or self.key_matches(query.get("api_key")):
            return True
        if self.tickets.get(query.get("ticket"), 0) > time.monotonic():
            return True
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        credential = credential.strip()
        if self.key_matches(credential):
            return True
        return bool(self.jwt_key and jwt_valid(self.jwt_key, credential, time.time()))
