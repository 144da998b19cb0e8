/*
 * What the operator asked for: options over environment over defaults. One table in
 * options.c is the source of parsing, --help and the environment names
 * (--token-file = SANDBOX_MCP_TOKEN_FILE).
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "backend/backend.h"
#include "base/err.h"
#include "mcp/view.h"

#define OPTIONS_LIST_MAX 32 /* of each repeatable option */

struct option_list {
    const char *items[OPTIONS_LIST_MAX];
    size_t count;
};

struct options {
    const char *http; /* [ADDR:]PORT; NULL: stdio */
    const char *backend, *backend_url, *backend_key_file, *sandbox, *workspace, *network, *runtime;
    const char *state_dir, *token_file, *log_level, *max_calls, *max_sandboxes, *idle_stop, *memory,
        *pids;
    const char *public_url, *jwt_issuer, *jwt_audience, *jwt_key_file, *jwks_url;
    const char *jwt_principal_claim, *jwt_default_scopes;
    const char *browser_cdp_url, *browser_cdp_key_file;
    const char *url; /* call: a server that is running already */
    struct option_list mount, host_dir, env, backend_header, allow_host, allow_origin, auth_server;
    const char *state_key_file;
    const char *toolsets, *tools, *exclude, *structured;
    bool read_only;
    const char *browser, *browser_idle;
    const char *rate, *max_calls_each, *max_connections, *max_connections_each, *drain,
        *download_seconds;
    const char *access_log, *audit_log, *otlp_endpoint, *tls_cert, *tls_key;
    bool no_auth, metrics_open, allow_root_workspace, confirm, help, version;
    const char *words[8]; /* what is not an option: the command and its arguments */
    size_t word_count;

    /* Made from the above by options_parse(). */
    struct backend_config config;
    struct mount_spec mounts[OPTIONS_LIST_MAX];
    struct env_var envs[OPTIONS_LIST_MAX];
    struct view_options view;
    unsigned calls; /* --max-calls */
    unsigned calls_each, connections, connections_each, drain_s;
    char *texts[2 * OPTIONS_LIST_MAX + 4]; /* split strings; owned */
    size_t text_count;
};

/* argv strings are borrowed for the life of *o. ERR_INVALID names the option. */
int options_parse(int argc, char **argv, struct options *o, struct err *err) MUST_CHECK;
void options_done(struct options *o);

/* Row i of the table; false behind the last one. */
struct option_row {
    const char *name, *value, *help; /* value NULL: a flag */
};
bool options_row(size_t i, struct option_row *out);

/* The help page, in sections. */
int options_help(struct buf *out, struct err *err) MUST_CHECK;

#endif
