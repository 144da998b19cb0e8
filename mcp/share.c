#include "mcp/router.h"

#include <string.h>

static struct share **place(struct server *srv, const char *principal)
{
    unsigned h = 2166136261u;
    struct share **at;

    for (const char *p = principal; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    at = &srv->shares[h % SHARE_BUCKETS];
    while (*at && strcmp((*at)->principal, principal))
        at = &(*at)->next;
    return at;
}

struct share *share_get(struct server *srv, const char *principal)
{
    struct share **at = place(srv, principal);
    size_t len = strlen(principal) + 1;

    if (!*at) {
        *at = calloc(1, sizeof(**at) + len);
        if (!*at)
            return NULL;
        memcpy((*at)->principal, principal, len);
    }
    (*at)->refs++;
    return *at;
}

void share_put(struct server *srv, struct share *share)
{
    if (!share || --share->refs)
        return;
    *place(srv, share->principal) = share->next;
    free(share);
}
