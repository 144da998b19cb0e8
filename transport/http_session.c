#include "transport/http_session.h"
#include "base/clock.h"
#include "base/list.h"
#include "mcp/version.h"

#include <pthread.h>
#include <string.h>

#define BUCKETS 1024
#define LOOK_MS 10000 /* between two looks through what streams keep */

struct session {
    struct list recent; /* sessions.recent, longest idle first */
    struct session *next;
    struct server_conn *conn;
    struct streams *streams;
    int64_t used_ms;
    unsigned refs; /* one of the table until it ended, one of each finder */
    bool ended;
    char id[ID_SIZE];
    char principal[];
};

struct sessions {
    pthread_mutex_t lock; /* everything below, and what is in the sessions */
    struct list recent;
    int64_t looked_ms; /* when streams were last looked through */
    struct session *buckets[BUCKETS];
};

int sessions_new(struct sessions **out, struct err *err)
{
    struct sessions *s = calloc(1, sizeof(*s));

    if (!s)
        return err_oom(err);
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->recent);
    *out = s;
    return 0;
}

static struct session **bucket(struct sessions *s, const char *id)
{
    unsigned h = 2166136261u;

    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619u;
    return &s->buckets[h % BUCKETS];
}

/* Lock held. The table's reference goes to the caller. */
static void take_out(struct sessions *s, struct session *session)
{
    struct session **at = bucket(s, session->id);

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
    list_remove(&session->recent);
    session->ended = true;
}

/* Nothing else knows it. */
static void destroy(struct session *session, enum call_state why)
{
    server_conn_close(session->conn, why);
    streams_unref(session->streams);
    free(session);
}

static void unref(struct sessions *s, struct session *session, enum call_state why)
{
    bool last;

    pthread_mutex_lock(&s->lock);
    last = --session->refs == 0;
    if (!session->ended) {
        session->used_ms = clock_ms();
        list_remove(&session->recent);
        list_append(&s->recent, &session->recent);
    }
    pthread_mutex_unlock(&s->lock);
    if (last)
        destroy(session, why);
}

void session_unref(struct sessions *s, struct session *session)
{
    if (session)
        unref(s, session, CALL_GONE);
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    list_each(link, &s->recent)
    {
        struct session *session = list_of(link, struct session, recent);
        take_out(s, session);
        destroy(session, CALL_SHUTDOWN);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Lock held. True when there is room, made by taking out *evicted where it is set. */
static bool make_room(struct sessions *s, const char *principal, struct session **evicted)
{
    struct session *idle = NULL;
    unsigned count = 0;

    list_each(link, &s->recent)
    {
        struct session *session = list_of(link, struct session, recent);
        if (strcmp(session->principal, principal))
            continue;
        count++;
        if (!idle && session->refs == 1)
            idle = session;
    }
    if (count < SESSIONS_PER_PRINCIPAL)
        return true;
    if (idle)
        take_out(s, idle);
    *evicted = idle;
    return idle;
}

static struct session *new_session(const char *principal, struct server_conn *conn)
{
    const char *version = server_conn_version(conn);
    const struct revision *rev = version ? revision_find(version) : NULL;
    size_t len = strlen(principal) + 1;
    struct session *session = calloc(1, sizeof(*session) + len);

    if (!session)
        return NULL;
    session->streams = streams_new(rev && rev->primes);
    if (!session->streams) {
        free(session);
        return NULL;
    }
    memcpy(session->principal, principal, len);
    id_make("ses", session->id);
    session->conn = conn;
    session->refs = 2; /* the table's, and sessions_add()'s own */
    session->used_ms = clock_ms();
    return session;
}

/* Without its connection, which stays the caller's. */
static void drop_new(struct sessions *s, struct session *session, bool listed)
{
    pthread_mutex_lock(&s->lock);
    if (listed)
        take_out(s, session);
    pthread_mutex_unlock(&s->lock);
    streams_unref(session->streams);
    free(session);
}

int sessions_add(struct sessions *s, const char *principal, struct server_conn *conn,
                 char id[ID_SIZE], struct err *err)
{
    struct session *session = new_session(principal, conn), *evicted = NULL, **at;
    bool room;

    if (!session)
        return err_oom(err);
    pthread_mutex_lock(&s->lock);
    room = make_room(s, principal, &evicted);
    if (room) {
        at = bucket(s, session->id);
        session->next = *at;
        *at = session;
        list_append(&s->recent, &session->recent);
    }
    pthread_mutex_unlock(&s->lock);
    session_unref(s, evicted);
    if (!room || server_conn_outlet(conn, streams_outlet(session->streams), err)) {
        drop_new(s, session, room);
        return room ? -1 : err_set(err, ERR_BUSY, "%d sessions are in use", SESSIONS_PER_PRINCIPAL);
    }
    memcpy(id, session->id, ID_SIZE);
    session_unref(s, session);
    return 0;
}

struct session *sessions_find(struct sessions *s, const char *id, const char *principal)
{
    struct session *session;

    pthread_mutex_lock(&s->lock);
    session = *bucket(s, id);
    while (session && strcmp(session->id, id))
        session = session->next;
    if (session && strcmp(session->principal, principal))
        session = NULL;
    if (session) {
        session->refs++;
        session->used_ms = clock_ms();
        list_remove(&session->recent);
        list_append(&s->recent, &session->recent);
    }
    pthread_mutex_unlock(&s->lock);
    return session;
}

struct server_conn *session_conn(struct session *session)
{
    return session->conn;
}

bool session_began_with(const struct session *session, const struct tool_view *view,
                        const char *sandbox)
{
    return server_conn_view(session->conn) == view &&
           (!sandbox || !strcmp(sandbox, server_conn_sandbox(session->conn) ?: ""));
}

struct streams *session_streams(struct session *session)
{
    return session->streams;
}

void session_end(struct sessions *s, struct session *session)
{
    bool first;

    pthread_mutex_lock(&s->lock);
    first = !session->ended;
    if (first)
        take_out(s, session);
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    streams_close(session->streams);
    session_unref(s, session);
}

unsigned sessions_count(struct sessions *s)
{
    unsigned n = 0;

    pthread_mutex_lock(&s->lock);
    list_each(link, &s->recent) n++;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Lock held. The one idle for longest, when that is too long. */
static struct session *oldest_idle(struct sessions *s, int64_t now_ms)
{
    list_each(link, &s->recent)
    {
        struct session *session = list_of(link, struct session, recent);
        if (now_ms - session->used_ms < SESSION_IDLE_MS)
            return NULL;
        if (session->refs == 1)
            return session;
    }
    return NULL;
}

/* Lock held. */
static void forget_streams(struct sessions *s, int64_t now_ms)
{
    if (now_ms - s->looked_ms < LOOK_MS)
        return;
    s->looked_ms = now_ms;
    list_each(link, &s->recent)
        streams_expire(list_of(link, struct session, recent)->streams, now_ms);
}

void sessions_expire(struct sessions *s, int64_t now_ms)
{
    struct session *idle;

    do {
        pthread_mutex_lock(&s->lock);
        idle = oldest_idle(s, now_ms);
        if (idle)
            take_out(s, idle);
        else
            forget_streams(s, now_ms);
        pthread_mutex_unlock(&s->lock);
        session_unref(s, idle);
    } while (idle);
}
