#include "mcp/tool.h"

#include "tests/unit/check.h"

/* A table of this program's own, in place of the generated one. */
const struct tool_def tool_defs[] = {
    { .name = "alpha", .cls = TOOL_STRUCTURED },
    { .name = "alpha_b", .cls = TOOL_TEXT },
    { .name = "beta", .cls = TOOL_IMAGE },
    { .name = NULL },
};
const size_t tool_def_count = COUNT_OF(tool_defs) - 1;

static void tool_call_done(struct tool_call *call)
{
    buf_done(&call->content);
    buf_done(&call->structured);
    buf_done(&call->meta);
}

static struct tool_call call_of(const char *name, size_t max)
{
    return (struct tool_call){
        .def = tool_find(name),
        .content = BUF_MAX(max),
        .structured = BUF_MAX(max),
        .meta = BUF_MAX(max),
    };
}

static void tools_are_found_by_their_whole_name(void)
{
    for (size_t i = 0; i < tool_def_count; i++)
        CHECK(tool_find(tool_defs[i].name) == &tool_defs[i]);
    CHECK(!tool_find("") && !tool_find("alph") && !tool_find("alpha_") && !tool_find("zeta"));
}

static void content_is_a_list_of_blocks(void)
{
    AUTO(tool_call) struct tool_call call = call_of("beta", 1000);
    struct err err = { 0 };

    CHECK(!tool_text(&call, "a\"\n\x1b", 4, &err));
    CHECK(!tool_textf(&call, &err, "%d %s", 7, "b"));
    CHECK(!call.has_image);
    CHECK(!tool_image(&call, "image/png", "\x89PNG", 4, &err));
    CHECK(call.has_image);
    CHECK(!tool_text(&call, "", 0, &err));
    CHECK_STR(
        buf_str(&call.content),
        "{\"type\":\"text\",\"text\":\"a\\\"\\n\\u001b\"},{\"type\":\"text\",\"text\":\"7 b\"},"
        "{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"iVBORw==\"},"
        "{\"type\":\"text\",\"text\":\"\"}");
}

static void media_and_resources_are_blocks(void)
{
    AUTO(tool_call) struct tool_call call = call_of("beta", 1000);
    AUTO(tool_call) struct tool_call old = call_of("beta", 1000);
    struct err err = { 0 };

    CHECK(!tool_audio(&call, "audio/wav", "RIFF", 4, &err));
    CHECK(!tool_resource_text(&call, "x://a", "text/plain", "a\n", 2, &err));
    CHECK(!tool_resource(&call, "x://b", NULL, "\0\1", 2, &err));
    CHECK_STR(buf_str(&call.content),
              "{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"UklGRg==\"},"
              "{\"type\":\"resource\",\"resource\":{\"uri\":\"x://a\",\"mimeType\":\"text/plain\","
              "\"text\":\"a\\n\"}},"
              "{\"type\":\"resource\",\"resource\":{\"uri\":\"x://b\",\"blob\":\"AAE=\"}}");
    CHECK(!call.has_image);
    old.no_audio = true;
    CHECK(!tool_audio(&old, "audio/wav", "RIFF", 4, &err));
    CHECK_STR(buf_str(&old.content),
              "{\"type\":\"text\",\"text\":\"[audio/wav, 4 bytes: this client takes no audio]\"}");
}

static void bytes_that_are_no_text_are_replaced(void)
{
    AUTO(tool_call) struct tool_call call = call_of("beta", 1000);
    struct err err = { 0 };

    CHECK(!tool_text(&call, "a\xff\0b", 4, &err));
    CHECK_STR(buf_str(&call.content), "{\"type\":\"text\",\"text\":\"a\xef\xbf\xbd\\u0000b\"}");
}

static void what_does_not_fit_leaves_nothing_behind(void)
{
    AUTO(tool_call) struct tool_call call = call_of("alpha", 40);
    AUTO(buf) struct buf json = BUF_MAX(100);
    struct err err = { 0 };
    char large[60] = { 0 };

    CHECK(!tool_text(&call, "a", 1, &err));
    CHECK_INT(tool_text(&call, "123456789", 9, &err), -1);
    CHECK_INT(err.code, ERR_TOO_LARGE);
    CHECK_INT(tool_image(&call, "image/png", large, sizeof(large), &err), -1);
    CHECK(!call.has_image);
    CHECK_INT(tool_audio(&call, "audio/wav", large, sizeof(large), &err), -1);
    CHECK_INT(tool_resource(&call, "x://a", NULL, large, sizeof(large), &err), -1);
    CHECK_INT(tool_resource_text(&call, "x://a", NULL, large, sizeof(large), &err), -1);
    CHECK_STR(buf_str(&call.content), "{\"type\":\"text\",\"text\":\"a\"}");

    CHECK(!tool_meta_int(&call, "a", 1, &err));
    memset(large, 'x', sizeof(large) - 1);
    CHECK_INT(tool_meta_str(&call, "b", large, &err), -1);
    CHECK_STR(buf_str(&call.meta), "\"sandbox-mcp/a\":1");

    CHECK(!buf_adds(&json, large, &err));
    CHECK_INT(tool_structured(&call, &json, &err), -1);
    CHECK_INT(call.structured.len, 0);
}

static void structured_results_are_of_class_s_and_one(void)
{
    AUTO(tool_call) struct tool_call structured = call_of("alpha", 100);
    AUTO(tool_call) struct tool_call text = call_of("alpha_b", 100);
    AUTO(buf) struct buf json = BUF_MAX(100);
    struct err err = { 0 };

    CHECK(!buf_adds(&json, "{\"a\":1}", &err));
    CHECK(!tool_structured(&structured, &json, &err));
    CHECK(!tool_structured(&text, &json, &err));
    CHECK_STR(buf_str(&structured.structured), "{\"a\":1}");
    CHECK_INT(text.structured.len, 0);
    CHECK_INT(tool_structured(&structured, &json, &err), -1);
    CHECK_STR(err.msg, "alpha has two structured results");
}

static void meta_members_have_our_prefix(void)
{
    AUTO(tool_call) struct tool_call call = call_of("alpha", 1000);
    struct err err = { 0 };

    CHECK(!tool_meta_int(&call, "exit_code", -1, &err));
    CHECK(!tool_meta_str(&call, "cursor", "a\"b", &err));
    CHECK(!tool_meta_str(&call, "cwd", NULL, &err));
    CHECK_STR(buf_str(&call.meta), "\"sandbox-mcp/exit_code\":-1,\"sandbox-mcp/cursor\":\"a\\\"b\","
                                   "\"sandbox-mcp/cwd\":null");
}

static const struct test tests[] = {
    TEST(tools_are_found_by_their_whole_name),
    TEST(content_is_a_list_of_blocks),
    TEST(media_and_resources_are_blocks),
    TEST(bytes_that_are_no_text_are_replaced),
    TEST(what_does_not_fit_leaves_nothing_behind),
    TEST(structured_results_are_of_class_s_and_one),
    TEST(meta_members_have_our_prefix),
};
TEST_MAIN(tests)
