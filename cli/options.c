#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum kind { TEXT, LIST, FLAG };
enum scope { ANY, LOCAL, REMOTE }; /* which backends it means something to */

struct row {
    const char *name;
    enum scope scope;
    enum kind kind;
    size_t offset;
    const char *value, *help;
};

#define AT(field) offsetof(struct options, field)

static const struct row rows[] = {
    { "http", ANY, TEXT, AT(http), "[ADDR:]PORT",
      "serve streamable HTTP at /mcp instead of stdio" },
    { "workspace", LOCAL, TEXT, AT(workspace), "DIR[:ro]", "your directory, live at /workspace" },
    { "mount", LOCAL, LIST, AT(mount), "DIR[:ro]", "one more directory, at its own path" },
    { "host-dir", ANY, LIST, AT(host_dir), "DIR[:ro]", "tools may take and leave files here" },
    { "network", LOCAL, TEXT, AT(network), "POLICY",
      "none (default) or allow=HOST[:PORT],*.HOST,..." },
    { "env", ANY, LIST, AT(env), "K=V", "environment of every command" },
    { "sandbox", ANY, TEXT, AT(sandbox), "NAME", "a named sandbox: its files are found again" },
    { "runtime", LOCAL, TEXT, AT(runtime), "KIND", "bwrap (default), or host: NO isolation" },
    { "memory", LOCAL, TEXT, AT(memory), "MB", "memory of a sandbox" },
    { "pids", LOCAL, TEXT, AT(pids), "N", "processes of a sandbox" },
    { "browser", LOCAL, TEXT, AT(browser), "PATH",
      "a Chromium's own program, below /usr or /opt; none: no browser" },
    { "browser-idle", LOCAL, TEXT, AT(browser_idle), "SECONDS", "end an unused browser (900)" },
    { "state-dir", ANY, TEXT, AT(state_dir), "DIR", "where sandboxes keep their files" },
    { "allow-root-workspace", LOCAL, FLAG, AT(allow_root_workspace), NULL,
      "accept a workspace owned by root" },
    { "confirm", LOCAL, FLAG, AT(confirm), NULL,
      "destructive tools ask the user first, in live directories" },
    { "state-key-file", ANY, TEXT, AT(state_key_file), "FILE",
      "secret shared by replicas (or SANDBOX_MCP_STATE_KEY)" },
    { "toolsets", ANY, TEXT, AT(toolsets), "A,B", "which tools: sets of them, presets, or all" },
    { "tools", ANY, TEXT, AT(tools), "A,B", "these tools, or these more" },
    { "exclude", ANY, TEXT, AT(exclude), "A,B", "not these tools or sets of tools" },
    { "read-only", ANY, FLAG, AT(read_only), NULL, "only tools that change nothing" },
    { "structured", ANY, TEXT, AT(structured), "WHEN",
      "structured results: auto (default), always, never" },
    { "backend", ANY, TEXT, AT(backend), "KIND", "local (default) or aio" },
    { "backend-url", REMOTE, TEXT, AT(backend_url), "URL", "of the remote sandbox service" },
    { "backend-key-file", REMOTE, TEXT, AT(backend_key_file), "FILE",
      "its key (or SANDBOX_MCP_BACKEND_KEY)" },
    { "backend-header", REMOTE, LIST, AT(backend_header), "'N: V'", "one more header for it" },
    { "browser-cdp-url", ANY, TEXT, AT(browser_cdp_url), "URL",
      "use the browser there: http://, ws:// or ws+unix:" },
    { "browser-cdp-key-file", ANY, TEXT, AT(browser_cdp_key_file), "FILE",
      "its key (or SANDBOX_MCP_BROWSER_CDP_KEY)" },
    { "token-file", ANY, TEXT, AT(token_file), "FILE",
      "bearer tokens of HTTP clients (or SANDBOX_MCP_TOKEN)" },
    { "jwt-issuer", ANY, TEXT, AT(jwt_issuer), "URL", "take tokens that this issuer signed" },
    { "jwt-key-file", ANY, TEXT, AT(jwt_key_file), "FILE", "its public keys: PEM, JWK or JWKS" },
    { "jwks-url", ANY, TEXT, AT(jwks_url), "URL", "or where it publishes them" },
    { "jwt-audience", ANY, TEXT, AT(jwt_audience), "TEXT", "their aud (default: the public URL)" },
    { "jwt-principal-claim", ANY, TEXT, AT(jwt_principal_claim), "NAME", "who they are of (sub)" },
    { "jwt-default-scopes", ANY, TEXT, AT(jwt_default_scopes), "LIST",
      "of tokens that name none: read, execute, admin" },
    { "auth-server", ANY, LIST, AT(auth_server), "URL", "for clients (default: the issuer)" },
    { "public-url", ANY, TEXT, AT(public_url), "URL", "of the endpoint, as clients write it" },
    { "no-auth", ANY, FLAG, AT(no_auth), NULL, "no token; only on loopback" },
    { "allow-host", ANY, LIST, AT(allow_host), "HOST", "accept this Host header too" },
    { "allow-origin", ANY, LIST, AT(allow_origin), "ORIGIN", "accept this Origin header" },
    { "tls-cert", ANY, TEXT, AT(tls_cert), "FILE", "serve HTTPS: certificate and its chain, PEM" },
    { "tls-key", ANY, TEXT, AT(tls_key), "FILE", "the key of the certificate" },
    { "max-calls", ANY, TEXT, AT(max_calls), "N", "calls in flight at once (512)" },
    { "max-calls-per-principal", ANY, TEXT, AT(max_calls_each), "N",
      "those of one principal over HTTP (256)" },
    { "rate", ANY, TEXT, AT(rate), "N/s[:BURST]", "HTTP requests of each principal (no limit)" },
    { "max-connections", ANY, TEXT, AT(max_connections), "N", "HTTP connections at once (4096)" },
    { "max-per-address", ANY, TEXT, AT(max_connections_each), "N",
      "those of one address (512; on loopback no cap)" },
    { "max-sandboxes", ANY, TEXT, AT(max_sandboxes), "N", "sandboxes at once (100)" },
    { "idle-stop", LOCAL, TEXT, AT(idle_stop), "SECONDS",
      "end the processes of an unused sandbox (1800)" },
    { "drain-seconds", ANY, TEXT, AT(drain), "N", "SIGTERM: calls may last so long (10)" },
    { "download-seconds", ANY, TEXT, AT(download_seconds), "N",
      "one-time URLs of files are good so long (300; 0: none)" },
    { "access-log", ANY, TEXT, AT(access_log), "FILE",
      "a JSON line for each HTTP request; - is stdout" },
    { "audit-log", ANY, TEXT, AT(audit_log), "FILE", "a JSON line for each tool call" },
    { "metrics-open", ANY, FLAG, AT(metrics_open), NULL, "/metrics without a token" },
    { "otlp-endpoint", ANY, TEXT, AT(otlp_endpoint), "URL",
      "send a span of each tool call there (OTLP/HTTP)" },
    { "log-level", ANY, TEXT, AT(log_level), "LEVEL",
      "error, warn (default), info, debug; on stderr" },
    { "url", ANY, TEXT, AT(url), "URL", "call: ask the server that runs there" },
    { "help", ANY, FLAG, AT(help), NULL, "this page" },
    { "version", ANY, FLAG, AT(version), NULL, "the version" },
};

/* Without --http they would do nothing. */
static const char *const http_only[] = {
    "no-auth",         "tls-cert",      "tls-key",    "rate",         "max-connections",
    "max-per-address", "drain-seconds", "access-log", "metrics-open", "max-calls-per-principal",
    "download-seconds"
};

static int store(struct options *o, const struct row *row, const char *value, struct err *err)
{
    char *field = (char *)o + row->offset;
    struct option_list *list = (struct option_list *)(void *)field;

    if (row->kind == FLAG) {
        *(bool *)field = true;
    } else if (row->kind == TEXT) {
        *(const char **)(void *)field = value;
    } else if (list->count == OPTIONS_LIST_MAX) {
        return err_set(err, ERR_INVALID, "--%s given more than %d times", row->name,
                       OPTIONS_LIST_MAX);
    } else {
        list->items[list->count++] = value;
    }
    return 0;
}

static const struct row *find(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strlen(rows[i].name) == len && !memcmp(rows[i].name, name, len))
            return &rows[i];
    return NULL;
}

static int parse_one(struct options *o, int argc, char **argv, int *at, struct err *err)
{
    const char *arg = argv[*at] + 2, *eq = strchr(arg, '=');
    const struct row *row = find(arg, eq ? (size_t)(eq - arg) : strlen(arg));

    if (!row) {
        err_set(err, ERR_INVALID, "unknown option %s", argv[*at]);
        return err_next(err, "see sandbox-mcp --help");
    }
    if (row->kind == FLAG)
        return eq ? err_set(err, ERR_INVALID, "--%s takes no value", row->name)
                  : store(o, row, NULL, err);
    if (eq)
        return store(o, row, eq + 1, err);
    if (*at + 1 >= argc)
        return err_set(err, ERR_INVALID, "--%s needs a value: %s", row->name, row->value);
    return store(o, row, argv[++*at], err);
}

static int from_environment(struct options *o, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[64];
        const char *value;
        snprintf(name, sizeof(name), "SANDBOX_MCP_%s", rows[i].name);
        for (char *p = name; *p; p++)
            *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        value = getenv(name);
        if (!value || !*value || (rows[i].kind == FLAG && strcmp(value, "1")))
            continue;
        if (store(o, &rows[i], value, err))
            return -1;
    }
    return 0;
}

static int number(const char *name, const char *text, int64_t min, int64_t max, int64_t *out,
                  struct err *err)
{
    char *end;
    long long v;

    if (!text)
        return 0;
    v = strtoll(text, &end, 10);
    if (!*text || *end || v < min || v > max)
        return err_set(err, ERR_INVALID, "--%s: \"%s\" is not a number within %lld..%lld", name,
                       text, (long long)min, (long long)max);
    *out = v;
    return 0;
}

/* A copy without the ":ro" suffix; *ro says whether it was there. */
static char *directory(struct options *o, const char *text, bool *ro)
{
    size_t n = strlen(text);
    char *copy;

    *ro = n > 3 && !strcmp(text + n - 3, ":ro");
    copy = strndup(text, *ro ? n - 3 : n);
    if (copy)
        o->texts[o->text_count++] = copy;
    return copy;
}

static int split_env(struct options *o, const char *text, struct env_var *out, struct err *err)
{
    const char *eq = strchr(text, '=');
    char *copy;

    if (!eq || eq == text)
        return err_set(err, ERR_INVALID, "--env: \"%s\" is not NAME=value", text);
    copy = strdup(text);
    if (!copy)
        return err_oom(err);
    o->texts[o->text_count++] = copy;
    copy[eq - text] = '\0';
    *out = (struct env_var){ copy, copy + (eq - text) + 1 };
    return 0;
}

static int make_view(struct options *o, struct err *err)
{
    static const char *const modes[] = {
        [STRUCTURED_AUTO] = "auto",
        [STRUCTURED_ALWAYS] = "always",
        [STRUCTURED_NEVER] = "never",
    };
    size_t mode = 0;

    while (o->structured && mode < COUNT_OF(modes) && strcmp(o->structured, modes[mode]))
        mode++;
    if (mode == COUNT_OF(modes))
        return err_set(err, ERR_INVALID, "--structured: \"%s\" is none of auto, always, never",
                       o->structured);
    o->view = (struct view_options){
        .toolsets = o->toolsets,
        .tools = o->tools,
        .exclude = o->exclude,
        .read_only = o->read_only,
        .structured = (enum structured)mode,
        .by_token = o->http && !o->no_auth,
    };
    return 0;
}

static int make_config(struct options *o, struct err *err)
{
    struct backend_config *c = &o->config;
    int64_t calls = 512, sandboxes = 100, calls_each = 256, connections = 4096, each = 0,
            drain = 10;

    if (number("max-calls", o->max_calls, 1, 10000, &calls, err) ||
        number("max-sandboxes", o->max_sandboxes, 1, 100000, &sandboxes, err) ||
        number("max-calls-per-principal", o->max_calls_each, 1, 10000, &calls_each, err) ||
        number("max-connections", o->max_connections, 1, 1000000, &connections, err) ||
        number("max-per-address", o->max_connections_each, 1, 1000000, &each, err) ||
        number("drain-seconds", o->drain, 0, 3600, &drain, err) ||
        number("idle-stop", o->idle_stop, 1, 7 * 24 * 3600, &c->idle_ms, err) ||
        number("browser-idle", o->browser_idle, 1, 7 * 24 * 3600, &c->browser_idle_ms, err) ||
        number("memory", o->memory, 16, 1 << 24, &c->memory_mb, err) ||
        number("pids", o->pids, 8, 1 << 20, &c->pids, err))
        return -1;
    o->calls = (unsigned)calls;
    o->calls_each = (unsigned)calls_each;
    o->connections = (unsigned)connections;
    o->connections_each = (unsigned)each;
    o->drain_s = (unsigned)drain;
    c->max_sandboxes = (unsigned)sandboxes;
    c->idle_ms *= 1000;
    c->browser_idle_ms *= 1000;
    c->browser = o->browser;
    c->state_dir = o->state_dir;
    c->allow_root_workspace = o->allow_root_workspace;
    c->network = o->network ? o->network : "none";
    c->runtime = o->runtime ? o->runtime : "bwrap";
    c->agent = getenv("SANDBOX_MCP_AGENT");
    c->url = o->backend_url;
    c->key_file = o->backend_key_file;
    c->browser_cdp_url = o->browser_cdp_url;
    c->browser_cdp_key_file = o->browser_cdp_key_file;
    c->headers = o->backend_header.items;
    c->header_count = o->backend_header.count;
    c->mounts = o->mounts;
    c->mount_count = o->mount.count;
    c->env = o->envs;
    c->env_count = o->env.count;
    if (o->workspace && !(c->workspace = directory(o, o->workspace, &c->workspace_ro)))
        return err_oom(err);
    for (size_t i = 0; i < o->mount.count; i++)
        if (!(o->mounts[i].source = directory(o, o->mount.items[i], &o->mounts[i].readonly)))
            return err_oom(err);
    for (size_t i = 0; i < o->env.count; i++)
        if (split_env(o, o->env.items[i], &o->envs[i], err))
            return -1;
    return 0;
}

static int check_backend(const struct options *o, struct err *err)
{
    AUTO(buf) struct buf list = BUF_MAX(1024);
    const char *const *names = backend_names();

    for (size_t i = 0; names[i]; i++) {
        if (!strcmp(names[i], o->backend))
            return 0;
        if (buf_addf(&list, err, "%s%s", i ? ", " : "", names[i]))
            return -1;
    }
    return err_set(err, ERR_INVALID, "--backend: \"%s\" is none of %s", o->backend, buf_str(&list));
}

static bool given(const struct options *o, const struct row *row)
{
    const char *field = (const char *)o + row->offset;

    if (row->kind == FLAG)
        return *(const bool *)field;
    if (row->kind == TEXT)
        return *(const char *const *)(const void *)field != NULL;
    return ((const struct option_list *)(const void *)field)->count > 0;
}

/* What would be ignored is refused: nobody shall believe in a limit that is not there. */
static int check_scopes(const struct options *o, struct err *err)
{
    bool local = !strcmp(o->backend, "local"), fake = !strcmp(o->backend, "fake");

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum scope scope = rows[i].scope;
        if (fake || scope == ANY || (scope == LOCAL) == local || !given(o, &rows[i]))
            continue;
        return err_set(err, ERR_INVALID, "--%s does not go with --backend %s%s", rows[i].name,
                       o->backend, scope == LOCAL ? ", where the service decides" : "");
    }
    return 0;
}

/* As the X-Sandbox header of HTTP, transport/http_guard.c. */
static bool good_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return n && n <= 64 && !s[n];
}

static int check_together(const struct options *o, struct err *err)
{
    bool host = o->config.runtime && !strcmp(o->config.runtime, "host");

    if (strcmp(o->config.runtime, "bwrap") && !host)
        return err_set(err, ERR_INVALID, "--runtime: \"%s\" is neither bwrap nor host", o->runtime);
    if (o->sandbox && !good_name(o->sandbox))
        return err_set(err, ERR_INVALID, "--sandbox: \"%s\" is not 1 to 64 of a-z 0-9 . _ -",
                       o->sandbox);
    if (o->no_auth && (o->workspace || o->mount.count || o->host_dir.count || host))
        return err_set(err, ERR_INVALID,
                       "--no-auth is refused together with --workspace, --mount, --host-dir and "
                       "--runtime host: any web page or local user could reach them");
    if (!o->tls_cert != !o->tls_key)
        return err_set(err, ERR_INVALID, "--tls-cert and --tls-key go together");
    for (size_t i = 0; i < COUNT_OF(http_only) && !o->http; i++)
        if (given(o, find(http_only[i], strlen(http_only[i]))))
            return err_set(err, ERR_INVALID, "--%s only goes with --http", http_only[i]);
    return 0;
}

int options_parse(int argc, char **argv, struct options *o, struct err *err)
{
    *o = (struct options){ 0 };
    if (from_environment(o, err))
        return -1;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--", 2) && argv[i][2]) {
            if (parse_one(o, argc, argv, &i, err))
                return -1;
        } else if (argv[i][0] == '-' && argv[i][1] && argv[i][1] != '-') {
            err_set(err, ERR_INVALID, "unknown option %s", argv[i]);
            return err_next(err, "see sandbox-mcp --help");
        } else if (o->word_count == COUNT_OF(o->words)) {
            return err_set(err, ERR_INVALID, "too many arguments");
        } else {
            o->words[o->word_count++] = argv[i];
        }
    }
    if (o->help || o->version)
        return 0;
    o->backend = o->backend ? o->backend : "local";
    return make_config(o, err) || make_view(o, err) || check_backend(o, err) ||
                   check_together(o, err) || check_scopes(o, err)
               ? -1
               : 0;
}

void options_done(struct options *o)
{
    for (size_t i = 0; i < o->text_count; i++)
        free(o->texts[i]);
    o->text_count = 0;
}

bool options_row(size_t i, struct option_row *out)
{
    if (i >= COUNT_OF(rows))
        return false;
    *out = (struct option_row){ rows[i].name, rows[i].value, rows[i].help };
    return true;
}
