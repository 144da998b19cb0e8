#include "base/clock.h"
#include "mcp/asking.h"
#include "tests/unit/check.h"

#define FORM                                                                                   \
    "{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"ok\":{"     \
    "\"type\":\"boolean\"},\"n\":{\"type\":\"integer\",\"minimum\":1},\"day\":{\"type\":"      \
    "\"string\",\"format\":\"date\"},\"when\":{\"type\":\"string\",\"format\":\"date-time\"}," \
    "\"to\":{\"type\":\"string\",\"format\":\"email\"},\"at\":{\"type\":\"string\","           \
    "\"format\":\"uri\"},\"one\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"a\"},{"          \
    "\"const\":\"b\"}]},\"of\":{\"type\":\"array\",\"items\":{\"enum\":[\"x\"]},"              \
    "\"maxItems\":1}}}}"

const struct tool_def tool_defs[] = { { .name = NULL } };
const size_t tool_def_count = 0;

static const struct ask two[] = {
    { .key = "first", .kind = ASK_FORM, .params = FORM },
    { .key = "second", .kind = ASK_ROOTS },
};

static enum ask_taken answer(struct ask_round *r, const char *key, const char *json)
{
    AUTO_JSON yyjson_doc *doc = json_parse(json, strlen(json), NULL);

    CHECK(doc != NULL);
    return ask_round_answer(r, key, strlen(key), yyjson_doc_get_root(doc));
}

static struct ask_round *round_of(const struct ask *asks, size_t n, unsigned number)
{
    struct ask_round *r = ask_round_new(asks, n, number, NULL);

    CHECK(r != NULL);
    return r;
}

static void open_ones(struct ask_round *r, struct buf *out)
{
    struct jw w = JW(out, NULL);

    ask_round_write(r, &w);
    CHECK(!jw_done(&w));
}

static void answers_come_one_by_one(void)
{
    AUTO(buf) struct buf before = BUF_MAX(8192), after = BUF_MAX(8192);
    struct ask_round *r = round_of(two, 2, 0);

    open_ones(r, &before);
    CHECK_HAS(before.data, "{\"first\":{\"method\":\"elicitation/create\",\"params\":{");
    CHECK_HAS(before.data, "\"second\":{\"method\":\"roots/list\",\"params\":{}}}");
    CHECK_INT(answer(r, "third", "{}"), ASK_UNKNOWN);
    CHECK_INT(answer(r, "firs", "{}"), ASK_UNKNOWN);
    CHECK_INT(answer(r, "first", "{\"action\":\"no\"}"), ASK_WRONG);
    CHECK_INT(answer(r, "first", "7"), ASK_WRONG);
    CHECK_INT(ask_round_left(r), 2);
    CHECK_INT(answer(r, "first", "{\"action\":\"decline\"}"), ASK_TAKEN);
    CHECK_INT(answer(r, "first", "{\"action\":\"accept\"}"), ASK_UNKNOWN);
    CHECK_INT(ask_round_left(r), 1);
    open_ones(r, &after);
    CHECK_STR(after.data, "{\"second\":{\"method\":\"roots/list\",\"params\":{}}}");
    CHECK_STR(json_str(r->items[0].answer, "action"), "decline");
    ask_round_free(r);
}

static void keys_differ_from_round_to_round(void)
{
    struct ask_round *first = round_of(two, 2, 1), *later = round_of(two, 2, 12);

    CHECK_STR(first->items[0].key, "first");
    CHECK_STR(later->items[0].key, "first.12");
    CHECK_INT(answer(later, "first", "{\"action\":\"decline\"}"), ASK_UNKNOWN);
    CHECK_INT(answer(later, "first.12", "{\"action\":\"decline\"}"), ASK_TAKEN);
    ask_round_free(first);
    ask_round_free(later);
}

static void what_is_no_question_is_refused(void)
{
    static const struct {
        struct ask asks[2];
        size_t count;
    } cases[] = {
        { { { .key = "", .kind = ASK_ROOTS } }, 1 },
        { { { .key = "Upper", .kind = ASK_ROOTS } }, 1 },
        { { { .key = "a.b", .kind = ASK_ROOTS } }, 1 },
        { { { .key = "a", .kind = ASK_ROOTS }, { .key = "a", .kind = ASK_ROOTS } }, 2 },
        { { { .key = "a", .kind = ASK_FORM, .params = "{" } }, 1 },
        { { { .key = "a", .kind = ASK_FORM, .params = "[]" } }, 1 },
        { { { .key = "a", .kind = ASK_ROOTS } }, 0 },
        { { { .key = "a", .kind = ASK_ROOTS } }, ASK_MAX + 1 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = { 0 };
        CHECK(!ask_round_new(cases[i].asks, cases[i].count, 0, &err));
        CHECK(err.code != ERR_NONE);
    }
}

struct waiting {
    struct ask_round *round;
    struct call call;
    struct err err;
    int result;
};

static void *wait_for(void *arg)
{
    struct waiting *w = arg;

    w->result = ask_round_wait(w->round, &w->call, clock_ms() + 20000, &w->err);
    return NULL;
}

static void waiting_ends(const char *how, int result, enum err_code code)
{
    struct waiting w = { .round = round_of(two, 2, 0) };
    const struct err refused = { .code = ERR_DENIED, .msg = "no" };
    pthread_t thread;

    CHECK(!call_init(&w.call, NULL));
    CHECK(!pthread_create(&thread, NULL, wait_for, &w));
    CHECK_INT(answer(w.round, "second", "{\"roots\":[]}"), ASK_TAKEN);
    if (*how == 'a')
        CHECK_INT(answer(w.round, "first", "{\"action\":\"cancel\"}"), ASK_TAKEN);
    else if (*how == 'r')
        ask_round_put(w.round, 0, NULL, &refused);
    else
        call_end(&w.call, CALL_CANCELLED);
    pthread_join(thread, NULL);
    CHECK_INT(w.result, result);
    CHECK_INT(w.err.code, code);
    call_done(&w.call);
    ask_round_free(w.round);
}

static void waiting_ends_with_the_last_answer_a_refusal_or_the_call(void)
{
    waiting_ends("answer", 0, ERR_NONE);
    waiting_ends("refusal", -1, ERR_DENIED);
    waiting_ends("call", -1, ERR_CANCELLED);
}

static void waiting_has_a_deadline(void)
{
    struct ask_round *r = round_of(two, 2, 0);
    struct call call;
    struct err err = { 0 };

    CHECK(!call_init(&call, NULL));
    CHECK(ask_round_wait(r, &call, clock_ms() + 50, &err));
    CHECK_INT(err.code, ERR_TIMEOUT);
    call_done(&call);
    ask_round_free(r);
}

static void a_form_is_judged_by_its_schema_and_formats(void)
{
    static const struct {
        const char *content;
        bool fits;
    } cases[] = {
        { "{}", true },
        { "{\"ok\":true,\"n\":1,\"other\":[]}", true },
        { "{\"ok\":1}", false },
        { "{\"n\":0}", false },
        { "{\"n\":1.5}", false },
        { "{\"one\":\"b\"}", true },
        { "{\"one\":\"c\"}", false },
        { "{\"of\":[\"x\"]}", true },
        { "{\"of\":[\"y\"]}", false },
        { "{\"of\":[\"x\",\"x\"]}", false },
        { "{\"day\":\"2026-11-21\"}", true },
        { "{\"day\":\"2026-13-21\"}", false },
        { "{\"day\":\"2026-11-21T\"}", false },
        { "{\"day\":\"2026-11-21\\u0000\"}", false },
        { "{\"when\":\"2026-11-21T10:00:00Z\"}", true },
        { "{\"when\":\"2026-11-21t10:00:00.25-05:30\"}", true },
        { "{\"when\":\"2026-11-21T10:00:00\"}", false },
        { "{\"when\":\"2026-11-21T25:00:00Z\"}", false },
        { "{\"when\":\"2026-11-21T10:00:00.Z\"}", false },
        { "{\"when\":\"2026-11-21\"}", false },
        { "{\"to\":\"a@b.example\"}", true },
        { "{\"to\":\"@b.example\"}", false },
        { "{\"to\":\"a b@c\"}", false },
        { "{\"at\":\"https://a.example/x?y\"}", true },
        { "{\"at\":\"urn:x\"}", true },
        { "{\"at\":\"//a.example\"}", false },
        { "{\"at\":\"1a:b\"}", false },
        { "{\"at\":\"a:\"}", false },
    };
    AUTO_JSON yyjson_doc *params = json_parse(FORM, sizeof(FORM) - 1, NULL);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "{\"action\":\"accept\",\"content\":%s}",
                         cases[i].content);
        AUTO_JSON yyjson_doc *doc = json_parse(text, (size_t)n, NULL);
        if (ask_fits(ASK_FORM, yyjson_doc_get_root(params), yyjson_doc_get_root(doc)) !=
            cases[i].fits)
            FAIL("%s", cases[i].content);
    }
}

static const struct test table[] = {
    TEST(answers_come_one_by_one),
    TEST(keys_differ_from_round_to_round),
    TEST(what_is_no_question_is_refused),
    TEST(waiting_ends_with_the_last_answer_a_refusal_or_the_call),
    TEST(waiting_has_a_deadline),
    TEST(a_form_is_judged_by_its_schema_and_formats),
};

TEST_MAIN(table)
