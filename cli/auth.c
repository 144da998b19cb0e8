#include "cli/auth.h"
#include "cli/base_url.h"
#include "cli/fetch.h"
#include "mcp/scope.h"

#include <stdio.h>
#include <string.h>

void cli_auth_done(struct cli_auth *a)
{
    auth_free(a->auth);
    fetcher_free(a->fetcher);
    a->auth = NULL;
    a->fetcher = NULL;
}

struct metadata_config cli_auth_metadata(const struct cli_auth *a)
{
    return (struct metadata_config){
        .resource = *a->resource ? a->resource : NULL,
        .servers = a->servers,
    };
}

static int check_alone(const struct options *o, struct err *err)
{
    const struct {
        const char *name;
        bool given;
    } rest[] = {
        { "jwt-audience", o->jwt_audience },
        { "jwt-key-file", o->jwt_key_file },
        { "jwks-url", o->jwks_url },
        { "jwt-principal-claim", o->jwt_principal_claim },
        { "jwt-default-scopes", o->jwt_default_scopes },
        { "auth-server", o->auth_server.count },
    };

    for (size_t i = 0; i < COUNT_OF(rest); i++)
        if (rest[i].given)
            return err_set(err, ERR_INVALID, "--%s only goes with --jwt-issuer", rest[i].name);
    return 0;
}

static int check_jwt(const struct options *o, struct err *err)
{
    if (o->no_auth)
        return err_set(err, ERR_INVALID, "--no-auth does not go with --jwt-issuer");
    if (!o->jwt_key_file == !o->jwks_url) {
        err_set(err, ERR_INVALID, "--jwt-issuer needs its keys");
        return err_next(err, "give either --jwt-key-file or --jwks-url");
    }
    return 0;
}

static int check_public(const char *url, struct err *err)
{
    size_t n = url ? strlen(url) : 0, scheme = n && !strncmp(url, "https", 5) ? 8 : 7;

    if (!n || ((!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7)) && n < BASE_URL_MAX &&
               strchr(url + scheme, '/') && url[n - 1] != '/'))
        return 0;
    err_set(err, ERR_INVALID, "--public-url: \"%.200s\" is not the URL of the endpoint", url);
    return err_next(err, "give it as clients do, e.g. https://sandbox.example/mcp");
}

/* As clients write it: they compare it character by character. */
static int make_resource(const struct options *o, const char *address, uint16_t port,
                         struct cli_auth *a, struct err *err)
{
    bool v6 = strchr(address, ':'), any = !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
    const char *url = o->public_url;

    if (!url && (any || !port)) {
        err_set(err, ERR_INVALID, "--jwt-issuer: the URL that clients use is not known");
        return err_next(err, "give it as --public-url, e.g. https://sandbox.example/mcp");
    }
    if (!url) {
        snprintf(a->resource, sizeof(a->resource), "%s://%s%s%s:%u/mcp",
                 o->tls_cert ? "https" : "http", v6 ? "[" : "", address, v6 ? "]" : "", port);
        return 0;
    }
    strcpy(a->resource, url);
    return 0;
}

static int make_jwt(const struct options *o, struct cli_auth *a, struct err *err)
{
    const char *scopes = o->jwt_default_scopes;

    a->rules = (struct jwt_rules){
        .issuer = o->jwt_issuer,
        .audience = o->jwt_audience ? o->jwt_audience : a->resource,
        .principal_claim = o->jwt_principal_claim ? o->jwt_principal_claim : "sub",
    };
    if (scopes && !scopes_from_text(scopes, strlen(scopes), ", ", &a->rules.default_scopes))
        return err_set(err, ERR_INVALID,
                       "--jwt-default-scopes: \"%.100s\" is not of read, execute and admin",
                       scopes);
    memcpy(a->servers, o->auth_server.items, sizeof(o->auth_server.items));
    if (!o->auth_server.count)
        a->servers[0] = o->jwt_issuer;
    if (!o->jwks_url)
        return 0;
    if (fetcher_open(o->jwks_url, &a->fetcher, err))
        return err_wrap(err, "--jwks-url");
    a->source = (struct jwks_source){ .fetch = fetcher_get, .context = a->fetcher };
    return 0;
}

int cli_auth_open(const struct options *o, const char *address, uint16_t port, struct cli_auth *a,
                  struct err *err)
{
    const char *token = getenv("SANDBOX_MCP_TOKEN");
    struct auth_config config = {
        .token_file = o->token_file,
        .token = o->token_file || !token || !*token ? NULL : token,
    };

    if (check_public(o->public_url, err) || (!o->jwt_issuer && check_alone(o, err)))
        return -1;
    if (o->jwt_issuer &&
        (check_jwt(o, err) || make_resource(o, address, port, a, err) || make_jwt(o, a, err)))
        return -1;
    if (o->no_auth)
        return 0;
    config.generate = !config.token_file && !config.token && !o->jwt_issuer;
    config.jwt = o->jwt_issuer ? &a->rules : NULL;
    config.key_file = o->jwt_key_file;
    config.jwks = o->jwks_url ? &a->source : NULL;
    return auth_open(&config, &a->auth, err);
}
