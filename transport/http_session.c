#include "transport/http_session.h"
#include "base/clock.h"
#include "base/list.h"
#include "transport/http_exchange.h"

#include <string.h>

#define BUCKETS 1024

struct session {
    struct list recent; /* sessions.recent, longest idle first */
    struct session *next;
    struct server_conn *conn;
    struct exchange *stream; /* owned reference; NULL none */
    int64_t used_ms;
    unsigned refs; /* one of the table until it ended, one of each finder */
    bool ended;
    char id[ID_SIZE];
    char principal[];
};

struct sessions {
    pthread_mutex_t lock; /* everything below, and what is in the sessions */
    struct list recent;
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
    exchange_unref(session->stream);
    free(session);
}

static void unref(struct sessions *s, struct session *session, enum call_state why)
{
    bool last;

    pthread_mutex_lock(&s->lock);
    last = --session->refs == 0;
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
        if (!idle && session->refs == 1 && !session->stream)
            idle = session;
    }
    if (count < SESSIONS_PER_PRINCIPAL)
        return true;
    if (idle)
        take_out(s, idle);
    *evicted = idle;
    return idle;
}

int sessions_add(struct sessions *s, const char *principal, struct server_conn *conn,
                 char id[ID_SIZE], struct err *err)
{
    size_t len = strlen(principal) + 1;
    struct session *session = calloc(1, sizeof(*session) + len), *evicted = NULL, **at;
    bool room;

    if (!session)
        return err_oom(err);
    memcpy(session->principal, principal, len);
    id_make("ses", session->id);
    session->conn = conn;
    session->refs = 1;
    session->used_ms = clock_ms();
    pthread_mutex_lock(&s->lock);
    room = make_room(s, principal, &evicted);
    if (room) {
        memcpy(id, session->id, ID_SIZE);
        at = bucket(s, id);
        session->next = *at;
        *at = session;
        list_append(&s->recent, &session->recent);
    }
    pthread_mutex_unlock(&s->lock);
    session_unref(s, evicted);
    if (room)
        return 0;
    free(session);
    return err_set(err, ERR_BUSY, "%d sessions are in use", SESSIONS_PER_PRINCIPAL);
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

void session_end(struct sessions *s, struct session *session)
{
    struct exchange *stream = NULL;
    bool first;

    pthread_mutex_lock(&s->lock);
    first = !session->ended;
    if (first) {
        take_out(s, session);
        stream = TAKE(session->stream);
    }
    pthread_mutex_unlock(&s->lock);
    if (stream)
        exchange_close(stream);
    exchange_unref(stream);
    if (first)
        session_unref(s, session);
}

bool session_stream_open(struct sessions *s, struct session *session, struct exchange *x)
{
    bool opened;

    pthread_mutex_lock(&s->lock);
    opened = !session->ended && !session->stream;
    if (opened) {
        exchange_ref(x);
        session->stream = x;
    }
    pthread_mutex_unlock(&s->lock);
    return opened;
}

void session_stream_drop(struct sessions *s, struct session *session)
{
    struct exchange *stream;

    pthread_mutex_lock(&s->lock);
    stream = TAKE(session->stream);
    session->used_ms = clock_ms();
    pthread_mutex_unlock(&s->lock);
    exchange_unref(stream);
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
        if (session->refs == 1 && !session->stream)
            return session;
    }
    return NULL;
}

void sessions_expire(struct sessions *s, int64_t now_ms)
{
    struct session *idle;

    do {
        pthread_mutex_lock(&s->lock);
        idle = oldest_idle(s, now_ms);
        if (idle)
            take_out(s, idle);
        pthread_mutex_unlock(&s->lock);
        session_unref(s, idle);
    } while (idle);
}
