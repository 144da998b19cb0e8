/* JSON is written with ' for ". */
#include "mcp/param_header.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static const char *const region[] = { "region", NULL }, *const zip[] = { "to", "zip", NULL };
static const char *const flag[] = { "flag", NULL };
static const struct param_header wanted[] = {
    { "Region", region },
    { "Zip", zip },
    { "Flag", flag },
    { NULL, NULL },
};

/* What is said about these headers ("Name: value", ended by NULL) beside the arguments. */
static const char *said(const char *json, const char *const *headers)
{
    static struct err err;
    AUTO_FREE char *text = strdup(json);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct param_given given[8];
    char names[8][32];
    size_t n = 0;

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    doc = json_parse(text, strlen(text), NULL);
    CHECK(doc);
    for (; headers[n]; n++) {
        const char *colon = strstr(headers[n], ": ");
        snprintf(names[n], sizeof(names[n]), "%.*s", (int)(colon - headers[n]), headers[n]);
        given[n] = (struct param_given){ names[n], colon + 2, strlen(colon + 2) };
    }
    err = (struct err){ 0 };
    if (param_headers_check(wanted, yyjson_doc_get_root(doc), given, n, &err))
        CHECK_INT(err.code, ERR_INVALID);
    return err.msg;
}

#define CHECK_SAID(json, want, ...)                                                \
    do {                                                                           \
        static const char *const headers_[] = { __VA_ARGS__ __VA_OPT__(, ) NULL }; \
        CHECK_STR(said(json, headers_), want);                                     \
    } while (0)

static void the_argument_is_repeated(void)
{
    CHECK_SAID("{'region':'eu'}", "", "Region: eu");
    CHECK_SAID("{'region':'eu'}", "", "rEGION: eu", "Other: x");
    CHECK_SAID("{'region':'eu'}", "Mcp-Param-Region is not the argument in the body", "Region: EU");
    CHECK_SAID("{'region':'eu'}", "Mcp-Param-Region is missing", "Zone: eu");
    CHECK_SAID("{'region':''}", "", "Region: ");
    CHECK_SAID("{'region':''}", "Mcp-Param-Region is missing");
    CHECK_SAID("{'region':'eu'}", "Mcp-Param-Region was sent more than once", "Region: eu",
               "region: eu");
}

static void headers_of_nothing_do_not_matter(void)
{
    CHECK_SAID("{}", "", "Region: eu");
    CHECK_SAID("{'region':null}", "", "Region: eu");
    CHECK_SAID("{'region':['eu']}", "", "Region: us");
    CHECK_SAID("{'region':{'a':1}}", "");
    CHECK_SAID("{'to':7}", "", "Zip: 8");
    CHECK_SAID("null", "", "Region: eu");
}

static void base64_is_decoded(void)
{
    static const char bad[] = "Mcp-Param-Region is malformed";

    CHECK_SAID("{'region':'Hello'}", "", "Region: =?base64?SGVsbG8=?=");
    CHECK_SAID("{'region':'\xc3\xa4'}", "", "Region: =?base64?w6Q=?=");
    CHECK_SAID("{'region':''}", "",
               "Region: =?base64?"
               "?=");
    CHECK_SAID("{'region':'=?base64?SGVsbG8='}", "", "Region: =?base64?SGVsbG8=");
    CHECK_SAID("{'region':'SGVsbG8=?='}", "", "Region: SGVsbG8=?=");
    CHECK_SAID("{'region':'=?BASE64?SGVsbG8=?='}", "", "Region: =?BASE64?SGVsbG8=?=");
    CHECK_SAID("{'region':'Hello'}", bad, "Region: =?base64?SGVsbG8?=");
    CHECK_SAID("{'region':'Hello'}", bad, "Region: =?base64?SGVs!G8=?=");
    CHECK_SAID("{'region':'Hello'}", bad, "Region: =?base64?/w==?=");
    CHECK_SAID("{'region':'\xc3\xa4'}", bad, "Region: \xc3\xa4");
    CHECK_SAID("{'region':'a'}", bad, "Region: a\001");
    CHECK_SAID("{'region':'a\\tb'}", "", "Region: a\tb");
}

static void numbers_are_numbers_and_flags_are_words(void)
{
    static const char differs[] = "Mcp-Param-Zip is not the argument in the body";

    CHECK_SAID("{'to':{'zip':42}}", "", "Zip: 42.0");
    CHECK_SAID("{'to':{'zip':42.0}}", "", "Zip: 42");
    CHECK_SAID("{'to':{'zip':-7}}", "", "Zip: -7");
    CHECK_SAID("{'to':{'zip':42}}", differs, "Zip: 43");
    CHECK_SAID("{'to':{'zip':42}}", differs, "Zip: 042");
    CHECK_SAID("{'to':{'zip':42}}", differs, "Zip: 42 42");
    CHECK_SAID("{'to':{'zip':42}}", differs, "Zip: ");
    CHECK_SAID("{'to':{'zip':9007199254740993}}", differs, "Zip: 9007199254740992");
    CHECK_SAID("{'flag':true}", "", "Flag: true");
    CHECK_SAID("{'flag':false}", "", "Flag: false");
    CHECK_SAID("{'flag':true}", "Mcp-Param-Flag is not the argument in the body", "Flag: True");
    CHECK_SAID("{'flag':false}", "Mcp-Param-Flag is missing");
}

static const struct test tests[] = {
    TEST(the_argument_is_repeated),
    TEST(headers_of_nothing_do_not_matter),
    TEST(base64_is_decoded),
    TEST(numbers_are_numbers_and_flags_are_words),
};

TEST_MAIN(tests)
