#include "tests/unit/subs_fixture.h"

#define INITIALIZE                                   \
    "{'jsonrpc':'2.0','id':0,'method':'initialize'," \
    "'params':{'protocolVersion':'2025-11-25','capabilities':{}}}"
#define INITIALIZED "{'jsonrpc':'2.0','method':'notifications/initialized'}"
#define SUBSCRIBE(id, uri) \
    "{'jsonrpc':'2.0','id':" id ",'method':'resources/subscribe','params':{'uri':'" uri "'}}"
#define UNSUBSCRIBE(id, uri) \
    "{'jsonrpc':'2.0','id':" id ",'method':'resources/unsubscribe','params':{'uri':'" uri "'}}"

static void a_session_hears_on_its_outlet(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct err err = { 0 };
    struct told t;

    told_init(&t);
    CHECK(!server_conn_outlet(conn, &t.kept.sink, &err));
    CHECK(strstr(ask(srv, conn, INITIALIZE, NULL, NULL), "\"tools\":{\"listChanged\":true}"));
    server_list_changed(srv, LIST_TOOLS);
    CHECK_INT(t.kept.note_count, 0);
    ask(srv, conn, INITIALIZED, NULL, NULL);
    server_list_changed(srv, LIST_TOOLS);
    check_note(&t, 0, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
    CHECK_STR(ask(srv, conn, SUBSCRIBE("1", "x:1"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':1,'result':{}}"));
    CHECK_STR(ask(srv, conn, SUBSCRIBE("2", "x:1"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':2,'result':{}}"));
    CHECK_STR(ask(srv, conn, SUBSCRIBE("3", "x:secret"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':3,'error':{'code':-32002,"
                       "'message':'Resource not found','data':{'uri':'x:secret'}}}"));
    CHECK(strstr(ask(srv, conn, SUBSCRIBE("4", "x y"), NULL, NULL), "-32602"));
    server_resource_updated(srv, "me", "x:1");
    check_note(&t, 1,
               "{'jsonrpc':'2.0','method':'notifications/resources/updated','params':"
               "{'uri':'x:1'}}");
    CHECK_STR(ask(srv, conn, UNSUBSCRIBE("5", "x:1"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':5,'result':{}}"));
    CHECK_STR(ask(srv, conn, UNSUBSCRIBE("6", "x:1"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':6,'result':{}}"));
    await_watched(false, 1);
    server_resource_updated(srv, "me", "x:1");
    CHECK_INT(t.kept.note_count, 2);
    CHECK_STR(ask(srv, conn, SUBSCRIBE("7", "x:1"), NULL, NULL),
              unquoted("{'jsonrpc':'2.0','id':7,'result':{}}"));
    server_conn_close(conn, CALL_GONE);
    await_watched(false, 2);
    server_list_changed(srv, LIST_TOOLS);
    CHECK_INT(t.kept.note_count, 2);
    CHECK_INT(t.kept.finished, 0);
    told_done(&t);
    server_free(srv);
}

static void a_session_subscribes_to_so_much(void)
{
    struct server *srv = start();
    struct server_conn *conn = fixture_conn(srv);
    struct err err = { 0 };
    struct told t;

    told_init(&t);
    CHECK(!server_conn_outlet(conn, &t.kept.sink, &err));
    ask(srv, conn, INITIALIZE, NULL, NULL);
    for (int i = 0; i <= SUB_URIS_MAX; i++) {
        char message[256];
        const char *got;
        snprintf(message, sizeof(message), SUBSCRIBE("%d", "x:%d"), i + 1, i);
        got = ask(srv, conn, message, NULL, NULL);
        CHECK(!strstr(got, "result") == (i == SUB_URIS_MAX));
    }
    server_conn_close(conn, CALL_GONE);
    await_watched(false, SUB_URIS_MAX + 1);
    told_done(&t);
    server_free(srv);
}

static void without_a_provider_there_is_no_such_method(void)
{
    struct server *srv = new_server(0, false);
    struct server_conn *conn = fixture_conn(srv);
    struct err err = { 0 };
    struct told t;

    told_init(&t);
    CHECK(!server_conn_outlet(conn, &t.kept.sink, &err));
    CHECK(strstr(ask(srv, conn, INITIALIZE, NULL, NULL), "\"tools\":{}"));
    CHECK(strstr(ask(srv, conn, SUBSCRIBE("1", "x:1"), NULL, NULL), "-32601"));
    CHECK(strstr(ask(srv, conn, UNSUBSCRIBE("1", "x:1"), NULL, NULL), "-32601"));
    server_conn_close(conn, CALL_GONE);
    told_done(&t);
    server_free(srv);
}

static const struct test tests[] = {
    TEST(a_session_hears_on_its_outlet),
    TEST(a_session_subscribes_to_so_much),
    TEST(without_a_provider_there_is_no_such_method),
};

TEST_MAIN(tests)
