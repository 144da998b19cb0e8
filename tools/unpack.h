/*
 * What a program inside of the sandbox does with what is brought in: it unpacks archives and
 * fetches URLs, with the sandbox's rights, network and limits. The server only hands it over and
 * reads what it says.
 */
#ifndef TOOLS_UNPACK_H
#define TOOLS_UNPACK_H

#include "tools/transfer.h"

#define UNPACK_BYTES_MAX (2048ll * 1024 * 1024) /* unpacked, of one archive */
#define UNPACK_FILES_MAX 100000
#define BRING_TIMEOUT_MS (600 * 1000)
#define BRING_YIELD_MS 20000

/* An archive that fd holds, into in->to. */
int unpack_file(const struct bringing *in, int fd, int64_t size, const char *name,
                struct brought *out, struct err *err) MUST_CHECK;

/* A URL, under the sandbox's egress policy. */
int bring_url(const struct bringing *in, const char *url, struct brought *out,
              struct err *err) MUST_CHECK;

#endif
