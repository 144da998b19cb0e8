#include "backend/browser/net_error.h"

#include <string.h>

static const struct {
    const char *name; /* behind net::ERR_; a prefix */
    enum err_code code;
    const char *what, *next;
} errors[] = {
    { "NAME_NOT_RESOLVED", ERR_UNAVAILABLE, "the host's name is not known",
      "check its spelling, and that the network policy allows the host" },
    { "CONNECTION_REFUSED", ERR_UNAVAILABLE, "nothing listens at that address and port",
      "start the server, or check the port" },
    { "CONNECTION_TIMED_OUT", ERR_UNAVAILABLE, "the server cannot be reached", NULL },
    { "TIMED_OUT", ERR_UNAVAILABLE, "the server did not answer", NULL },
    { "ADDRESS_UNREACHABLE", ERR_UNAVAILABLE, "the server cannot be reached", NULL },
    { "INTERNET_DISCONNECTED", ERR_UNAVAILABLE, "there is no network",
      "the network policy may forbid it, or the page is set to be offline" },
    { "CONNECTION_RESET", ERR_UNAVAILABLE, "the server broke the connection", NULL },
    { "CONNECTION_CLOSED", ERR_UNAVAILABLE, "the server closed the connection", NULL },
    { "EMPTY_RESPONSE", ERR_UNAVAILABLE, "the server closed without an answer", NULL },
    { "TUNNEL_CONNECTION_FAILED", ERR_DENIED, "the proxy refused the connection",
      "the network policy has to allow the host" },
    { "PROXY", ERR_UNAVAILABLE, "the proxy cannot be reached", NULL },
    { "TOO_MANY_REDIRECTS", ERR_INVALID, "the server redirects in a circle", NULL },
    { "INVALID_REDIRECT", ERR_INVALID, "the server redirects to what is no address", NULL },
    { "UNSAFE_REDIRECT", ERR_DENIED, "the server redirects to a scheme that is refused", NULL },
    { "INVALID_URL", ERR_INVALID, "this is no URL", "pass a whole URL" },
    { "UNKNOWN_URL_SCHEME", ERR_INVALID, "the URL's scheme is not known", NULL },
    { "DISALLOWED_URL_SCHEME", ERR_DENIED, "the URL's scheme is refused", NULL },
    { "UNSAFE_PORT", ERR_DENIED, "browsers refuse that port", "use another port" },
    { "CERT_", ERR_UNAVAILABLE, "the server's certificate is not accepted", NULL },
    { "SSL_", ERR_UNAVAILABLE, "TLS with the server failed",
      "check whether the server speaks https on that port" },
    { "INVALID_RESPONSE", ERR_UNAVAILABLE, "the server's answer is no HTTP", NULL },
    { "INVALID_HTTP_RESPONSE", ERR_UNAVAILABLE, "the server's answer is no HTTP", NULL },
    { "BLOCKED_BY", ERR_DENIED, "it was blocked", "look at the page's routes and policies" },
    { "ABORTED", ERR_CONFLICT,
      "it was given up for another navigation, or the server had"
      " nothing to show",
      NULL },
    { "INVALID_AUTH_CREDENTIALS", ERR_UNAVAILABLE, "it wants a user and a password (HTTP 401)",
      "give them with browser_headers" },
    { "", ERR_UNAVAILABLE, "it could not be loaded", NULL },
};

int net_error(const char *error, const char *url, struct err *err)
{
    const char *name = error;
    size_t i = 0;

    if (!strncmp(name, "net::ERR_", 9))
        name += 9;
    while (strncmp(errors[i].name, name, strlen(errors[i].name)))
        i++;
    err_set(err, errors[i].code, "%.300s: %s (%.64s)", url ? url : "the page", errors[i].what,
            error);
    return errors[i].next ? err_next(err, "%s", errors[i].next) : -1;
}
