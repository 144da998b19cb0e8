#include "tests/unit/subs_fixture.h"

static void a_listen_hears_what_it_asked_for_and_no_more(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told t;

    told_init(&t);
    send_listen(srv, conn, LISTEN("'a b'", "{'toolsListChanged':true,'promptsListChanged':false}"),
                true, &t);
    check_note(&t, 0, ack("'a b'", "{'toolsListChanged':true}"));
    server_list_changed(srv, LIST_PROMPTS);
    server_list_changed(srv, LIST_RESOURCES);
    server_resource_updated(srv, "me", "x:y");
    server_list_changed(srv, LIST_TOOLS);
    check_note(&t, 1,
               "{'jsonrpc':'2.0','method':'notifications/tools/list_changed',"
               "'params':{'_meta':{" SUBSCRIPTION "'a b'}}}");
    CHECK_INT(t.kept.finished, 0);
    server_sub_end(t.sub, CALL_SHUTDOWN);
    CHECK_STR(
        kept_await(&t.kept, 1),
        unquoted(
            "{'jsonrpc':'2.0','id':'a b','result':{'resultType':'complete','_meta':{" SUBSCRIPTION
            "'a b','io.modelcontextprotocol/serverInfo':"
            "{'name':'test','version':'1'}}}}"));
    CHECK_INT(t.kept.status, 200);
    server_list_changed(srv, LIST_TOOLS);
    server_sub_end(t.sub, CALL_SHUTDOWN);
    CHECK_INT(t.kept.finished, 1);
    CHECK_INT(t.kept.note_count, 2);
    told_done(&t);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void what_is_not_declared_is_not_acknowledged(void)
{
    struct server *srv = new_server(1u << LIST_PROMPTS, false);
    struct server_conn *conn = fixture_conn(srv);
    struct told t;

    told_init(&t);
    send_listen(srv, conn,
                LISTEN("7", "{'toolsListChanged':true,'promptsListChanged':true,"
                            "'resourceSubscriptions':['x:1'],'future':{}}"),
                false, &t);
    check_note(&t, 0, ack("7", "{'promptsListChanged':true}"));
    server_list_changed(srv, LIST_TOOLS);
    CHECK_INT(t.kept.note_count, 1);
    server_free(srv);
    kept_await(&t.kept, 1);
    server_conn_close(conn, CALL_GONE);
    told_done(&t);
}

static void bad_listens_are_refused(void)
{
    static const struct {
        const char *message;
        int status;
        const char *has;
    } cases[] = {
        { LISTEN("1", "[]"), 200, "'code':-32602" },
        { LISTEN("1", "{'toolsListChanged':1}"), 200, "'code':-32602" },
        { LISTEN("1", "{'resourceSubscriptions':'x:y'}"), 200, "'code':-32602" },
        { LISTEN("1", "{'resourceSubscriptions':[1]}"), 200, "'code':-32602" },
        { LISTEN("1", "{'taskIds':['t']}"), 400,
          "'code':-32021,'message':'taskIds needs the extension io.modelcontextprotocol/tasks',"
          "'data':{'requiredCapabilities':{'extensions':{'io.modelcontextprotocol/tasks':{}}}}" },
    };
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct server_streams now;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = 0;
        const char *got = ask(srv, conn, cases[i].message, NULL, &status);
        CHECK_INT(status, cases[i].status);
        if (!strstr(got, unquoted(cases[i].has)))
            FAIL("%s: %s", cases[i].message, got);
    }
    server_streams(srv, &now);
    CHECK_INT(now.listens, 0);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void a_client_that_takes_no_stream_cannot_listen(void)
{
    const struct http_facts facts = {
        .is_http = true,
        .protocol_version = "2026-07-28",
        .method = "subscriptions/listen",
        .scopes = SCOPE_ALL,
        .no_events = true,
    };
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    int status = 0;

    ask(srv, conn, LISTEN("1", "{}"), &facts, &status);
    CHECK_INT(status, 406);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void a_resource_is_watched_once_however_many_listen(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv), *other = NULL;
    struct told a, b, c;

    CHECK(
        !server_conn_new(srv, &(struct caller){ "you", NULL, .scopes = SCOPE_ALL }, &other, NULL));
    told_init(&a);
    told_init(&b);
    told_init(&c);
    send_listen(srv, conn,
                LISTEN("1", "{'resourceSubscriptions':['x:1','x:secret','no uri','x:1','x:2']}"),
                true, &a);
    check_note(&a, 0, ack("1", "{'resourceSubscriptions':['x:1','x:2']}"));
    send_listen(srv, conn, LISTEN("2", "{'resourceSubscriptions':['x:1']}"), true, &b);
    check_note(&b, 0, ack("2", "{'resourceSubscriptions':['x:1']}"));
    CHECK_INT(watched(true), 2);
    send_listen(srv, other, LISTEN("3", "{'resourceSubscriptions':['x:1']}"), true, &c);
    check_note(&c, 0, ack("3", "{'resourceSubscriptions':['x:1']}"));
    CHECK_INT(watched(true), 3);
    CHECK_STR(provider.last, "you - x:1");
    server_resource_updated(srv, "me", "x:1");
    check_note(&a, 1,
               "{'jsonrpc':'2.0','method':'notifications/resources/"
               "updated','params':{'_meta':{" SUBSCRIPTION "1},'uri':'x:1'}}");
    await_notes(&b, 2);
    CHECK_INT(c.kept.note_count, 1);
    server_resource_updated(srv, NULL, "x:1");
    await_notes(&c, 2);
    server_resource_updated(srv, "me", "x:3");
    server_sub_end(a.sub, CALL_GONE);
    await_watched(false, 1);
    CHECK_STR(provider.last, "me box x:2");
    CHECK_INT(a.kept.status, 202);
    CHECK(!a.kept.json);
    server_sub_end(b.sub, CALL_GONE);
    await_watched(false, 2);
    server_sub_end(c.sub, CALL_GONE);
    await_watched(false, 3);
    CHECK_INT(a.kept.note_count, 3);
    told_done(&a);
    told_done(&b);
    told_done(&c);
    server_conn_close(other, CALL_GONE);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void a_client_that_leaves_while_its_listen_begins_leaves_nothing(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct server_streams now;
    struct told t;

    told_init(&t);
    send_listen(srv, conn, LISTEN("1", "{'resourceSubscriptions':['x:slow','x:slow2','x:3']}"),
                true, &t);
    server_sub_end(t.sub, CALL_GONE);
    kept_await(&t.kept, 1);
    server_conn_close(conn, CALL_GONE);
    for (int64_t until = clock_ms() + 10000; clock_ms() < until;) {
        server_streams(srv, &now);
        if (!now.watched && watched(true) == watched(false) && watched(true))
            break;
        (void)poll(NULL, 0, 5);
    }
    CHECK_INT(now.watched, 0);
    CHECK_INT(t.kept.note_count, 0);
    CHECK(watched(true) <= 1);
    told_done(&t);
    server_free(srv);
}

static void tasks_are_told_to_their_owner(void)
{
    static const char task[] = "{\"taskId\":\"t_1\",\"status\":\"working\"}";
    static const char message[] =
        "{'jsonrpc':'2.0','id':5,'method':'subscriptions/listen','params':{'notifications':"
        "{'taskIds':['t_1','t_2']},'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28',"
        "'io.modelcontextprotocol/clientCapabilities':{'extensions':"
        "{'io.modelcontextprotocol/tasks':{}}}}}}";
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told t;

    told_init(&t);
    send_listen(srv, conn, message, true, &t);
    check_note(&t, 0, ack("5", "{'taskIds':['t_1','t_2']}"));
    subs_task_changed(srv, "you", "t_1", task, sizeof(task) - 1);
    subs_task_changed(srv, "me", "t_3", task, sizeof(task) - 1);
    subs_task_changed(srv, "me", "t_1", task, sizeof(task) - 1);
    check_note(&t, 1,
               "{'jsonrpc':'2.0','method':'notifications/tasks','params':{'_meta':{" SUBSCRIPTION
               "5},'taskId':'t_1','status':'working'}}");
    CHECK_INT(t.kept.note_count, 2);
    server_conn_close(conn, CALL_GONE);
    kept_await(&t.kept, 1);
    told_done(&t);
    server_free(srv);
}

static void on_one_connection_a_listen_is_cancelled_by_its_id(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told a, b;

    told_init(&a);
    told_init(&b);
    send_listen(srv, conn, LISTEN("1", "{'toolsListChanged':true}"), false, &a);
    send_listen(srv, conn, LISTEN("'1'", "{'toolsListChanged':true}"), false, &b);
    ask(srv, conn, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1}}",
        NULL, NULL);
    kept_await(&a.kept, 1);
    CHECK(!a.kept.json);
    server_list_changed(srv, LIST_TOOLS);
    CHECK_INT(a.kept.note_count, 1);
    CHECK_INT(b.kept.note_count, 2);
    server_conn_close(conn, CALL_CANCELLED);
    check_note(&b, 2,
               "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':'1',"
               "'reason':'the server ends this subscription'}}");
    CHECK(strstr(kept_await(&b.kept, 1), unquoted("'id':'1','result':{'resultType':'complete'")));
    told_done(&a);
    told_done(&b);
    server_free(srv);
}

static void an_id_is_used_once_at_a_time(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told a;

    told_init(&a);
    send_listen(srv, conn, LISTEN("1", "{}"), false, &a);
    CHECK(strstr(ask(srv, conn, LISTEN("1", "{}"), NULL, NULL), "in flight"));
    server_conn_close(conn, CALL_CANCELLED);
    told_done(&a);
    server_free(srv);
}

static void a_listen_that_is_not_read_ends(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct server_streams now;
    struct told t;

    told_init(&t);
    send_listen(srv, conn, LISTEN("1", "{'toolsListChanged':true}"), true, &t);
    t.full = true;
    server_list_changed(srv, LIST_TOOLS);
    CHECK(strstr(kept_await(&t.kept, 1), "resultType"));
    server_streams(srv, &now);
    CHECK_INT(now.slow, 1);
    CHECK_INT(now.listens, 0);
    told_done(&t);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void there_are_not_more_listens_than_stated(void)
{
    static struct told told[LISTENS_MAX];
    struct server *srv = start();
    struct server_conn *conns[3];
    size_t n = 0;

    for (int i = 0; i < 3; i++)
        CHECK(!server_conn_new(
            srv,
            &(struct caller){ (const char *[]){ "a", "b", "c" }[i], NULL, .scopes = SCOPE_ALL },
            &conns[i], NULL));
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < LISTENS_PER_PRINCIPAL; k++) {
            char message[512];
            snprintf(message, sizeof(message), "%.*s%d%s", 22, LISTEN("", "{}"), k,
                     &LISTEN("", "{}")[22]);
            told_init(&told[n]);
            send_listen(srv, conns[i], message, true, &told[n]);
            CHECK_INT(told[n++].kept.note_count, 1);
            if (i || k < LISTENS_PER_PRINCIPAL - 1)
                continue;
            CHECK(strstr(ask(srv, conns[0], LISTEN("'x'", "{}"), NULL, NULL), "-32603"));
        }
    CHECK(strstr(ask(srv, conns[2], LISTEN("1", "{}"), NULL, NULL), "-32603"));
    server_sub_end(told[0].sub, CALL_GONE);
    for (int i = 0; i < 3; i++)
        server_conn_close(conns[i], CALL_GONE);
    server_free(srv);
    for (size_t i = 0; i < n; i++)
        told_done(&told[i]);
}

/* ---- all at once ---- */

static struct server *racing;
static atomic_bool stop_changing;

static void *change(void *arg UNUSED)
{
    while (!atomic_load(&stop_changing)) {
        server_list_changed(racing, LIST_TOOLS);
        server_resource_updated(racing, "me", "x:1");
        server_resource_updated(racing, NULL, "x:2");
    }
    return NULL;
}

/* unquoted() has one space for all threads: the messages are made before. */
static void *listen_and_leave(void *arg)
{
    const char *text = arg;
    struct server_conn *conn = fixture_conn(racing);

    for (int i = 0; i < 150; i++) {
        struct server_call *call = NULL;
        struct told t;
        told_init(&t);
        server_handle(racing, conn, text, strlen(text), NULL, &t.kept.sink, &call);
        if (i & 1)
            await_notes(&t, 1);
        server_sub_end(t.sub, i & 2 ? CALL_GONE : CALL_SHUTDOWN);
        kept_await(&t.kept, 1);
        if (i & 1)
            CHECK(strstr(t.kept.notes[0], "acknowledged"));
        told_done(&t);
    }
    server_conn_close(conn, CALL_GONE);
    return NULL;
}

static void listens_may_come_and_go_while_things_change(void)
{
    char *text = strdup(
        unquoted(LISTEN("1", "{'toolsListChanged':true,'resourceSubscriptions':['x:1','x:2']}")));
    pthread_t changers[2], listeners[3];

    racing = start();
    atomic_store(&stop_changing, false);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&changers[i], NULL, change, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(pthread_create(&listeners[i], NULL, listen_and_leave, text), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(listeners[i], NULL);
    atomic_store(&stop_changing, true);
    for (int i = 0; i < 2; i++)
        pthread_join(changers[i], NULL);
    server_free(racing);
    free(text);
}

static const struct test tests[] = {
    TEST(a_listen_hears_what_it_asked_for_and_no_more),
    TEST(what_is_not_declared_is_not_acknowledged),
    TEST(bad_listens_are_refused),
    TEST(a_client_that_takes_no_stream_cannot_listen),
    TEST(a_resource_is_watched_once_however_many_listen),
    TEST(a_client_that_leaves_while_its_listen_begins_leaves_nothing),
    TEST(tasks_are_told_to_their_owner),
    TEST(on_one_connection_a_listen_is_cancelled_by_its_id),
    TEST(an_id_is_used_once_at_a_time),
    TEST(a_listen_that_is_not_read_ends),
    TEST(there_are_not_more_listens_than_stated),
    TEST(listens_may_come_and_go_while_things_change),
};

TEST_MAIN(tests)
