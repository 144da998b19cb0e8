#include "transport/upload.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "transport/http_request.h"
#include "transport/limit.h"

#include <string.h>

#define WORKERS (2 * UPLOADS_EACH) /* nobody has all of them */
#define TAKE_MS (600 * 1000)       /* that a worker may be at one */
#define ANSWER_MAX (64 * 1024)

struct uploads {
    struct pool *pool;
    pthread_mutex_t lock; /* all below */
    struct list all;
    unsigned count;
    int64_t bytes;
    struct list working;
    bool stopping;
};

struct upload {
    struct list link;   /* uploads.lock: while a worker has it */
    struct list beside; /* uploads.lock: those of all->all */
    struct uploads *all;
    char principal[AUTH_PRINCIPAL_SIZE];
    struct handout *place;
    int fd;
    int64_t size;
    struct exchange *exchange; /* its reference, when a worker has it */
    struct call call;
};

int uploads_new(struct uploads **out, struct err *err)
{
    struct uploads *u = calloc(1, sizeof(*u));

    if (!u)
        return err_oom(err);
    pthread_mutex_init(&u->lock, NULL);
    list_init(&u->working);
    list_init(&u->all);
    if (pool_new(WORKERS, UPLOADS_MAX, &u->pool, err)) {
        uploads_free(u);
        return -1;
    }
    *out = u;
    return 0;
}

void uploads_stop(struct uploads *u)
{
    if (!u)
        return;
    pthread_mutex_lock(&u->lock);
    u->stopping = true;
    list_each(link, &u->working)(void)
        call_end(&list_of(link, struct upload, link)->call, CALL_SHUTDOWN);
    pthread_mutex_unlock(&u->lock);
}

void uploads_free(struct uploads *u)
{
    if (!u)
        return;
    uploads_stop(u);
    pool_free(u->pool);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

static void drop(struct upload *up)
{
    pthread_mutex_lock(&up->all->lock);
    list_remove(&up->beside);
    up->all->bytes -= up->size;
    up->all->count--;
    pthread_mutex_unlock(&up->all->lock);
    fd_close(&up->fd);
    handout_unref(up->place);
    free(up);
}

/* ---- the request ---- */

bool upload_path(const struct http_core *core, const char *path)
{
    return core->uploads && !strncmp(path, UPLOAD_PATH, sizeof(UPLOAD_PATH) - 1);
}

/* Lock held: how many a principal has, and of how many bytes. */
static unsigned count_of(struct uploads *all, const char *principal, int64_t *bytes)
{
    unsigned n = 0;

    *bytes = 0;
    list_each(link, &all->all)
    {
        const struct upload *up = list_of(link, struct upload, beside);
        if (strcmp(up->principal, principal) != 0)
            continue;
        *bytes += up->size;
        n++;
    }
    return n;
}

static bool enter(struct uploads *all, struct upload *up)
{
    int64_t bytes;
    bool room;

    pthread_mutex_lock(&all->lock);
    room = all->count < UPLOADS_MAX && count_of(all, up->principal, &bytes) < UPLOADS_EACH;
    if (room) {
        all->count++;
        list_append(&all->all, &up->beside);
    }
    pthread_mutex_unlock(&all->lock);
    return room;
}

static bool grow(struct uploads *all, struct upload *up, int64_t len)
{
    int64_t bytes;
    bool room;

    pthread_mutex_lock(&all->lock);
    count_of(all, up->principal, &bytes);
    room = all->bytes + len <= UPLOADS_BYTES && bytes + len <= UPLOADS_BYTES_EACH;
    if (room) {
        all->bytes += len;
        up->size += len;
    }
    pthread_mutex_unlock(&all->lock);
    return room;
}

static struct upload *make(struct uploads *all, const struct identity *who, struct handout *place)
{
    struct upload *up = calloc(1, sizeof(*up));
    struct err err = { 0 };
    uint64_t size;

    if (!up)
        return NULL;
    up->all = all;
    up->fd = -1;
    memcpy(up->principal, who->principal, sizeof(up->principal));
    if (!enter(all, up)) {
        free(up);
        return NULL;
    }
    up->place = handout_ref(place);
    if (!handout_open(place, &up->fd, &size, &err))
        return up;
    log_info("upload: %s", err.msg);
    drop(up);
    return NULL;
}

/* What was judged may be somebody else's meanwhile. */
static enum verdict begin(struct http_core *core, struct http_request *r, const char *ticket)
{
    struct handout *again = NULL;

    r->upload = make(core->uploads, &r->who, r->file);
    if (!r->upload)
        return VERDICT_BUSY;
    if (!ticket_file(core->downloads, ticket, UPLOAD_PURPOSE, true, &r->who, &again)) {
        drop(TAKE(r->upload));
        return VERDICT_UPLOAD;
    }
    handout_unref(again);
    return VERDICT_PASS;
}

enum verdict upload_judge(struct http_core *core, struct http_request *r)
{
    const char *ticket = r->path + sizeof(UPLOAD_PATH) - 1;
    enum verdict v = VERDICT_UPLOAD_METHOD;
    uint64_t length;

    if (r->method == HTTP_PUT || r->method == HTTP_POST)
        v = guard_source(&core->guard, &r->headers);
    if (!v && !guard_length(&r->headers, &length))
        v = VERDICT_FRAMING;
    if (!v && r->length != GUARD_LENGTH_UNKNOWN && r->length > HANDOUT_TAKE_MAX)
        v = VERDICT_TOO_LARGE;
    if (!v && atomic_load(&core->stopping))
        v = VERDICT_STOPPING;
    if (!v && !ticket_file(core->downloads, ticket, UPLOAD_PURPOSE, false, &r->who, &r->file))
        v = VERDICT_UPLOAD;
    if (!v)
        r->wait_ms = limit_take(core->limit, r->who.principal, r->started_us);
    if (r->wait_ms)
        v = VERDICT_RATE;
    return v ? v : begin(core, r, ticket);
}

enum verdict upload_body(struct http_core *core, struct http_request *r, const char *data,
                         size_t len)
{
    struct upload *up = r->upload;

    if ((int64_t)len > HANDOUT_TAKE_MAX - up->size)
        return VERDICT_TOO_LARGE;
    if (!grow(core->uploads, up, (int64_t)len))
        return VERDICT_BUSY;
    return io_write_all(up->fd, data, len) ? VERDICT_BUSY : VERDICT_PASS;
}

void upload_over(struct http_core *core UNUSED, struct http_request *r)
{
    if (r->upload)
        drop(TAKE(r->upload));
}

/* ---- the worker ---- */

static const struct {
    enum err_code code;
    int status;
} statuses[] = {
    { ERR_INVALID, 400 },     { ERR_NOT_FOUND, 404 }, { ERR_GONE, 410 },
    { ERR_DENIED, 403 },      { ERR_CONFLICT, 409 },  { ERR_TOO_LARGE, 413 },
    { ERR_QUOTA, 507 },       { ERR_BUSY, 503 },      { ERR_UNAVAILABLE, 503 },
    { ERR_UNSUPPORTED, 501 }, { ERR_TIMEOUT, 504 },   { ERR_CANCELLED, 503 },
};

static int status_of(enum err_code code)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (statuses[i].code == code)
            return statuses[i].status;
    return 500;
}

static int write_error(struct buf *out, const struct err *failed)
{
    struct jw w = JW(out, NULL);

    buf_clear(out);
    jw_obj(&w);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kstr(&w, "code", err_code_name(failed->code));
    jw_kstr(&w, "message", failed->msg);
    if (*failed->next)
        jw_kstr(&w, "next", failed->next);
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}

static void work(void *arg)
{
    struct upload *up = arg;
    AUTO(buf) struct buf json = BUF_MAX(ANSWER_MAX);
    struct exchange *x = up->exchange;
    struct err failed = { 0 };
    int status = 201;

    if (call_check(&up->call, &failed) ||
        handout_take(up->place, &up->call, up->fd, (uint64_t)up->size, &json, &failed)) {
        status = status_of(failed.code);
        if (write_error(&json, &failed))
            buf_clear(&json);
    }
    pthread_mutex_lock(&up->all->lock);
    list_remove(&up->link);
    pthread_mutex_unlock(&up->all->lock);
    call_done(&up->call);
    drop(up);
    x->sink.finish(&x->sink, status, json.len ? json.data : NULL, json.len);
}

/* False: the server stops, or has no descriptor left. */
static bool hand_over(struct uploads *all, struct upload *up)
{
    bool stopping;

    if (call_init(&up->call, NULL))
        return false;
    up->call.started_ms = clock_ms();
    up->call.deadline_ms = up->call.started_ms + TAKE_MS;
    pthread_mutex_lock(&all->lock);
    stopping = all->stopping;
    if (!stopping)
        list_append(&all->working, &up->link);
    pthread_mutex_unlock(&all->lock);
    if (!stopping && !pool_run(all->pool, work, up, NULL))
        return true;
    pthread_mutex_lock(&all->lock);
    list_remove(&up->link);
    pthread_mutex_unlock(&all->lock);
    call_done(&up->call);
    return false;
}

enum verdict upload_start(struct http_core *core, struct http_request *r, void *connection)
{
    struct exchange *x = exchange_new(core->ops, connection);
    struct upload *up = r->upload;

    if (!x)
        return VERDICT_BUSY;
    exchange_expect(x);
    up->exchange = x;
    if (hand_over(core->uploads, up)) {
        r->upload = NULL;
        r->exchange = x;
        return VERDICT_PASS;
    }
    exchange_unref(x);
    exchange_unref(x);
    return VERDICT_BUSY;
}
