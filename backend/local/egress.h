/*
 * The way out: an HTTP and CONNECT proxy in the server that accepts on a socket made inside a
 * sandbox's network namespace, and the policy it enforces (egress_policy.h).
 *
 * Threads: one that accepts, and one for each open connection; further connections are answered
 * 503. A plain HTTP request is forwarded as the only one of its connection, with the Host of its
 * URL, so that neither a second request nor a Host header reaches another server than was checked.
 */
#ifndef BACKEND_LOCAL_EGRESS_H
#define BACKEND_LOCAL_EGRESS_H

#include "backend/local/egress_policy.h"
#include "backend/results.h"

#define EGRESS_PORT 3128       /* 127.0.0.1 inside the sandbox */
#define EGRESS_CONNECTIONS 256 /* at once, per sandbox */
#define EGRESS_DENIALS 64      /* remembered, per sandbox */
#define EGRESS_HEAD_MAX 16384  /* bytes of a request's head */
#define EGRESS_CONNECT_S 20    /* to send a head, to reach a server */
#define EGRESS_IDLE_S 600      /* a connection on which nothing moves */

struct egress;

/* Serve until egress_stop(). listen_fd is taken, also on failure; policy gets a reference. */
int egress_start(const struct egress_policy *policy, int listen_fd, struct egress **out,
                 struct err *err) MUST_CHECK;
/*
 * Every connection is closed, soon: one whose name is just being resolved ends by itself when the
 * resolver gives up, and nobody waits for it. NULL is fine.
 */
void egress_stop(struct egress *e);

/* Refusals since that monotonic time: "connect HOST:PORT refused by egress policy (rule)". */
int egress_denied_since(struct egress *e, int64_t since_ms, struct strings *out,
                        struct err *err) MUST_CHECK;

#endif
