/*
 * What a page has asked of the network: every request of its frames and workers, redirects as
 * requests of their own, web sockets too; no data: URLs. Requests of a service worker are in the
 * log of the newest page of its origin. The log outlives navigations; the oldest requests go
 * first when there are more than NET_REQUESTS_MAX, and beyond NET_LOG_BYTES the details (headers,
 * post data) of the oldest. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_NET_LOG_H
#define BACKEND_BROWSER_NET_LOG_H

#include "backend/browser/page.h"

#define NET_REQUESTS_MAX 1000           /* of one page */
#define NET_LOG_BYTES (1536 * 1024)     /* of one page: URLs, headers, post data */
#define NET_URL_MAX 8192                /* bytes kept of a URL; a longer one ends in "..." */
#define NET_HEADERS_MAX (16 * 1024)     /* bytes kept of the headers of one message */
#define NET_POST_MAX (64 * 1024)        /* bytes kept of what was posted */
#define NET_BODY_MAX (40 * 1024 * 1024) /* a response's body that can be read at all */
#define NET_MESSAGES 16                 /* the last ones of a web socket are kept */
#define NET_MESSAGE_MAX 512             /* bytes of each */

/* Name and value, each ended by a NUL, one behind the other. */
struct net_headers {
    char *data;
    size_t len;
    unsigned count;
    bool cut;  /* there were more */
    bool real; /* as they were on the wire, with cookies */
};

/* The value, case of the name ignored; NULL none. */
const char *net_header(const struct net_headers *h, const char *name);

/* *at NULL: the first one; false: there are no more. */
bool net_header_next(const struct net_headers *h, const char **name, const char **value);

struct net_timing { /* milliseconds since the start, -1 not known */
    double blocked, dns_start, dns_end, connect_start, connect_end, ssl_start, ssl_end, send_start,
        send_end, headers, end;
};

struct net_message {
    bool sent, binary;
    uint64_t size;
    char text[NET_MESSAGE_MAX + 1]; /* binary: base64; cut */
};

struct net_request {
    unsigned number;           /* "r<number>" */
    char *url;                 /* never NULL */
    char method[16], type[20]; /* type: "document", "xhr", "websocket", ... */
    int status;                /* 0: no answer */
    char status_text[40], protocol[16], mime[80], charset[24], address[64];
    char failure[160];             /* "" it did not fail */
    char initiator[20];            /* "parser", "script", ... */
    char *initiator_url;           /* NULL unknown */
    bool main_document;            /* of the page */
    bool over, failed, redirected; /* redirected: the next one with its id is where to */
    bool from_cache, from_worker, mocked;
    bool stripped; /* headers and post data are no longer kept */
    struct net_headers request, response;
    char *post; /* NULL none or not kept */
    size_t post_len;
    bool has_post;
    int64_t wall_ms;          /* when it was sent, since 1970 */
    int64_t encoded, decoded; /* bytes of the body on the wire and unpacked; -1 unknown */
    struct net_timing timing;
    uint64_t messages_sent, messages_received; /* of a web socket */
    struct net_message *messages;              /* the last ones, oldest first; NULL none */
    unsigned message_count;
};

/* Its milliseconds until it was over; -1 when it is not. */
double net_duration(const struct net_request *r);

/* Images, fonts, style sheets, scripts, media: what is rarely of interest when it went well. */
bool net_is_static(const struct net_request *r);

struct net_list {                 /* summaries: without headers, post data and messages */
    struct net_request *requests; /* oldest first */
    size_t count;
    char *text;    /* their strings */
    uint64_t lost; /* older ones that are no longer kept */
};
int net_list(struct page *page, struct net_list *out, struct err *err) MUST_CHECK;
void net_list_done(struct net_list *l);

/* All of one; net_request_done(). ERR_NOT_FOUND, ERR_GONE. */
int net_get(struct page *page, unsigned number, struct net_request *out,
            struct err *err) MUST_CHECK;
void net_request_done(struct net_request *r);

struct net_body {
    struct buf data; /* bytes as the page got them, text as UTF-8 */
    bool text;
};
void net_body_done(struct net_body *b);

/*
 * Of its response. ERR_GONE: the browser has it no longer (its document was left, it is too
 * large); ERR_BUSY: it is not over; ERR_NOT_FOUND: it has none.
 */
int net_get_body(struct page *page, unsigned number, struct call *call, struct net_body *out,
                 struct err *err) MUST_CHECK;

/* What was posted, asked from the browser when it is not kept; ERR_GONE, ERR_NOT_FOUND. */
int net_get_post(struct page *page, unsigned number, struct call *call, struct buf *out,
                 struct err *err) MUST_CHECK;

/* ---- a regular expression (PCRE2, bounded) on many short texts; one thread ---- */

struct net_regex;
int net_regex_new(const char *pattern, struct net_regex **out, struct err *err) MUST_CHECK;
bool net_regex_matches(struct net_regex *re, const char *text); /* too costly: false */
void net_regex_free(struct net_regex *re);                      /* NULL is fine */
DEFINE_AUTO_PTR(net_regex, net_regex_free);

#endif
