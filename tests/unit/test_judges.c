/*
 * What a tool accepts is said twice: by the schema in tools.json, and by the tables that
 * args_bind() reads. Here both judge the same arguments: every property with valid values, its
 * bounds, values just outside of them, wrong types, and objects with too few and too many members.
 *
 * With SANDBOX_MCP_CASES=FILE in the environment every case is also written there as a line of JSON
 * {"tool","args","accepted"}, for a third judge.
 */
#include "mcp/schema.h"
#include "mcp/tool.h"
#include "tests/unit/variants.h"

#define WRITTEN_MAX 100000 /* longer cases are not written */

static const struct tool_def *tool;
static yyjson_val *closed; /* its schema, unknown members refused */
static size_t accepted, refused;
static FILE *written;

/* ---- the schema with every object closed ---- */

static yyjson_mut_val *close_objects(yyjson_mut_doc *doc, yyjson_mut_val *v)
{
    yyjson_mut_val *key, *val;
    size_t i, max;

    if (!yyjson_mut_is_obj(v))
        return v;
    yyjson_mut_obj_foreach(v, i, max, key, val) close_objects(doc, val);
    if (yyjson_mut_is_obj(yyjson_mut_obj_get(v, "properties")))
        yyjson_mut_obj_add_bool(doc, v, "additionalProperties", false);
    return v;
}

/* ---- the judges ---- */

static bool binds(yyjson_val *args, struct err *err)
{
    struct args_storage storage = { 0 };
    void *out = calloc(1, tool->args->struct_size);
    bool ok = !args_bind(tool->args, args, out, &storage, err);

    args_storage_done(&storage);
    free(out);
    return ok;
}

static void judge(void *ctx UNUSED, const char *json)
{
    AUTO_JSON yyjson_doc *doc = json_parse(json, strlen(json), NULL);
    yyjson_val *args = yyjson_doc_get_root(doc);
    struct err of_args = { 0 }, of_schema = { 0 };
    bool bound, fits;

    CHECK(doc);
    if (!yyjson_is_obj(args)) /* the router has refused it */
        return;
    bound = binds(args, &of_args);
    fits = !schema_check(closed, args, &of_schema);
    if (bound != fits)
        FAIL("%s %.200s: args_bind says \"%s\", the schema \"%s\"", tool->name, json, of_args.msg,
             of_schema.msg);
    accepted += bound;
    refused += !bound;
    if (written && strlen(json) < WRITTEN_MAX)
        fprintf(written, "{\"tool\":\"%s\",\"args\":%s,\"accepted\":%s}\n", tool->name, json,
                bound ? "true" : "false");
}

static void for_each_tool(void (*fn)(yyjson_val *schema))
{
    AUTO_JSON yyjson_doc *doc = yyjson_read_file("tools.json", 0, NULL, NULL);
    yyjson_val *entry;
    size_t i, max;

    if (!doc)
        SKIP("tools.json is not in the current directory");
    CHECK_INT(yyjson_arr_size(yyjson_doc_get_root(doc)), tool_def_count);
    yyjson_arr_foreach (yyjson_doc_get_root(doc), i, max, entry) {
        yyjson_val *schema = yyjson_obj_get(entry, "inputSchema");
        yyjson_mut_doc *open = yyjson_mut_doc_new(NULL);
        yyjson_doc *shut;
        tool = tool_find(json_str(entry, "name"));
        CHECK(tool);
        yyjson_mut_doc_set_root(open, close_objects(open, yyjson_val_mut_copy(open, schema)));
        shut = yyjson_mut_doc_imut_copy(open, NULL);
        closed = yyjson_doc_get_root(shut);
        fn(schema);
        yyjson_doc_free(shut);
        yyjson_mut_doc_free(open);
    }
}

static void verify(yyjson_val *schema)
{
    struct err err = { 0 };

    if (schema_verify(schema, &err))
        FAIL("%s: %s", tool->name, err.msg);
}

static void try_all(yyjson_val *schema)
{
    struct sink out = { judge, NULL };

    variants(schema, &out);
}

static void every_schema_is_one_that_is_checked(void)
{
    for_each_tool(verify);
}

static void tables_and_schemas_judge_alike(void)
{
    const char *path = getenv("SANDBOX_MCP_CASES");

    written = path ? fopen(path, "we") : NULL;
    CHECK(!path || written);
    for_each_tool(try_all);
    if (written)
        CHECK(!fclose(written));
    written = NULL;
    CHECK(accepted > 10 * tool_def_count);
    CHECK(refused > 10 * tool_def_count);
}

/* Lengths are of bytes in tables, of characters in schemas: what is too long for these, is too long
 * for those. */
static void try_wide(yyjson_val *schema)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *val;
    size_t i, max;

    yyjson_obj_foreach (properties, i, max, key, val) {
        uint64_t most = count_of(val, "maxLength", 0);
        if (!is(val, "string") || !most || most > 100000 || count_of(val, "minLength", 0) > 1)
            continue;
        for (uint64_t n = most / 2 ? most / 2 : 1; n <= most; n += most / 2 ? most / 2 : 1) {
            AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);
            AUTO_JSON yyjson_doc *doc = NULL;
            put_required(&b, schema, yyjson_get_str(key));
            CHECK(!buf_addf(&b, NULL, "%s\"%s\":", b.len > 1 ? "," : "", yyjson_get_str(key)));
            put_letters(&b, n, "\xc3\xa4");
            put(&b, "}");
            doc = json_parse(b.data, b.len, NULL);
            if (binds(yyjson_doc_get_root(doc), NULL))
                CHECK(!schema_check(closed, yyjson_doc_get_root(doc), NULL));
        }
    }
}

static void no_text_is_too_long_in_characters_alone(void)
{
    for_each_tool(try_wide);
}

static const struct test tests[] = {
    TEST(every_schema_is_one_that_is_checked),
    TEST(tables_and_schemas_judge_alike),
    TEST(no_text_is_too_long_in_characters_alone),
};

TEST_MAIN(tests)
