/*
 * The one-time URLs that tools give out for files, and what the server needs to serve them.
 */
#ifndef CLI_DOWNLOADS_H
#define CLI_DOWNLOADS_H

#include "cli/options.h"
#include "tools/tools.h"
#include "transport/http.h"

#define CLI_DOWNLOADS_S 300 /* that one is good, unless --download-seconds says otherwise */
#define CLI_DOWNLOADS_S_MAX 86400

struct cli_downloads;

/* *out is NULL where none are to be given out: without --http, with --download-seconds 0. */
int cli_downloads_new(const struct options *o, struct cli_downloads **out,
                      struct err *err) MUST_CHECK;
void cli_downloads_free(struct cli_downloads *d); /* NULL is fine, also below */

const struct handout_offer *cli_downloads_offer(struct cli_downloads *d);

/* Before the server starts; and where it listens then. */
void cli_downloads_serve(struct cli_downloads *d, struct http_config *config);
void cli_downloads_listens(struct cli_downloads *d, const char *address, uint16_t port);

#endif
