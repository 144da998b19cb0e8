/*
 * Where a sandbox may connect to.
 *
 * Text form: "none", or "allow=ENTRY,ENTRY,..." with at most EGRESS_ENTRIES entries:
 *   HOST[:PORT]     exactly that name
 *   *.HOST[:PORT]   any name below it (not HOST itself)
 *   *[:PORT]        any name
 *   IP[:PORT], [IPV6][:PORT], IP/BITS   an address or a block of them
 * PORT is a number, or * for any; without one 80 and 443 are meant.
 *
 * A name says nothing about addresses: what it resolves to must be public, or covered by an
 * address entry, or be the loopback where the name is "localhost" and is listed. So an
 * allowed name that starts to resolve to 127.0.0.1, 10.0.0.1, 169.254.169.254 or an address of
 * this machine reaches nothing (DNS rebinding). An empty list allows nothing.
 */
#ifndef BACKEND_LOCAL_EGRESS_POLICY_H
#define BACKEND_LOCAL_EGRESS_POLICY_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define EGRESS_ENTRIES 256
#define EGRESS_HOST_MAX 254

struct egress_policy;

/* *out is NULL for "none". */
int egress_policy_parse(const char *text, struct egress_policy **out, struct err *err) MUST_CHECK;
void egress_policy_free(struct egress_policy *p); /* drops one reference; NULL is fine */
struct egress_policy *egress_policy_ref(const struct egress_policy *p);

/*
 * Lower-cases, strips one trailing dot and brackets; false unless it can be a host name or an
 * address (letters, digits, - . _ and, for addresses, ':').
 */
bool egress_host_normal(const char *host, size_t len, char out[EGRESS_HOST_MAX]);

/* True when the (normal) host and port are listed. */
bool egress_policy_allows(const struct egress_policy *p, const char *host, uint16_t port);

/* True when this address may be reached for that host and port. */
bool egress_address_allowed(const struct egress_policy *p, const char *host, uint16_t port,
                            const struct sockaddr *addr);

/* True for globally routable unicast; mapped, translated and tunnelled IPv4 is looked into. */
bool egress_address_public(const struct sockaddr *addr);

/* The n-th entry as text, NULL behind the last. */
const char *egress_policy_entry(const struct egress_policy *p, size_t n);

/* True when localhost or a loopback address is listed: then it must not be in NO_PROXY. */
bool egress_policy_names_loopback(const struct egress_policy *p);

#endif
