/*
 * MCP over standard input and output: one JSON message per line.
 */
#ifndef TRANSPORT_STDIO_H
#define TRANSPORT_STDIO_H

#include "mcp/server.h"

/*
 * Take the real standard input and output away, to private close-on-exec descriptors; from then
 * on descriptor 0 is /dev/null and 1 is standard error, so that nothing that prints or is started
 * can disturb the protocol. Call it first thing when serving on stdio; the second time it does
 * nothing.
 */
int stdio_claim(struct err *err) MUST_CHECK;

/*
 * Serve one connection until standard input ends, standard output breaks, or stop_fd is readable.
 * Then ends the calls in flight (CALL_CANCELLED), waits for them, and sends what is still to be
 * sent, for at most STDIO_FLUSH_MS. sandbox_name: NULL the unnamed sandbox. 0, or -1 when
 * it could not start.
 *
 * A line over SERVER_MESSAGE_MAX is refused and skipped. Answers that the client does not take are
 * queued up to STDIO_QUEUE_MAX bytes; from there on no further input is read, and
 * finished calls wait.
 */
int stdio_serve(struct server *srv, const char *sandbox_name, int stop_fd, struct err *err);

#define STDIO_QUEUE_MAX (64 * 1024 * 1024)
#define STDIO_FLUSH_MS 3000

#endif
