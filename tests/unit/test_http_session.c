#include "base/clock.h"
#include "mcp/server.h"
#include "tests/unit/check.h"
#include "transport/http_exchange.h"
#include "transport/http_session.h"

static struct server *server;
static struct sessions *sessions;

static void start(void)
{
    struct server_config config = {
        .name = "test", .title = "Test", .version = "1", .max_calls = 1
    };
    struct err err = { 0 };

    if (server_new(&config, &server, &err) || sessions_new(&sessions, &err))
        FAIL("%s", err.msg);
}

static void stop(void)
{
    sessions_free(sessions);
    server_free(server);
}

static int add(const char *principal, char id[ID_SIZE])
{
    struct server_conn *conn;
    struct err err = { 0 };

    CHECK(!server_conn_new(server, &(struct caller){ .principal = principal, .scopes = SCOPE_ALL },
                           &conn, NULL));
    if (!sessions_add(sessions, principal, conn, id, &err))
        return 0;
    CHECK_INT(err.code, ERR_BUSY);
    server_conn_close(conn, CALL_CANCELLED);
    return -1;
}

static bool known(const char *id, const char *principal)
{
    struct session *s = sessions_find(sessions, id, principal);

    session_unref(sessions, s);
    return s;
}

static void a_session_belongs_to_its_principal(void)
{
    char id[ID_SIZE], other[ID_SIZE];

    start();
    CHECK(!add("alice", id));
    CHECK(!add("alice", other));
    CHECK(id_valid("ses", id));
    CHECK(strcmp(id, other));
    CHECK(known(id, "alice"));
    CHECK(!known(id, "bob"));
    CHECK(!known("ses_x", "alice"));
    CHECK(!known("", "alice"));
    stop();
}

static void an_ended_session_lives_until_its_users_leave(void)
{
    char id[ID_SIZE];
    struct session *a, *b;

    start();
    CHECK(!add("alice", id));
    a = sessions_find(sessions, id, "alice");
    b = sessions_find(sessions, id, "alice");
    CHECK(a && a == b);
    session_end(sessions, a);
    CHECK(!known(id, "alice"));
    session_end(sessions, b);
    CHECK(!server_conn_version(session_conn(b)));
    session_unref(sessions, a);
    session_unref(sessions, b);
    stop();
}

static const struct exchange_ops no_ops = { 0 };

static struct exchange *reader(void)
{
    struct exchange *x = exchange_new(&no_ops, NULL);

    CHECK(x);
    x->wants_events = true;
    return x;
}

static enum stream_opened open_stream(struct session *s, struct exchange *x)
{
    return streams_open(session_streams(s), NULL, x, &x->stream, &x->at);
}

static void a_session_has_one_stream_which_ends_with_it(void)
{
    AUTO_PTR(exchange) struct exchange *x = reader(), *y = reader(), *z = reader();
    struct session *s;
    char id[ID_SIZE];

    start();
    CHECK(!add("alice", id));
    s = sessions_find(sessions, id, "alice");
    CHECK_INT(open_stream(s, x), STREAM_OPENED);
    CHECK_INT(open_stream(s, y), STREAM_TAKEN);
    exchange_over(x);
    CHECK_INT(open_stream(s, y), STREAM_OPENED);
    CHECK_INT(exchange_state(y), EXCHANGE_OPEN);
    session_end(sessions, s);
    CHECK_INT(exchange_state(y), EXCHANGE_ANSWERED);
    exchange_over(y);
    CHECK_INT(open_stream(s, z), STREAM_UNKNOWN);
    session_unref(sessions, s);
    stop();
}

static void the_longest_idle_makes_room_and_used_ones_do_not(void)
{
    static char ids[SESSIONS_PER_PRINCIPAL + 2][ID_SIZE];
    struct session *held;
    char bobs[ID_SIZE];

    start();
    CHECK(!add("bob", bobs));
    for (int i = 0; i < SESSIONS_PER_PRINCIPAL; i++)
        CHECK(!add("alice", ids[i]));
    held = sessions_find(sessions, ids[0], "alice");
    CHECK(known(ids[1], "alice"));
    CHECK(!add("alice", ids[SESSIONS_PER_PRINCIPAL]));
    CHECK(!known(ids[2], "alice"));
    CHECK(known(ids[1], "alice"));
    CHECK(known(bobs, "bob"));
    session_unref(sessions, held);
    CHECK(known(ids[0], "alice"));
    stop();
}

static void when_all_are_used_a_new_one_is_refused(void)
{
    static struct session *held[SESSIONS_PER_PRINCIPAL];
    char id[ID_SIZE];

    start();
    for (int i = 0; i < SESSIONS_PER_PRINCIPAL; i++) {
        CHECK(!add("alice", id));
        held[i] = sessions_find(sessions, id, "alice");
    }
    CHECK_INT(add("alice", id), -1);
    CHECK(!add("bob", id));
    for (int i = 0; i < SESSIONS_PER_PRINCIPAL; i++)
        session_unref(sessions, held[i]);
    CHECK(!add("alice", id));
    stop();
}

static void idle_sessions_expire(void)
{
    char idle[ID_SIZE], held[ID_SIZE];
    struct session *h;
    int64_t now;

    start();
    CHECK(!add("alice", held) && !add("alice", idle));
    h = sessions_find(sessions, held, "alice");
    now = clock_ms();
    sessions_expire(sessions, now + SESSION_IDLE_MS - 1000);
    CHECK(known(idle, "alice"));
    sessions_expire(sessions, clock_ms() + SESSION_IDLE_MS);
    CHECK(!known(idle, "alice"));
    CHECK(known(held, "alice"));
    session_unref(sessions, h);
    sessions_expire(sessions, clock_ms() + SESSION_IDLE_MS);
    CHECK(!known(held, "alice"));
    stop();
}

static const struct test tests[] = {
    TEST(a_session_belongs_to_its_principal),
    TEST(an_ended_session_lives_until_its_users_leave),
    TEST(a_session_has_one_stream_which_ends_with_it),
    TEST(the_longest_idle_makes_room_and_used_ones_do_not),
    TEST(when_all_are_used_a_new_one_is_refused),
    TEST(idle_sessions_expire),
};

TEST_MAIN(tests)
