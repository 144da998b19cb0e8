#include "mcp/subs_parts.h"

#include <string.h>

static const struct {
    const char *name;
    enum server_list list;
} flags[] = {
    { "toolsListChanged", LIST_TOOLS },
    { "promptsListChanged", LIST_PROMPTS },
    { "resourcesListChanged", LIST_RESOURCES },
};

/* ---- what is asked for ---- */

static const char *read_flags(struct server_sub *sub, yyjson_val *asked)
{
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        yyjson_val *flag = yyjson_obj_get(asked, flags[i].name);
        if (flag && !yyjson_is_null(flag) && !yyjson_is_bool(flag))
            return "a ...ListChanged of params.notifications must be a boolean";
        if (yyjson_is_true(flag))
            sub->wanted_lists |= 1u << flags[i].list & sub->srv->list_changed;
    }
    return NULL;
}

static bool has_name(const char *names, size_t count, const char *name)
{
    for (; count; count--, names += strlen(names) + 1)
        if (!strcmp(names, name))
            return true;
    return false;
}

/* Different strings, NUL-separated; those that cannot be anything's name are left out. */
static const char *read_names(yyjson_val *array, size_t max, char **out, size_t *bytes,
                              size_t *count)
{
    AUTO(buf) struct buf names = BUF_MAX(SUB_BYTES_MAX);
    yyjson_val *name;
    size_t i, n;

    if (!array || yyjson_is_null(array))
        return NULL;
    if (!yyjson_is_arr(array))
        return "resourceSubscriptions and taskIds must be arrays of strings";
    if (yyjson_arr_size(array) > max)
        return "a list in params.notifications is too long";
    yyjson_arr_foreach (array, i, n, name) {
        const char *s = yyjson_get_str(name);
        size_t len = yyjson_get_len(name);
        if (!yyjson_is_str(name))
            return "resourceSubscriptions and taskIds must be arrays of strings";
        if (!watch_uri_valid(s, len) || has_name(buf_str(&names), *count, s))
            continue;
        if (buf_add(&names, s, len + 1, NULL))
            return "the names in params.notifications are too long together";
        ++*count;
    }
    *bytes = names.len;
    *out = names.len ? buf_take(&names) : NULL;
    return NULL;
}

static const char *read_asked(struct server_sub *sub, yyjson_val *asked)
{
    const char *why = read_flags(sub, asked);

    if (!why)
        why = read_names(yyjson_obj_get(asked, "resourceSubscriptions"), SUB_URIS_MAX, &sub->wanted,
                         &sub->wanted_bytes, &sub->wanted_count);
    if (!why)
        why = read_names(yyjson_obj_get(asked, "taskIds"), SUB_TASKS_MAX, &sub->tasks,
                         &sub->task_bytes, &sub->task_count);
    if (!why && sub->wanted_bytes + sub->task_bytes > SUB_BYTES_MAX)
        why = "the names in params.notifications are too long together";
    return why;
}

/* ---- the beginning ---- */

static void add_names(struct jw *w, const char *key, const char *names, size_t count)
{
    if (!count)
        return;
    jw_key(w, key);
    jw_arr(w);
    for (; count; count--, names += strlen(names) + 1)
        jw_str(w, names);
    jw_aend(w);
}

/* Lock of the sub held. */
static void acknowledge(struct server_sub *sub, struct watched **uris, size_t n)
{
    AUTO(buf) struct buf out = BUF_MAX(2 * SUB_BYTES_MAX);
    struct jw w = JW(&out, NULL);

    if (buf_adds(&out,
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\","
                 "\"params\":{\"_meta\":{",
                 NULL) ||
        sub_add_meta(sub, &out, NULL) || buf_adds(&out, "},\"notifications\":{", NULL))
        return;
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (sub->wanted_lists & 1u << flags[i].list)
            jw_kbool(&w, flags[i].name, true);
    if (n) {
        jw_key(&w, "resourceSubscriptions");
        jw_arr(&w);
        for (size_t i = 0; i < n; i++)
            jw_str(&w, uris[i]->uri);
        jw_aend(&w);
    }
    add_names(&w, "taskIds", sub->tasks, sub->task_count);
    if (!jw_done(&w) && !buf_adds(&out, "}}}", NULL))
        sub->sink->notify(sub->sink, out.data, out.len);
}

/* Takes uris and its references. From here on changes are told, after the acknowledgement. */
static void publish(struct server_sub *sub, struct watched **uris, size_t n)
{
    struct subs *s = sub->srv->subs;
    bool told = false;

    pthread_mutex_lock(&sub->lock);
    if (sub->sink) {
        pthread_mutex_lock(&s->lock);
        sub->lists = sub->wanted_lists;
        sub->hears_tasks = true;
        sub->uris = uris;
        sub->uri_count = n;
        pthread_mutex_unlock(&s->lock);
        acknowledge(sub, uris, n);
        told = true;
    }
    pthread_mutex_unlock(&sub->lock);
    for (size_t i = 0; !told && i < n; i++)
        watch_release(sub->srv, uris[i]);
    if (!told)
        free(uris);
}

/* Half of the workers stay free of listens that begin: those do not count as calls. */
static bool start_enter(struct server *srv)
{
    struct subs *s = srv->subs;
    bool room;

    pthread_mutex_lock(&s->lock);
    room = s->starting < (srv->max_calls + 1) / 2;
    s->starting += room;
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void start_leave(struct server *srv)
{
    pthread_mutex_lock(&srv->subs->lock);
    srv->subs->starting--;
    pthread_mutex_unlock(&srv->subs->lock);
}

/* On a worker, when there is something to watch. What this caller cannot have is left out. */
static void start(void *arg)
{
    struct server_sub *sub = arg;
    struct caller who = {
        .principal = sub->conn->principal,
        .sandbox = sub->conn->sandbox,
        .scopes = sub->conn->scopes,
    };
    struct watched **uris = calloc(sub->wanted_count + 1, sizeof(*uris));
    const char *uri = sub->wanted;
    size_t n = 0;

    for (size_t i = 0; uris && i < sub->wanted_count; i++, uri += strlen(uri) + 1) {
        struct err ignored = { 0 };
        bool over;
        pthread_mutex_lock(&sub->lock);
        over = !sub->sink;
        pthread_mutex_unlock(&sub->lock);
        if (over)
            break;
        uris[n] = watch_acquire(sub->srv, &who, uri, &ignored);
        n += uris[n] != NULL;
    }
    publish(sub, uris, n);
    start_leave(sub->srv);
    free(TAKE(sub->wanted));
    sub_unref(sub);
}

static void begin(struct inbound *in, struct server_sub *sub)
{
    if (in->sink->listens) {
        atomic_fetch_add(&sub->refs, 1);
        in->sink->listens(in->sink, sub);
    }
    if (!sub->wanted_count) {
        publish(sub, NULL, 0);
        return;
    }
    atomic_fetch_add(&sub->refs, 1);
    if (start_enter(in->srv)) {
        if (!pool_run(in->srv->pool, start, sub, NULL))
            return;
        start_leave(in->srv);
    }
    publish(sub, NULL, 0); /* no worker is free: nothing is watched, and the client sees it */
    sub_unref(sub);
}

/* ---- the method ---- */

static bool asks_for_tasks(yyjson_val *asked)
{
    yyjson_val *tasks = yyjson_obj_get(asked, "taskIds");

    return tasks && !yyjson_is_null(tasks);
}

static void needs_tasks(struct inbound *in)
{
    AUTO(buf) struct buf data = BUF_MAX(1024);

    if (buf_adds(&data, "{\"requiredCapabilities\":", NULL) ||
        client_add(&data, CLIENT_TASKS, NULL) || buf_addc(&data, '}', NULL))
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
    else
        reply_error(in, 400, RPC_CAPABILITY, data.data,
                    "taskIds needs the extension io.modelcontextprotocol/tasks");
}

static void refuse(struct inbound *in, struct server_sub *sub, int status, int code,
                   const char *why)
{
    reply_error(in, status, code, NULL, "%s", why);
    sub_unref(sub);
}

static void listen(struct inbound *in, struct server_sub *sub, yyjson_val *asked)
{
    const char *why = read_asked(sub, asked);

    if (!in->srv->watch)
        sub->wanted_count = 0;
    if (why)
        refuse(in, sub, 200, RPC_PARAMS, why);
    else if (rpc_add_id(&sub->id, in->msg.id, NULL))
        refuse(in, sub, 200, RPC_INTERNAL, "out of memory");
    else if (inflight_has(in->conn, &sub->id) || subs_has(in->conn, &sub->id))
        refuse(in, sub, 400, RPC_REQUEST_SHAPE, RPC_ID_TAKEN);
    else if ((why = subs_enter(sub)))
        refuse(in, sub, 200, RPC_INTERNAL, why);
    else
        begin(in, sub);
}

void subscriptions_listen(struct inbound *in)
{
    yyjson_val *asked = yyjson_obj_get(in->msg.params, "notifications");
    struct server_sub *sub = NULL;

    if (!yyjson_is_obj(asked))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.notifications must be an object");
    else if (asks_for_tasks(asked) && !(in->client & CLIENT_TASKS))
        needs_tasks(in);
    else if (in->facts->no_events)
        reply_error(in, 406, RPC_REFUSED, NULL, "Accept must allow text/event-stream");
    else if (!(sub = sub_new(in->conn, in->sink, true)))
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
    else {
        sub->is_http = in->facts->is_http;
        listen(in, sub, asked);
    }
}
