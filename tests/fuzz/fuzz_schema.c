/*
 * Schemas and values: an input is a schema, a newline, and a value. One that is not accepted is
 * used all the same: judging by it must end, within its bounds, and say why when it refuses.
 * The first line of other inputs is judged by every schema of the catalogue.
 *
 * covers: mcp/schema.c mcp/schema_value.c mcp/schema_nested.c mcp/schema_verify.c
 * seeds: transcripts tests/fuzz/seeds/schema
 */
#include "base/clock.h"
#include "mcp/schema.h"
#include "mcp/tool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_MS 5000 /* of a sanitizer's build on a loaded machine */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(yyjson_val *schema, yyjson_val *value)
{
    struct err err = { 0 };
    int64_t began = clock_ms();

    if (schema_check(schema, value, &err)) {
        if (!err.msg[0] || (err.code != ERR_INVALID && err.code != ERR_TOO_LARGE))
            abort();
    } else if (err.code) {
        abort();
    }
    if (clock_ms() - began > SLOW_MS)
        abort();
}

static void by_catalogue(yyjson_val *value)
{
    for (const struct tool_def *def = tool_defs; def->name; def++) {
        AUTO_JSON yyjson_doc *schema =
            json_parse(def->input_schema, strlen(def->input_schema), NULL);
        if (schema_verify(yyjson_doc_get_root(schema), NULL))
            abort();
        check(yyjson_doc_get_root(schema), value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = memchr(data, '\n', size);
    size_t first = line ? (size_t)(line - text) : size;
    AUTO_JSON yyjson_doc *schema = json_parse(text, first, NULL), *value = NULL;
    struct err err = { 0 };

    if (!schema)
        return 0;
    if (!line) {
        by_catalogue(yyjson_doc_get_root(schema));
        return 0;
    }
    value = json_parse(line + 1, size - first - 1, NULL);
    if (schema_verify(yyjson_doc_get_root(schema), &err) && (!err.msg[0] || !err.code))
        abort();
    check(yyjson_doc_get_root(schema), yyjson_doc_get_root(value));
    return 0;
}
