/*
 * What is added to the requests of a browser: headers for all origins or for some, credentials for
 * HTTP authentication, and whether there is a network at all. For all pages, isolated contexts,
 * popups, frames and workers too. Headers for some origins are sent to no other one, redirects and
 * what pages load from elsewhere included; web sockets do not get them. Any thread but the
 * connection's.
 */
#ifndef BACKEND_BROWSER_HEADERS_H
#define BACKEND_BROWSER_HEADERS_H

#include "backend/browser/browser.h"
#include "backend/browser/route.h"
#include "backend/results.h"

#define HEADER_RULES_MAX 32
#define HEADER_ORIGINS_MAX 16
#define HEADER_ORIGIN_MAX 300
#define HEADER_NAME_MAX 128
#define HEADER_VALUE_MAX 8192
#define HEADER_USER_MAX 1024 /* bytes of a user name or password */

struct headers_spec {                   /* borrowed */
    const struct route_header *headers; /* value "": no longer added */
    size_t header_count;
    const char *const *origins; /* "https://example.com:8443", "example.com", "*.example.com" */
    size_t origin_count;        /* 0: all, without credentials */
    const char *username, *password; /* NULL none */
};

/* A rule for the same origins is replaced as far as it names the same headers. ERR_INVALID,
 * ERR_QUOTA. Returns when all pages know. */
int headers_set(struct browser *browser, const struct headers_spec *spec, struct call *call,
                struct err *err) MUST_CHECK;
int headers_offline(struct browser *browser, bool offline, struct call *call,
                    struct err *err) MUST_CHECK;
/* All rules; the network is there again. */
int headers_clear(struct browser *browser, struct call *call, struct err *err) MUST_CHECK;

struct headers_rule {
    struct strings origins; /* empty: all */
    struct strings headers; /* "name: value", secret values masked */
    bool credentials;
};
struct headers_rules {
    struct headers_rule rules[HEADER_RULES_MAX];
    size_t count;
    bool offline;
};
int headers_list(struct browser *browser, struct headers_rules *out, struct err *err) MUST_CHECK;
void headers_rules_done(struct headers_rules *r);

/* "X-Name" and a value that may be sent; ERR_INVALID says what is wrong. */
int header_check(const struct route_header *h, bool request, struct err *err) MUST_CHECK;

#endif
