#include "mcp/scope.h"
#include "mcp/router.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned scope, all; /* `all`: with what it implies */
} scopes[] = {
    { "read", SCOPE_READ, SCOPE_READ },
    { "execute", SCOPE_EXECUTE, SCOPE_EXECUTE | SCOPE_READ },
    { "admin", SCOPE_ADMIN, SCOPE_ADMIN | SCOPE_EXECUTE | SCOPE_READ },
};

static const struct {
    const char *method;
    unsigned needs;
} methods[] = {
    { "initialize", 0 },
    { "ping", 0 },
    { "server/discover", 0 },
    { "tools/call", 0 },
    { "tools/list", SCOPE_READ },
    { "resources/list", SCOPE_READ },
    { "resources/templates/list", SCOPE_READ },
    { "resources/read", SCOPE_READ },
    { "resources/subscribe", SCOPE_READ },
    { "resources/unsubscribe", SCOPE_READ },
    { "subscriptions/listen", SCOPE_READ },
    { "prompts/list", SCOPE_READ },
    { "prompts/get", SCOPE_READ },
    { "completion/complete", SCOPE_READ },
    { "logging/setLevel", SCOPE_READ },
    { "tasks/get", SCOPE_READ },
    { "tasks/update", SCOPE_EXECUTE },
    { "tasks/cancel", SCOPE_EXECUTE },
};

unsigned scope_from_name(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (strlen(scopes[i].name) == len && !memcmp(scopes[i].name, name, len))
            return scopes[i].all;
    return 0;
}

bool scopes_from_text(const char *text, size_t len, const char *between, unsigned *out)
{
    unsigned found = 0;

    for (size_t at = 0; at <= len;) {
        size_t n = 0;
        while (at + n < len && !strchr(between, text[at + n]))
            n++;
        if (!scope_from_name(text + at, n))
            return false;
        found |= scope_from_name(text + at, n);
        at += n + 1;
    }
    *out = found;
    return true;
}

const char *scopes_to_text(unsigned set, char out[SCOPES_TEXT])
{
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (set & scopes[i].scope)
            len += (size_t)snprintf(out + len, SCOPES_TEXT - len, "%s%s", len ? " " : "",
                                    scopes[i].name);
    return out;
}

unsigned scope_of_method(const char *method)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (!strcmp(methods[i].method, method))
            return methods[i].needs;
    return SCOPE_EXECUTE;
}

void scope_refuse(struct inbound *in, unsigned needs)
{
    char names[SCOPES_TEXT];

    in->sink->needs = needs;
    refused(in->srv, REFUSED_SCOPE);
    reply_error(in, 403, RPC_REFUSED, NULL, "Insufficient scope: this needs %s",
                scopes_to_text(needs, names));
}

bool scope_check(struct inbound *in)
{
    unsigned needs = scope_of_method(in->msg.method);

    if (!(needs & ~in->scopes))
        return true;
    scope_refuse(in, needs);
    return false;
}
