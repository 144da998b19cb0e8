#include "cli/base_url.h"
#include "base/attr.h"

#include <stdio.h>
#include <string.h>

bool base_url_public(const char *url, char out[BASE_URL_MAX])
{
    size_t len = url ? strlen(url) : 0;

    if (!len || (strncmp(url, "https://", 8) && strncmp(url, "http://", 7)))
        return false;
    while (len && url[len - 1] == '/')
        len--;
    if (len >= 4 && !strncmp(url + len - 4, "/mcp", 4))
        len -= 4;
    if (len >= BASE_URL_MAX)
        return false;
    snprintf(out, BASE_URL_MAX, "%.*s", (int)len, url);
    return true;
}

void base_url_local(const char *address, uint16_t port, bool tls, char out[BASE_URL_MAX])
{
    static const char *const any[][2] = { { "0.0.0.0", "127.0.0.1" }, { "::", "::1" } };
    bool v6;

    for (size_t i = 0; i < COUNT_OF(any); i++)
        if (!strcmp(address, any[i][0]))
            address = any[i][1];
    v6 = strchr(address, ':');
    snprintf(out, BASE_URL_MAX, "%s://%s%s%s:%u", tls ? "https" : "http", v6 ? "[" : "", address,
             v6 ? "]" : "", port);
}
