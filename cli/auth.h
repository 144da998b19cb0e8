/*
 * From options to who may call: static tokens, an issuer's keys, and what clients are told
 * about it.
 */
#ifndef CLI_AUTH_H
#define CLI_AUTH_H

#include "cli/options.h"
#include "transport/auth.h"
#include "transport/jwks_remote.h"
#include "transport/jwt.h"
#include "transport/metadata.h"

/* Zero it; must not move once it was opened. */
struct cli_auth {
    struct auth *auth; /* NULL: --no-auth */
    struct jwt_rules rules;
    struct jwks_source source;
    struct fetcher *fetcher;
    const char *servers[OPTIONS_LIST_MAX + 1];
    char resource[512]; /* URI of the endpoint; "" when no issuer gives tokens */
};

/*
 * address and port: where the server will listen; port 0 is refused when the URI of the endpoint
 * follows from it. ERR_INVALID names the option.
 */
int cli_auth_open(const struct options *o, const char *address, uint16_t port, struct cli_auth *out,
                  struct err *err) MUST_CHECK;
void cli_auth_done(struct cli_auth *a);

/* For http_config. */
struct metadata_config cli_auth_metadata(const struct cli_auth *a);

#endif
