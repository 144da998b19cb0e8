#include "transport/metadata.h"
#include "base/json.h"
#include "mcp/scope.h"

#include <stdio.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/oauth-protected-resource"
/* What a client without a token is to ask for: it has read in it. */
#define FIRST_SCOPES ", scope=\"execute\""

static const struct {
    enum verdict verdict;
    const char *error;
    bool asks; /* for scopes, where an issuer gives them */
} challenges[] = {
    { VERDICT_NO_TOKEN, "", true },
    { VERDICT_BAD_TOKEN, ", error=\"invalid_token\"", true },
    { VERDICT_BAD_AUTHORIZATION, ", error=\"invalid_request\"", false },
    { VERDICT_SCOPE, ", error=\"insufficient_scope\", scope=\"read\"", false },
};

/* It stands between quotes in a header, and is compared by clients character by character. */
static const char *flaw(const char *url)
{
    size_t n = strlen(url);
    const char *host = strstr(url, "://");

    if (n > METADATA_URL_MAX)
        return "is too long";
    for (size_t i = 0; i < n; i++)
        if (url[i] <= ' ' || url[i] > '~' || strchr("\"\\<>^`{|}", url[i]))
            return "holds a character that a URL does not";
    if (!host || (strncmp(url, "https://", 8) && strncmp(url, "http://", 7)) ||
        strchr("/?#", host[3]))
        return "does not begin with https://HOST";
    return strpbrk(url, "?#") ? "has a query or a fragment" : NULL;
}

static int write_document(const struct metadata_config *config, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kstr(&w, "resource", config->resource);
    jw_key(&w, "authorization_servers");
    jw_arr(&w);
    for (const char *const *server = config->servers; *server; server++)
        jw_str(&w, *server);
    jw_aend(&w);
    jw_key(&w, "bearer_methods_supported");
    jw_arr(&w);
    jw_str(&w, "header");
    jw_aend(&w);
    jw_key(&w, "scopes_supported");
    jw_arr(&w);
    jw_str(&w, "read");
    jw_str(&w, "execute");
    jw_aend(&w);
    jw_kstr(&w, "resource_name", "sandbox-mcp");
    jw_end(&w);
    return jw_done(&w);
}

/* The path form goes between the host and the path of the resource (RFC 9728 section 3.1). */
static int make(const struct metadata_config *config, struct metadata *m, struct err *err)
{
    const char *path = strchr(strstr(config->resource, "://") + 3, '/');
    int host = (int)(path ? (size_t)(path - config->resource) : strlen(config->resource));

    return write_document(config, &m->document, err) ||
                   buf_addf(&m->paths[0], err, WELL_KNOWN "%s", path ? path : "") ||
                   buf_adds(&m->paths[1], WELL_KNOWN "/mcp", err) ||
                   buf_addf(&m->challenge, err, ", resource_metadata=\"%.*s%s\"", host,
                            config->resource, m->paths[0].data)
               ? -1
               : 0;
}

int metadata_make(const struct metadata_config *config, struct metadata *out, struct err *err)
{
    buf_init(&out->document, METADATA_MAX);
    buf_init(&out->challenge, CHALLENGE_MAX - 512);
    for (size_t i = 0; i < COUNT_OF(out->paths); i++)
        buf_init(&out->paths[i], METADATA_URL_MAX + 64);
    if (buf_adds(&out->challenge, "Bearer realm=\"sandbox-mcp\"", err))
        return -1;
    if (!config->resource)
        return 0;
    if (!config->servers || !*config->servers)
        return err_set(err, ERR_INVALID, "no authorization server is named");
    for (const char *const *server = config->servers; *server; server++)
        if (flaw(*server))
            return err_set(err, ERR_INVALID, "\"%.200s\" %s", *server, flaw(*server));
    if (flaw(config->resource))
        return err_set(err, ERR_INVALID, "\"%.200s\" %s", config->resource, flaw(config->resource));
    return make(config, out, err);
}

void metadata_done(struct metadata *m)
{
    buf_done(&m->document);
    buf_done(&m->challenge);
    for (size_t i = 0; i < COUNT_OF(m->paths); i++)
        buf_done(&m->paths[i]);
}

bool metadata_path(const struct metadata *m, const char *path)
{
    if (!m->document.len || strncmp(path, WELL_KNOWN, sizeof(WELL_KNOWN) - 1))
        return false;
    if (!path[sizeof(WELL_KNOWN) - 1])
        return true;
    for (size_t i = 0; i < COUNT_OF(m->paths); i++) {
        size_t n = m->paths[i].len;
        if (!strncmp(path, m->paths[i].data, n) && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

bool metadata_challenge(const struct metadata *m, enum verdict verdict, char out[CHALLENGE_MAX])
{
    for (size_t i = 0; i < COUNT_OF(challenges); i++)
        if (challenges[i].verdict == verdict) {
            snprintf(out, CHALLENGE_MAX, "%s%s%s", m->challenge.data, challenges[i].error,
                     m->document.len && challenges[i].asks ? FIRST_SCOPES : "");
            return true;
        }
    return false;
}

void metadata_scope_challenge(const struct metadata *m, unsigned needs, char out[CHALLENGE_MAX])
{
    char names[SCOPES_TEXT];

    snprintf(out, CHALLENGE_MAX, "%s, error=\"insufficient_scope\", scope=\"%s\"",
             m->challenge.data, scopes_to_text(needs, names));
}
