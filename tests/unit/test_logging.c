#include "tests/unit/ask_fixture.h"

#define CALL(id, text)                                                                        \
    "{'jsonrpc':'2.0','id':" id ",'method':'tools/call','params':{'name':'echo','arguments':" \
    "{'text':'" text "'}}}"

struct place {
    struct server *srv;
    struct server_conn *conn;
    struct kept call;
    struct server_call *running;
};

static struct place open_with(const char *version, const char *capabilities)
{
    struct place p = { .srv = asking_server() };
    char begin[512];

    p.conn = fixture_conn(p.srv);
    snprintf(begin, sizeof(begin),
             "{'jsonrpc':'2.0','id':0,'method':'initialize','params':{'protocolVersion':'%s',"
             "'capabilities':{%s}}}",
             version, capabilities);
    CHECK_HAS(send_and_await(p.srv, p.conn, begin, NULL, NULL), version);
    return p;
}

static void start(struct place *p, const char *message)
{
    kept_init(&p->call);
    p->running = send_message(p->srv, p->conn, message, NULL, &p->call);
}

static void done(struct place *p)
{
    server_conn_close(p->conn, CALL_CANCELLED);
    server_free(p->srv);
    if (p->running)
        kept_done(&p->call);
    server_call_unref(p->running);
}

static const char *q(const char *text)
{
    return unquoted(text);
}

/* ---- legacy: the level is set once ---- */

static void no_messages_before_a_level_is_set(void)
{
    struct place p = open_with("2025-11-25", "");

    start(&p, CALL("1", "log"));
    kept_await(&p.call, 1);
    CHECK_INT(p.call.note_count, 0);
    done(&p);
}

static void messages_from_the_level_on_come_before_the_result(void)
{
    static const struct {
        const char *level;
        int count;
    } cases[] = { { "debug", 3 }, { "info", 2 }, { "warning", 1 }, { "emergency", 0 } };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place p = open_with("2025-11-25", "");
        char text[256];
        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','id':2,'method':'logging/setLevel','params':{'level':'%s'}}",
                 cases[i].level);
        CHECK_STR(send_and_await(p.srv, p.conn, text, NULL, NULL),
                  q("{'jsonrpc':'2.0','id':2,'result':{}}"));
        start(&p, CALL("1", "log"));
        kept_await(&p.call, 1);
        CHECK_INT(p.call.note_count, cases[i].count);
        if (i == 0)
            CHECK_STR(p.call.notes[0], q("{'jsonrpc':'2.0','method':'notifications/message',"
                                         "'params':{'level':'debug','data':'a detail \\'0\\''}}"));
        if (i == 2)
            CHECK_STR(p.call.notes[0],
                      q("{'jsonrpc':'2.0','method':'notifications/message','params':{'level':"
                        "'error','logger':'fixture','data':'error 0'}}"));
        done(&p);
    }
}

static void a_level_that_does_not_exist_is_refused(void)
{
    static const char *const params[] = { "{'level':'loud'}", "{'level':3}", "{}" };

    for (size_t i = 0; i < COUNT_OF(params); i++) {
        struct place p = open_with("2025-11-25", "");
        char text[256];
        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','id':2,'method':'logging/setLevel','params':%s}", params[i]);
        CHECK_HAS(send_and_await(p.srv, p.conn, text, NULL, NULL), "-32602");
        done(&p);
    }
}

static atomic_int flooded;

static void count_note(struct reply_sink *sink, const char *json, size_t len)
{
    (void)sink, (void)json, (void)len;
    atomic_fetch_add(&flooded, 1);
}

static void a_flood_of_messages_is_cut(void)
{
    struct place p = open_with("2025-11-25", "");
    int64_t began = clock_ms();

    send_and_await(
        p.srv, p.conn,
        "{'jsonrpc':'2.0','id':2,'method':'logging/setLevel','params':{'level':'error'}}", NULL,
        NULL);
    kept_init(&p.call);
    p.call.sink.notify = count_note;
    p.running = send_message(p.srv, p.conn, CALL("1", "flood"), NULL, &p.call);
    kept_await(&p.call, 1);
    CHECK(flooded >= 50);
    CHECK(flooded <= 50 * (2 + (clock_ms() - began) / 1000));
    done(&p);
}

/* ---- modern: each request says its own ---- */

static int count_messages(const char *level)
{
    struct place p = { .srv = asking_server() };
    char text[1024];
    int n;

    p.conn = fixture_conn(p.srv);
    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'echo','arguments':{"
             "'text':'log'},'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28',"
             "'io.modelcontextprotocol/clientCapabilities':{}%s}}}",
             level);
    kept_init(&p.call);
    server_call_unref(send_message(p.srv, p.conn, text, NULL, &p.call));
    kept_await(&p.call, 1);
    n = strstr(p.call.json, "-32602") ? -1 : p.call.note_count;
    kept_done(&p.call);
    done(&p);
    return n;
}

static void messages_come_when_the_request_wants_them(void)
{
    CHECK_INT(count_messages(""), 0);
    CHECK_INT(count_messages(",'io.modelcontextprotocol/logLevel':'debug'"), 3);
    CHECK_INT(count_messages(",'io.modelcontextprotocol/logLevel':'notice'"), 1);
    CHECK_INT(count_messages(",'io.modelcontextprotocol/logLevel':'alert'"), 0);
    CHECK_INT(count_messages(",'io.modelcontextprotocol/logLevel':'loud'"), -1);
    CHECK_INT(count_messages(",'io.modelcontextprotocol/logLevel':null"), -1);
}

static void the_level_cannot_be_set_for_later(void)
{
    struct place p = { .srv = asking_server() };
    int status;

    p.conn = fixture_conn(p.srv);
    CHECK_HAS(send_and_await(p.srv, p.conn,
                             "{'jsonrpc':'2.0','id':1,'method':'logging/setLevel','params':{"
                             "'level':'info'," META_MODERN "}}",
                             NULL, &status),
              "-32601");
    CHECK_INT(status, 404);
    done(&p);
}

/* ---- without the capability ---- */

static void a_server_that_logs_nothing_has_no_levels(void)
{
    struct place p = { .srv = fixture_server() };
    const char *got;

    p.conn = fixture_conn(p.srv);
    got = send_and_await(p.srv, p.conn,
                         "{'jsonrpc':'2.0','id':0,'method':'initialize','params':{"
                         "'protocolVersion':'2025-11-25','capabilities':{}}}",
                         NULL, NULL);
    CHECK(!strstr(got, "logging"));
    CHECK_HAS(send_and_await(p.srv, p.conn,
                             "{'jsonrpc':'2.0','id':2,'method':'logging/setLevel','params':{"
                             "'level':'info'}}",
                             NULL, NULL),
              "-32601");
    done(&p);
}

static const struct test table[] = {
    TEST(no_messages_before_a_level_is_set),
    TEST(messages_from_the_level_on_come_before_the_result),
    TEST(a_level_that_does_not_exist_is_refused),
    TEST(a_flood_of_messages_is_cut),
    TEST(messages_come_when_the_request_wants_them),
    TEST(the_level_cannot_be_set_for_later),
    TEST(a_server_that_logs_nothing_has_no_levels),
};

TEST_MAIN(table)
