/*
 * URIs of resources: an input is a URI, which is checked and matched against templates. What a
 * template takes must be text without control characters and, as a path, without a way up.
 *
 * covers: mcp/resource_uri.c
 * seeds: tests/fuzz/seeds/resource_uri
 */
#include "base/utf8.h"
#include "mcp/resource_uri.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const patterns[] = { "sandbox://{id}/info", "sandbox://{id}/file/{+path}",
                                        "test://{a}-{b}/x{c}", "{+all}" };

static void check_value(const char *value, bool path)
{
    size_t len = strlen(value);

    if (!len || !utf8_valid(value, len))
        abort();
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            abort();
    if (!path && strchr(value, '/'))
        abort();
    if (!strcmp(value, "..") || !strncmp(value, "../", 3) || strstr(value, "/../") ||
        (len > 2 && !strcmp(value + len - 3, "/..")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *uri = malloc(size + 1);

    if (!uri || size > 2 * RESOURCE_URI_MAX)
        return 0;
    memcpy(uri, data, size);
    uri[size] = '\0';
    if (resource_uri_check(uri, size, NULL))
        return 0;
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        AUTO(resource_vars) struct resource_vars vars = { 0 };
        if (resource_uri_match(patterns[i], uri, &vars, NULL) != 1)
            continue;
        for (size_t k = 0; k < vars.map.count; k++)
            check_value(vars.map.items[k].value, i == 3 || !strcmp(vars.map.items[k].name, "path"));
    }
    return 0;
}
