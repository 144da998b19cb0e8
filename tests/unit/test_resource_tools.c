#include "tests/unit/check.h"
#include "tools/resources.h"

/* ---- types ---- */

static void types_come_from_the_content_then_the_name(void)
{
    static const struct {
        const char *path, *data;
        size_t len;
        const char *mime;
        bool text;
    } rows[] = {
        { "a.py", "x", 1, "text/x-python", true },
        { "a.PY", "x", 1, "text/x-python", true },
        { "README", "x", 1, "text/plain", true },
        { ".json", "{}", 2, "application/json", true },
        { "d.json/x", "{}", 2, "text/plain", true },
        { "a.svg", "<svg/>", 6, "image/svg+xml", true },
        { "a.txt", "", 0, "text/plain", true },
        { "a.txt", "\0x", 2, "application/octet-stream", false },
        { "a.txt", "\xff", 1, "application/octet-stream", false },
        { "a.txt", "\x89PNG\r\n\x1a\n\0\0\0\0", 12, "image/png", false },
        { "a", "%PDF-1.7\0", 9, "application/pdf", false },
        { "a", "PK\3\4\0", 5, "application/zip", false },
        { "a", "PK\3", 3, "text/plain", true },
        { "a", "SQLite format 3\0", 16, "application/vnd.sqlite3", false },
        { "a", "RIFF\0\0\0\0WAVE", 12, "audio/wav", false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool text;
        CHECK_STR(resources_mime(rows[i].path, rows[i].data, rows[i].len, &text), rows[i].mime);
        CHECK_INT(text, rows[i].text);
    }
}

/* ---- instructions ---- */

static int open_fake(struct backend **out)
{
    static const struct backend_config config = { .network = "none", .runtime = "bwrap" };

    return backend_open("fake", &config, out, NULL);
}

static void instructions_are_short_and_begin_with_what_matters(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096);
    struct backend *be = NULL;

    CHECK(!open_fake(&be));
    CHECK(!tools_instructions(be, &text, NULL));
    backend_free(be);
    CHECK(!strstr(text.data, "_"));
    for (const struct tool_note *note = tools_notes; note->text; note++)
        CHECK(!buf_adds(&text, note->text, NULL));
    CHECK(text.len < 2048);
    text.data[512] = '\0';
    CHECK_HAS(text.data, "A sandbox of your own");
    CHECK_HAS(text.data, "Paths are");
    CHECK_HAS(text.data, "terminal_execute");
}

/* A name in a note is one of those that it is left out without. */
static void notes_name_only_tools_that_they_need(void)
{
    for (const struct tool_note *note = tools_notes; note->text; note++) {
        for (size_t i = 0; i < tool_def_count; i++) {
            const char *name = tool_defs[i].name;
            CHECK(!strstr(note->text, name) || (note->tools && strstr(note->tools, name)));
        }
    }
}

/* ---- prompts ---- */

static const struct prompt_def *find(const char *name)
{
    const struct prompt_def *p = tools_prompts;

    while (p->name && strcmp(p->name, name))
        p++;
    return p->name ? p : NULL;
}

static bool knows_tool(const char *name, size_t len)
{
    for (const struct tool_def *d = tool_defs; d->name; d++)
        if (strlen(d->name) == len && !strncmp(d->name, name, len))
            return true;
    return false;
}

/* Words with an underscore that begin like a family of tools are tools. */
static void check_tools(const char *text)
{
    static const char *const families[] = { "file_", "terminal_", "code_", "sandbox_" };

    for (size_t i = 0; i < COUNT_OF(families); i++)
        for (const char *at = text; (at = strstr(at, families[i])); at++) {
            size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
            if (!knows_tool(at, n))
                FAIL("there is no tool %.*s", (int)n, at);
        }
}

static void prompts_name_only_tools_that_there_are(void)
{
    static const struct arg_pair path = { "path", "data/x.csv" };
    static const struct arg_map args = { &path, 1 };
    int count = 0;

    for (const struct prompt_def *p = tools_prompts; p->name; p++, count++) {
        struct tool_call call = { .content = BUF_MAX(TOOL_RESULT_MAX) };
        struct err err = { 0 };
        if (p->get(&call, &args, &err))
            FAIL("%s: %s", p->name, err.msg);
        CHECK_HAS(call.content.data, "data/x.csv");
        CHECK_HAS(call.content.data, "file_read");
        check_tools(call.content.data);
        CHECK(p->description && p->title);
        buf_done(&call.content);
    }
    CHECK_INT(count, 2);
}

static void arguments_cannot_break_out_of_their_quotes(void)
{
    static const char *const bad[] = { "a`b", "a\nb", "a\x1b[0m", "" };
    const struct prompt_def *p = find("explore-data");

    CHECK(p);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct tool_call call = { .content = BUF_MAX(TOOL_RESULT_MAX) };
        struct arg_pair pair = { "path", bad[i] };
        struct arg_map args = { &pair, 1 };
        struct err err = { 0 };
        CHECK(p->get(&call, &args, &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK_INT(call.content.len, 0);
    }
}

static const struct test tests[] = {
    TEST(types_come_from_the_content_then_the_name),
    TEST(instructions_are_short_and_begin_with_what_matters),
    TEST(notes_name_only_tools_that_they_need),
    TEST(prompts_name_only_tools_that_there_are),
    TEST(arguments_cannot_break_out_of_their_quotes),
};

TEST_MAIN(tests)
