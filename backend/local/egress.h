/*
 * The way out: an HTTP and CONNECT proxy in the server that accepts on a socket made inside a
 * sandbox's network namespace, and the policy it enforces (LOCAL.md section 7).
 */
#ifndef BACKEND_LOCAL_EGRESS_H
#define BACKEND_LOCAL_EGRESS_H

#include "backend/results.h"

#define EGRESS_PORT 3128 /* 127.0.0.1 inside the sandbox */

struct egress_policy;
struct egress;

/* "none" gives *out = NULL; "allow=HOST[:PORT],..." a policy. ERR_INVALID names the rule. */
int egress_policy_parse(const char *network, struct egress_policy **out,
                        struct err *err) MUST_CHECK;
void egress_policy_free(struct egress_policy *p); /* NULL is fine */

/* The rules for people, one string each. */
int egress_policy_rules(const struct egress_policy *p, struct strings *out,
                        struct err *err) MUST_CHECK;

/* Serve until egress_stop(). listen_fd is taken, also on failure; p must outlive it. */
int egress_start(const struct egress_policy *p, int listen_fd, struct egress **out,
                 struct err *err) MUST_CHECK;
void egress_stop(struct egress *e); /* NULL is fine; every connection is closed */

/* Refusals since that monotonic time: "connect HOST:PORT refused by egress policy (rule)". */
int egress_denied_since(struct egress *e, int64_t since_ms, struct strings *out,
                        struct err *err) MUST_CHECK;

#endif
