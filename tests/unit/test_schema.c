/* JSON is written with ' for ". */
#include "mcp/schema.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define TEXT_MAX (4 * 1024 * 1024)

static yyjson_doc *parse(const char *json)
{
    AUTO_FREE char *text = strdup(json);
    struct err err = { 0 };
    yyjson_doc *doc;

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    doc = json_parse(text, strlen(text), &err);
    if (!doc)
        FAIL("%.500s: %s", json, err.msg);
    return doc;
}

/* schema, value, what is said about it (NULL: it fits) */
static void check_values(const char *const (*rows)[3], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_JSON yyjson_doc *schema = parse(rows[i][0]), *value = parse(rows[i][1]);
        struct err err = { 0 };
        if (schema_verify(yyjson_doc_get_root(schema), &err))
            FAIL("%s: %s", rows[i][0], err.msg);
        (void)!schema_check(yyjson_doc_get_root(schema), yyjson_doc_get_root(value), &err);
        if (strcmp(err.msg, rows[i][2] ? rows[i][2] : ""))
            FAIL("%s of %s says \"%s\"", rows[i][0], rows[i][1], err.msg);
        CHECK_INT(err.code, rows[i][2] ? ERR_INVALID : ERR_NONE);
    }
}

#define CHECK_VALUES(...)                                      \
    do {                                                       \
        static const char *const rows_[][3] = { __VA_ARGS__ }; \
        check_values(rows_, COUNT_OF(rows_));                  \
    } while (0)

static void types_are_told_apart(void)
{
    CHECK_VALUES(
        { "{'type':'integer'}", "42.0", NULL }, { "{'type':'integer'}", "-7", NULL },
        { "{'type':'integer'}", "5.5", "arguments: must be an integer, not 5.5" },
        { "{'type':'integer'}", "'5'", "arguments: must be an integer, not a string" },
        { "{'type':'number'}", "18446744073709551615", NULL },
        { "{'type':'number'}", "true", "arguments: must be a number, not a boolean" },
        { "{'type':'string'}", "7", "arguments: must be a string, not 7" },
        { "{'type':['string','null']}", "null", NULL },
        { "{'type':['string','null']}", "[]", "arguments: must be a string or null, not an array" },
        { "{'type':'boolean'}", "{}", "arguments: must be a boolean, not an object" },
        { "{'type':'array'}", "[]", NULL }, { "{'type':'object'}", "{}", NULL },
        { "true", "7", NULL }, { "{}", "null", NULL },
        { "false", "7", "arguments: is not accepted here" });
}

static void numbers_are_compared_exactly(void)
{
    CHECK_VALUES({ "{'minimum':0,'maximum':10}", "10", NULL },
                 { "{'minimum':0,'maximum':10}", "10.5", "arguments: 10.5 is more than 10" },
                 { "{'minimum':0}", "-0.25", "arguments: -0.25 is less than 0" },
                 { "{'exclusiveMinimum':0}", "0", "arguments: 0 is not more than 0" },
                 { "{'exclusiveMaximum':1}", "1.0", "arguments: 1 is not less than 1" },
                 { "{'exclusiveMaximum':1}", "0.9", NULL },
                 { "{'minimum':5,'exclusiveMinimum':4}", "4.5", "arguments: 4.5 is less than 5" },
                 { "{'maximum':9223372036854775807}", "9223372036854775808",
                   "arguments: 9.22337203685478e+18 is more than 9.22337203685478e+18" },
                 { "{'const':9007199254740993}", "9007199254740992.0",
                   "arguments: must be 9007199254740993" },
                 { "{'minimum':1}", "'a'", NULL });
}

static void texts_are_counted_in_characters(void)
{
    CHECK_VALUES({ "{'minLength':2,'maxLength':2}", "'\xc3\xa4\xf0\x9f\x98\x80'", NULL },
                 { "{'maxLength':1}", "'ab'", "arguments: 2 characters is more than 1" },
                 { "{'minLength':2}", "'\xc3\xa4'", "arguments: 1 character is less than 2" },
                 { "{'maxLength':0}", "7", NULL });
}

static void arrays_and_their_items(void)
{
    CHECK_VALUES({ "{'items':{'type':'string'},'maxItems':2}", "['a','b']", NULL },
                 { "{'items':{'type':'string'}}", "['a',7]", "[1]: must be a string, not 7" },
                 { "{'maxItems':1}", "[1,2]", "arguments: 2 items is more than 1" },
                 { "{'minItems':1}", "[]", "arguments: 0 items is less than 1" },
                 { "{'uniqueItems':true}", "[1,{'a':[1,2],'b':2},{'b':2,'a':[1,2.0]}]",
                   "arguments: items 1 and 2 are the same" },
                 { "{'uniqueItems':true}", "[1,'1',true,null,[1],{'a':1}]", NULL },
                 { "{'uniqueItems':false}", "[1,1]", NULL });
}

static void objects_and_their_members(void)
{
    CHECK_VALUES(
        { "{'properties':{'a':{'type':'object','properties':{'zip':{'maxLength':3}}}}}",
          "{'a':{'zip':'12345'}}", "a.zip: 5 characters is more than 3" },
        { "{'required':['a','b']}", "{'a':1}", "b: is required" },
        { "{'required':['a']}", "7", NULL },
        { "{'properties':{'a':{},'b':{}},'additionalProperties':false}", "{'a':1,'c':2}",
          "c: unknown argument; accepted: a, b" },
        { "{'additionalProperties':false}", "{'c':2}", "c: unknown argument; accepted: none" },
        { "{'additionalProperties':{'type':'string'}}", "{'a':'x','b':7}",
          "b: must be a string, not 7" },
        { "{'maxProperties':1}", "{'a':1,'b':2}", "arguments: 2 members is more than 1" },
        { "{'minProperties':1}", "{}", "arguments: 0 members is less than 1" });
}

static void choices_are_compared_as_json(void)
{
    CHECK_VALUES(
        { "{'enum':['a',1,{'x':[null]}]}", "{'x':[null]}", NULL }, { "{'enum':[1]}", "1.0", NULL },
        { "{'enum':['phone','email']}", "'fax'", "arguments: \"fax\" is not one of phone, email" },
        { "{'enum':['a',7,null]}", "false", "arguments: a boolean is not one of a, 7, null" },
        { "{'const':'phone'}", "'email'", "arguments: must be phone" },
        { "{'const':{'a':1}}", "{'a':2}", "arguments: must be {\"a\":1}" },
        { "{'const':null}", "null", NULL });
}

static void alternatives(void)
{
    CHECK_VALUES(
        { "{'anyOf':[{'type':'string'},{'minimum':5}]}", "7", NULL },
        { "{'anyOf':[{'type':'string'},{'minimum':5}]}", "3",
          "arguments: fits none of 2 alternatives; of the first: arguments: must be a string, not "
          "3" },
        { "{'anyOf':[{'required':['a']}]}", "{}", "a: is required" },
        { "{'oneOf':[{'type':'number'},{'minimum':5}]}", "7",
          "arguments: fits more than one alternative" },
        { "{'oneOf':[{'type':'number'},{'minimum':5}]}", "3", NULL },
        { "{'allOf':[{'minimum':1},{'maximum':2}]}", "3", "arguments: 3 is more than 2" },
        { "{'not':{'type':'string'}}", "'a'", "arguments: is what must not be here" },
        { "{'not':{'type':'string'}}", "7", NULL },
        { "{'if':{'minimum':5},'then':{'maximum':7},'else':{'const':1}}", "8",
          "arguments: 8 is more than 7" },
        { "{'if':{'minimum':5},'then':{'maximum':7},'else':{'const':1}}", "2",
          "arguments: must be 1" },
        { "{'if':{'minimum':5}}", "2", NULL }, { "{'then':false}", "2", NULL });
}

#define ADDRESS                                                                                \
    "{'$schema':'https://json-schema.org/draft/2020-12/schema','type':'object','$defs':{"      \
    "'address':{'$anchor':'addressDef','type':'object','properties':{'street':{'type':'string" \
    "'}}}},'properties':{'name':{'type':'string'},'address':{'$ref':'#/$defs/address'},"       \
    "'other':{'$ref':'#addressDef'},'contactMethod':{'type':'string','enum':['phone','email']" \
    "},'phone':{'type':'string'},'email':{'type':'string'}},'allOf':[{'anyOf':[{'required':["  \
    "'phone']},{'required':['email']}]}],'if':{'properties':{'contactMethod':{'const':'phone'" \
    "}},'required':['contactMethod']},'then':{'required':['phone']},'else':{'required':["      \
    "'email']},'additionalProperties':false}"

static void references_are_followed(void)
{
    CHECK_VALUES({ ADDRESS, "{'email':'a@b','address':{'street':'x'}}", NULL },
                 { ADDRESS, "{'email':'a@b','address':{'street':7}}",
                   "address.street: must be a string, not 7" },
                 { ADDRESS, "{'email':'a@b','other':{'street':7}}",
                   "other.street: must be a string, not 7" },
                 { ADDRESS, "{'contactMethod':'phone','email':'a@b'}", "phone: is required" },
                 { ADDRESS, "{'contactMethod':'phone','phone':'1'}", NULL },
                 { "{'properties':{'next':{'$ref':'#'}},'additionalProperties':false}",
                   "{'next':{'next':{'nxt':{}}}}",
                   "next.next.nxt: unknown argument; accepted: next" });
}

static void check_faults(const char *const (*rows)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_JSON yyjson_doc *schema = parse(rows[i][0]);
        struct err err = { 0 };
        if (!schema_verify(yyjson_doc_get_root(schema), &err))
            FAIL("%s is accepted", rows[i][0]);
        CHECK_STR(err.msg, rows[i][1]);
        CHECK_INT(err.code, ERR_INVALID);
    }
}

static void what_cannot_be_checked_is_refused(void)
{
    static const char *const rows[][2] = {
        { "7", "schema: is not a schema" },
        { "{'pattern':'a'}", "schema.pattern: is a keyword that is not supported" },
        { "{'properties':{'a':{'$dynamicRef':'#'}}}",
          "schema.properties.a.$dynamicRef: is a keyword that is not supported" },
        { "{'$schema':'http://json-schema.org/draft-07/schema#'}",
          "schema.$schema: is not https://json-schema.org/draft/2020-12/schema" },
        { "{'not':{'$schema':'https://json-schema.org/draft/2020-12/schema'}}",
          "schema.not.$schema: belongs at the root" },
        { "{'type':'text'}", "schema.type: names no type" },
        { "{'type':[]}", "schema.type: names no type" },
        { "{'type':['string','string']}", "schema.type: names no type" },
        { "{'required':['a','a']}", "schema.required: must be an array of different names" },
        { "{'enum':[]}", "schema.enum: must be an array that is not empty" },
        { "{'minLength':-1}", "schema.minLength: must be an integer from 0 on" },
        { "{'maximum':'1'}", "schema.maximum: must be a number" },
        { "{'uniqueItems':1}", "schema.uniqueItems: must be true or false" },
        { "{'anyOf':[]}", "schema.anyOf: must be an array of schemas" },
        { "{'anyOf':[{'type':7}]}", "schema.anyOf[0].type: names no type" },
        { "{'items':[]}", "schema.items: is not a schema" },
        { "{'properties':[]}", "schema.properties: must be an object of schemas" },
        { "{'$ref':'https://example.com/s.json'}",
          "schema.$ref: refers to no schema of this document" },
        { "{'$ref':'#/$defs/none'}", "schema.$ref: refers to no schema of this document" },
        { "{'$ref':'#none'}", "schema.$ref: refers to no schema of this document" },
        { "{'$ref':'#/enum','enum':[1]}", "schema.$ref: refers to no schema of this document" },
    };

    check_faults(rows, COUNT_OF(rows));
}

/* before * n, middle, after * n */
static char *nest(const char *before, size_t n, const char *middle, const char *after)
{
    struct buf b = BUF_MAX(TEXT_MAX);

    for (size_t i = 0; i < n; i++)
        CHECK(!buf_adds(&b, before, NULL));
    CHECK(!buf_adds(&b, middle, NULL));
    for (size_t i = 0; i < n; i++)
        CHECK(!buf_adds(&b, after, NULL));
    return buf_take(&b);
}

static void check_verdict(const char *schema, const char *value, enum err_code want)
{
    AUTO_JSON yyjson_doc *s = parse(schema), *v = parse(value);
    struct err err = { 0 };

    (void)!schema_check(yyjson_doc_get_root(s), yyjson_doc_get_root(v), &err);
    if (err.code != want)
        FAIL("%.60s of %.60s: %s", schema, value, err.msg);
}

static void work_and_depth_are_bounded(void)
{
    AUTO_FREE char *deep = nest("{'not':", 50, "true", "}");
    AUTO_FREE char *items = nest("", 1, "[", "");
    AUTO_FREE char *loop = nest("{'allOf':[", 1, "{'$ref':'#'},{'$ref':'#'}", "]}");
    AUTO_FREE char *many = nest("{'anyOf':[", 1, "{},{},{'$ref':'#'}", "]}");
    AUTO(buf) struct buf list = BUF_MAX(TEXT_MAX);

    check_verdict(deep, "7", ERR_NONE);
    check_verdict("{'$ref':'#'}", "7", ERR_TOO_LARGE);
    check_verdict(loop, "7", ERR_TOO_LARGE);
    check_verdict(many, "7", ERR_NONE);
    check_verdict("{'not':{'$ref':'#'}}", "7", ERR_TOO_LARGE);
    CHECK(!buf_adds(&list, items, NULL));
    for (int i = 0; i < 3000; i++)
        CHECK(!buf_addf(&list, NULL, "%s%d", i ? "," : "", i));
    CHECK(!buf_adds(&list, "]", NULL));
    check_verdict("{'uniqueItems':true}", list.data, ERR_TOO_LARGE);
    check_verdict("{'items':{'type':'integer'}}", list.data, ERR_NONE);
}

static void deep_and_wide_schemas_are_refused(void)
{
    AUTO(buf) struct buf wide = BUF_MAX(TEXT_MAX);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct err err = { 0 };

    CHECK(!buf_adds(&wide, "{'anyOf':[true", NULL));
    for (int i = 0; i < SCHEMA_COUNT_MAX; i++)
        CHECK(!buf_adds(&wide, ",{}", NULL));
    CHECK(!buf_adds(&wide, "]}", NULL));
    doc = parse(wide.data);
    CHECK(schema_verify(yyjson_doc_get_root(doc), &err));
    CHECK_HAS(err.msg, "is one of more than 1024 schemas");
}

static void nothing_is_an_empty_object(void)
{
    AUTO_JSON yyjson_doc *doc = parse("{'type':'object','required':['a']}");
    struct err err = { 0 };

    CHECK(schema_check(yyjson_doc_get_root(doc), NULL, &err));
    CHECK_STR(err.msg, "a: is required");
}

/* Whatever an unverified schema holds, judging by it ends. */
static void unverified_schemas_are_safe(void)
{
    static const char *const schemas[] = {
        "7",
        "[]",
        "{'type':7}",
        "{'type':[7]}",
        "{'type':[]}",
        "{'enum':7}",
        "{'enum':{}}",
        "{'required':'a'}",
        "{'required':[7]}",
        "{'properties':7}",
        "{'items':7}",
        "{'anyOf':7}",
        "{'anyOf':{}}",
        "{'oneOf':[]}",
        "{'allOf':7}",
        "{'$ref':7}",
        "{'$ref':'#/x'}",
        "{'minimum':'1'}",
        "{'minLength':'1'}",
        "{'maxItems':-1}",
        "{'if':7,'then':7}",
        "{'not':7}",
        "{'additionalProperties':7}",
    };
    static const char *const values[] = { "null", "7", "'a'", "[1,2]", "{'a':1}" };

    for (size_t i = 0; i < COUNT_OF(schemas); i++)
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            AUTO_JSON yyjson_doc *s = parse(schemas[i]), *v = parse(values[k]);
            (void)!schema_check(yyjson_doc_get_root(s), yyjson_doc_get_root(v), NULL);
        }
}

static const struct test tests[] = {
    TEST(types_are_told_apart),
    TEST(numbers_are_compared_exactly),
    TEST(texts_are_counted_in_characters),
    TEST(arrays_and_their_items),
    TEST(objects_and_their_members),
    TEST(choices_are_compared_as_json),
    TEST(alternatives),
    TEST(references_are_followed),
    TEST(what_cannot_be_checked_is_refused),
    TEST(work_and_depth_are_bounded),
    TEST(deep_and_wide_schemas_are_refused),
    TEST(nothing_is_an_empty_object),
    TEST(unverified_schemas_are_safe),
};

TEST_MAIN(tests)
