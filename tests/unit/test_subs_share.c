#include "tests/unit/subs_fixture.h"

#define MESSAGE_MAX 8192

/* A listen of that many URIs, from x:KIND<first> on. */
static const char *listen_to(const char *kind, int first, int count)
{
    static char message[MESSAGE_MAX];
    static int id;
    char uris[MESSAGE_MAX / 2];
    size_t n = 0;

    for (int i = first; i < first + count; i++)
        n += (size_t)snprintf(uris + n, sizeof(uris) - n, "%s'x:%s%d'", n ? "," : "", kind, i);
    snprintf(message, sizeof(message),
             "{'jsonrpc':'2.0','id':%d,'method':'subscriptions/listen','params':{'notifications':{"
             "'resourceSubscriptions':[%s]}," META_MODERN "}}",
             ++id, uris);
    return message;
}

static bool watches_some(struct server *srv, struct server_conn *conn, int first, int count,
                         struct told *t)
{
    told_init(t);
    send_listen(srv, conn, listen_to("", first, count), true, t);
    await_notes(t, 1);
    return strstr(t->kept.notes[0], "resourceSubscriptions");
}

static void one_caller_does_not_watch_all_there_can_be(void)
{
    static const int full = WATCHED_PER_PRINCIPAL / SUB_URIS_MAX;
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv), *other;
    struct told told[WATCHED_PER_PRINCIPAL / SUB_URIS_MAX + 3];
    int n = 0;

    CHECK(
        !server_conn_new(srv, &(struct caller){ "you", NULL, .scopes = SCOPE_ALL }, &other, NULL));
    for (; n < full; n++)
        CHECK(watches_some(srv, conn, n * SUB_URIS_MAX, SUB_URIS_MAX, &told[n]));
    CHECK(!watches_some(srv, conn, n * SUB_URIS_MAX, 1, &told[n]));
    n++;
    CHECK(watches_some(srv, conn, 0, 1, &told[n]));
    n++;
    CHECK(watches_some(srv, other, n * SUB_URIS_MAX, SUB_URIS_MAX, &told[n]));
    n++;
    server_conn_close(conn, CALL_GONE);
    server_conn_close(other, CALL_GONE);
    server_free(srv);
    while (n--)
        told_done(&told[n]);
}

static void listens_that_begin_leave_workers_for_calls(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told told[32];
    int begun = 0;

    for (int i = 0; i < (int)COUNT_OF(told); i++) {
        told_init(&told[i]);
        send_listen(srv, conn, listen_to("slow", i * 40, 40), true, &told[i]);
    }
    CHECK(strstr(
        ask(srv, conn,
            "{'jsonrpc':'2.0','id':'c','method':'tools/call','params':{'name':'echo'," META_MODERN
            "}}",
            NULL, NULL),
        "nothing for me"));
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        pthread_mutex_lock(&told[i].kept.lock);
        begun += told[i].kept.note_count &&
                 strstr(told[i].kept.notes[0], "resourceSubscriptions") != NULL;
        pthread_mutex_unlock(&told[i].kept.lock);
    }
    CHECK_INT(begun, 0);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
    for (size_t i = 0; i < COUNT_OF(told); i++)
        told_done(&told[i]);
}

/* Another sandbox of the same caller has a resource of that URI, too. */
static void updates_are_of_one_sandbox(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told t;

    told_init(&t);
    send_listen(srv, conn, LISTEN("1", "{'resourceSubscriptions':['x:1']}"), true, &t);
    await_notes(&t, 1);
    server_resource_updated_in(srv, &(struct caller){ "me", "other", 0, NULL }, "x:1");
    server_resource_updated_in(srv, &(struct caller){ "me", NULL, 0, NULL }, "x:1");
    server_resource_updated_in(srv, &(struct caller){ "you", "box", 0, NULL }, "x:1");
    CHECK_INT(t.kept.note_count, 1);
    server_resource_updated_in(srv, &(struct caller){ "me", "box", 0, NULL }, "x:1");
    CHECK_INT(t.kept.note_count, 2);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
    told_done(&t);
}

/* Its URIs are still being looked at, on a worker, when the task changes. */
static void nothing_is_told_before_the_acknowledgement(void)
{
    static const char message[] =
        "{'jsonrpc':'2.0','id':5,'method':'subscriptions/listen','params':{'notifications':"
        "{'resourceSubscriptions':['x:slow'],'taskIds':['t_1']},'_meta':{"
        "'io.modelcontextprotocol/protocolVersion':'2026-07-28',"
        "'io.modelcontextprotocol/clientCapabilities':{'extensions':"
        "{'io.modelcontextprotocol/tasks':{}}}}}}";
    static const char task[] = "{\"taskId\":\"t_1\"}";
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct told t;

    told_init(&t);
    send_listen(srv, conn, message, true, &t);
    subs_task_changed(srv, "me", "t_1", task, sizeof(task) - 1);
    check_note(&t, 0, ack("5", "{'resourceSubscriptions':['x:slow'],'taskIds':['t_1']}"));
    subs_task_changed(srv, "me", "t_1", task, sizeof(task) - 1);
    check_note(&t, 1,
               "{'jsonrpc':'2.0','method':'notifications/tasks','params':{'_meta':{" SUBSCRIPTION
               "5},'taskId':'t_1'}}");
    server_sub_end(t.sub, CALL_GONE);
    told_done(&t);
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static const struct test tests[] = {
    TEST(nothing_is_told_before_the_acknowledgement),
    TEST(updates_are_of_one_sandbox),
    TEST(one_caller_does_not_watch_all_there_can_be),
    TEST(listens_that_begin_leave_workers_for_calls),
};

TEST_MAIN(tests)
