/*
 * The request of `call TOOL '{json}'`, and its answer for people: text as it is, images named.
 */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include "cli/options.h"

#define MESSAGE_VERSION "2026-07-28"

/* tools/call from the command line's words; ERR_INVALID when they are wrong. */
int message_make(struct buf *out, const struct options *o, struct err *err) MUST_CHECK;

/* Print a JSON-RPC answer: the exit status, 0 or 1 when the tool reported an error; -1 with err. */
int message_print(const struct buf *reply, struct err *err) MUST_CHECK;

#endif
