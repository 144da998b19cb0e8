/*
 * Rules for requests: answer, refuse, delay or change them. They hold for all pages of a browser,
 * those of isolated contexts, popups, frames and workers too, from the moment they are added; web
 * sockets are not theirs. The newest rule that matches decides, before a HAR that is replayed and
 * before extra headers. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_ROUTE_H
#define BACKEND_BROWSER_ROUTE_H

#include "backend/browser/browser.h"

#define ROUTES_MAX 64
#define ROUTE_PATTERN_MAX 1024
#define ROUTE_BODY_MAX (8 * 1024 * 1024) /* bytes of one answer */
#define ROUTE_BODIES_MAX (32 * 1024 * 1024)
#define ROUTE_DELAY_MAX_MS 60000
#define ROUTE_HEADERS_MAX 64

/* ---- globs of URLs ---- */

/*
 * `**` is anything, `*` anything but '/', `{a,b}` either, `\` takes the next character as it is;
 * all else is itself, '?' too. A pattern that begins with '/' is about path and query; in one
 * without '/' also `*` is anything.
 */
struct url_glob;
int url_glob_new(const char *pattern, struct url_glob **out, struct err *err) MUST_CHECK;
bool url_glob_matches(const struct url_glob *glob, const char *url);
/* As a pattern of Fetch.enable: matches at least what the glob matches; "*" at worst. */
const char *url_glob_wide(const struct url_glob *glob);
void url_glob_free(struct url_glob *glob); /* NULL is fine */
DEFINE_AUTO_PTR(url_glob, url_glob_free);

/* ---- rules ---- */

struct route_header {
    const char *name, *value; /* value "": of a request, it is removed */
};

struct route_spec { /* borrowed */
    const char *pattern;
    bool abort;       /* it fails as if it was blocked */
    int status;       /* of an answer; 0: 200 when there is a body, else none */
    const char *body; /* NULL none; bytes */
    size_t body_len;
    const struct route_header *headers; /* of the answer; without one, of the request */
    size_t header_count;
    int64_t delay_ms;
    int64_t times; /* 0: no bound */
};

struct route_info {
    unsigned number;
    char pattern[ROUTE_PATTERN_MAX];
    char action[96]; /* "answer 200, 12 bytes", "abort", ... for people */
    uint64_t hits;
    int64_t left; /* -1: no bound */
};

/* Returns when all pages know. ERR_INVALID, ERR_QUOTA. */
int route_add(struct browser *browser, const struct route_spec *spec, struct call *call,
              struct err *err) MUST_CHECK;

/* Those with that pattern, NULL all; what they hold up goes on. *removed may be NULL. */
int route_remove(struct browser *browser, const char *pattern, struct call *call, size_t *removed,
                 struct err *err) MUST_CHECK;

/* Newest first; returns how many. */
size_t route_list(struct browser *browser, struct route_info *out, size_t max);

#endif
