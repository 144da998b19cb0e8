"""The official Python client finds the issuer by our metadata, gets a token there and steps up."""

import asyncio
import base64
import hashlib
import http.server
import json
import secrets
import threading
import urllib.parse
import urllib.request

import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from lib import issuer as issuers

CALLBACK = "http://127.0.0.1:9/callback"


class AuthorizationServer:
    """Grants what `grant` makes of the scopes that are asked for; keeps what it was asked."""

    def __init__(self):
        self.keys, self.codes, self.asked = issuers.Issuer(), {}, []
        self.grant = lambda scope: scope
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path, _, query = self.path.partition("?")
                if path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", outer.authorize(dict(urllib.parse.parse_qsl(query))))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    found = outer.documents().get(path)
                    self.reply(found or {}, 200 if found else 404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/register":
                    self.reply({**json.loads(body), "client_id": "client"}, 201)
                else:
                    self.reply(outer.token(dict(urllib.parse.parse_qsl(body))), 200)

            def reply(self, message, status):
                body = json.dumps(message).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def documents(self):
        return {
            "/keys": {"keys": self.keys.published},
            "/.well-known/oauth-authorization-server": {
                "issuer": self.url, "authorization_endpoint": self.url + "/authorize",
                "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/keys",
                "registration_endpoint": self.url + "/register",
                "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none"]},
        }

    def authorize(self, params):
        self.asked.append(params)
        code = secrets.token_hex(8)
        self.codes[code] = params
        return CALLBACK + "?" + urllib.parse.urlencode({"code": code, "state": params["state"]})

    def token(self, params):
        asked = self.codes.pop(params["code"])
        digest = hashlib.sha256(params["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        scope = self.grant(asked["scope"])
        signed = self.keys.token("RS256", iss=self.url, aud=asked["resource"], scope=scope)
        return {"access_token": signed, "token_type": "Bearer", "expires_in": 300, "scope": scope}

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def approve(url):
    """What a person does in a browser; the query of the callback."""
    try:
        urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({})).open(url, timeout=30)
    except urllib.error.HTTPError as e:
        assert e.code == 302
        return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(e.headers["Location"]).query))
    raise AssertionError("no redirect")


def provider(server, storage):
    given = {}

    async def redirect(url):
        given.update(await asyncio.to_thread(approve, url))

    async def callback():
        return AuthorizationCodeResult(code=given["code"], state=given["state"])

    return OAuthClientProvider(
        server.url, OAuthClientMetadata(client_name="tests", redirect_uris=[CALLBACK],
                                        grant_types=["authorization_code", "refresh_token"],
                                        response_types=["code"]),
        storage, redirect, callback)


@pytest.fixture
def authority():
    made = AuthorizationServer()
    yield made
    made.close()


@pytest.fixture
def server(start_fake, authority):
    return start_fake("--jwt-issuer", authority.url, "--jwks-url", authority.url + "/keys", token=None)


def use(server, mode, work):
    async def run():
        async with create_mcp_http_client(auth=provider(server, Storage())) as web:
            async with Client(streamable_http_client(server.url, http_client=web), mode=mode) as client:
                return await work(client)
    return asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_gets_its_token_where_we_say(server, authority, mode):
    async def work(client):
        found = await client.call_tool("terminal_execute", {"command": "echo a"})
        return [tool.name for tool in (await client.list_tools()).tools], found

    names, found = use(server, mode, work)
    assert "terminal_execute" in names and not found.is_error
    assert [(one["resource"], one["scope"]) for one in authority.asked] == [(server.url, "execute")]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_steps_up_when_a_tool_needs_more(server, authority, mode):
    """The person grants to read at first, and to execute when that is asked for again."""
    authority.grant = lambda scope: "read" if len(authority.asked) == 1 else scope

    async def work(client):
        before = [tool.name for tool in (await client.list_tools()).tools]
        found = await client.call_tool("terminal_execute", {"command": "echo a"})
        return before, [tool.name for tool in (await client.list_tools()).tools], found

    before, after, found = use(server, mode, work)
    assert "sandbox_info" in before and "terminal_execute" not in before
    assert not found.is_error
    assert len(authority.asked) == 2 and "execute" in authority.asked[1]["scope"].split()
    assert len(after) >= len(before)
