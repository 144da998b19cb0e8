"""Documents of URLs, through the proxy that the sandbox's environment names."""

import http.client
import os
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from doc_model import Refused

REDIRECTS = 10


class Redirects(urllib.request.HTTPRedirectHandler):
    """To other pages only: a redirection to file: or ftp: is none."""
    max_redirections = REDIRECTS

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise Refused("denied", "%.300s redirects to what is no http(s): URL" % req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def unreachable(url, why):
    return Refused("unavailable", "%.300s cannot be reached: %s" % (url, str(why)[:200]),
                   "check the address, or download it in another way and pass its path")


def fetch(source, url, most, seconds):
    opener = urllib.request.build_opener(Redirects)
    opener.handlers = [h for h in opener.handlers if not isinstance(h, (
        urllib.request.FTPHandler, urllib.request.FileHandler, urllib.request.DataHandler))]
    until = time.monotonic() + seconds
    try:
        request = urllib.request.Request(url, headers={
            "User-Agent": "Mozilla/5.0 (compatible; sandbox-mcp)", "Accept": "*/*"})
        with opener.open(request, timeout=15) as answer:
            keep(source, answer, url, most, until)
    except urllib.error.HTTPError as e:
        if e.code < 400 and "not allowed" in str(e.msg):
            raise Refused("denied", "%.300s redirects to what is no http(s): URL" % url)
        raise Refused("not_found" if e.code in (404, 410) else "denied" if e.code in (401, 403)
                      else "unavailable", "%.300s answered HTTP %d" % (url, e.code))
    except urllib.error.URLError as e:
        raise unreachable(url, e.reason)
    except (OSError, http.client.HTTPException, ssl.SSLError, ValueError) as e:
        raise unreachable(url, e)


def keep(source, answer, url, most, until):
    source.temporary = tempfile.mkdtemp(prefix="sandbox-document-")
    source.path = os.path.join(source.temporary, "document")
    source.url = answer.geturl()
    source.mime = answer.headers.get_content_type()
    source.charset = answer.headers.get_content_charset()
    path = urllib.parse.urlsplit(source.url).path
    source.name = answer.headers.get_filename() or urllib.parse.unquote(
        path.rpartition("/")[2]) or urllib.parse.urlsplit(url).netloc
    source.name = source.name.rpartition("/")[2][:200]
    source.size = 0
    with open(source.path, "xb") as f:
        while True:
            data = answer.read(1 << 16)
            source.size += len(data)
            if source.size > most:
                raise Refused("too_large", "%.300s has more than %d MiB" % (url, most >> 20),
                              "download it with a command and pass its path")
            if time.monotonic() > until:
                raise Refused("timeout", "%.300s comes too slowly" % url,
                              "download it with a command and pass its path")
            if not data:
                return
            f.write(data)


def forget(source):
    if source.temporary:
        shutil.rmtree(source.temporary, ignore_errors=True)
