/*
 * DevTools of sandboxes' browsers for other programs: the tickets that browser_info gives out, and
 * the WebSockets at /cdp/SANDBOX that take them.
 */
#ifndef CLI_CDP_H
#define CLI_CDP_H

#include "cli/options.h"
#include "tools/tools.h"
#include "transport/http.h"

#define CLI_CDP_TICKET_MS (60 * 1000)

struct cli_cdp;

/* The backend is borrowed. *out is NULL where nothing is to be offered: without --http, with our
 * own TLS, with --read-only. */
int cli_cdp_new(const struct options *o, struct backend *be, struct cli_cdp **out,
                struct err *err) MUST_CHECK;
void cli_cdp_free(struct cli_cdp *cdp); /* NULL is fine, also below */

const struct cdp_offer *cli_cdp_offer(struct cli_cdp *cdp);

/* Before the server starts; and where it listens then. */
void cli_cdp_serve(struct cli_cdp *cdp, struct http_config *config);
void cli_cdp_listens(struct cli_cdp *cdp, const char *address, uint16_t port);

#endif
