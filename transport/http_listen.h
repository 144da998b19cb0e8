/*
 * The listening socket of an endpoint.
 */
#ifndef TRANSPORT_HTTP_LISTEN_H
#define TRANSPORT_HTTP_LISTEN_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Bind and listen on a numeric address or "localhost" (127.0.0.1). *port is the one in use
 * afterwards, *loopback says that only this machine reaches it. The descriptor, or -1.
 */
int http_listen(const char *address, uint16_t *port, bool *loopback, struct err *err) MUST_CHECK;

/* The address as text; an IPv4 one that came by IPv6 as IPv4. "" for another family. */
struct sockaddr;
void http_address(const struct sockaddr *from, char out[46]);

#endif
