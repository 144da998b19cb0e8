/*
 * requestState is sealed (base/sealed.h, kind SEALED_STATE, ASK_STATE_TTL_MS) and bound to a JSON
 * array of principal, sandbox, method, name and a digest of the arguments. Its payload is an
 * object:
 *
 *     r  how many rounds there were
 *     s  what the handler set by ask_set_state()
 *     a  answers of earlier rounds, by key, so that a handler can ask again for all of them
 *     o  keys of the questions that were open
 *     n  32 hex digits: usable once, as a question was (struct ask, once); absent otherwise
 */
#include "base/clock.h"
#include "base/id.h"
#include "mcp/asking.h"
#include "mcp/once.h"

#include <stdio.h>
#include <string.h>

#define KEEP_DOCUMENT ((size_t)64 * 1024) /* bytes; larger ones are digested and let go */

static const struct {
    const char *method, *name; /* member of params */
} methods[] = {
    { "tools/call", "name" },
    { "prompts/get", "name" },
    { "resources/read", "uri" },
};

/* NULL: a method that cannot ask. */
static const char *name_member(const char *method)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (!strcmp(methods[i].method, method))
            return methods[i].name;
    return NULL;
}

/* ---- what a state is bound to ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(yyjson_get_str(*(yyjson_val *const *)a), yyjson_get_str(*(yyjson_val *const *)b));
}

static void add_canonical(struct jw *w, yyjson_val *v);

/* Members in the order of their names: a client may write the same object in another one. */
static void add_object(struct jw *w, yyjson_val *obj)
{
    size_t n = yyjson_obj_size(obj), at = 0, i, max;
    AUTO_FREE yyjson_val **keys = calloc(n + 1, sizeof(yyjson_val *));
    yyjson_val *key, *value;

    if (!keys) {
        w->failed = true;
        err_oom(w->err);
        return;
    }
    yyjson_obj_foreach (obj, i, max, key, value)
        keys[at++] = key;
    qsort(keys, n, sizeof(yyjson_val *), by_key);
    jw_obj(w);
    for (i = 0; i < n; i++) {
        jw_key(w, yyjson_get_str(keys[i]));
        add_canonical(w, yyjson_obj_iter_get_val(keys[i]));
    }
    jw_end(w);
}

static void add_canonical(struct jw *w, yyjson_val *v)
{
    yyjson_val *item;
    size_t i, n;

    if (yyjson_is_obj(v)) {
        add_object(w, v);
    } else if (yyjson_is_arr(v)) {
        jw_arr(w);
        yyjson_arr_foreach (v, i, n, item)
            add_canonical(w, item);
        jw_aend(w);
    } else if (yyjson_is_str(v)) {
        jw_strn(w, yyjson_get_str(v), yyjson_get_len(v));
    } else {
        jw_val(w, v);
    }
}

static int make_digest(struct server_call *c, struct asking *a, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(2 * SERVER_MESSAGE_MAX), all = BUF_MAX(65536);
    yyjson_val *arguments = yyjson_obj_get(c->params, "arguments");
    const char *name = json_str(c->params, name_member(c->method));
    struct jw w = JW(&text, err), list = JW(&all, err);
    char hex[65];

    if (a->digest[0])
        return 0;
    if (yyjson_is_obj(arguments))
        add_canonical(&w, arguments);
    if (jw_done(&w))
        return -1;
    sha256_hex(buf_str(&text), text.len, hex);
    jw_arr(&list);
    jw_str(&list, c->tool.principal);
    jw_str(&list, c->tool.sandbox);
    jw_str(&list, c->method);
    jw_str(&list, name);
    jw_str(&list, hex);
    jw_aend(&list);
    if (jw_done(&list))
        return -1;
    sha256_hex(all.data, all.len, a->digest);
    return 0;
}

static struct sealed_use use_of(const struct asking *a)
{
    return (struct sealed_use){ SEALED_STATE, a->digest, strlen(a->digest) };
}

/* ---- what the client brought back ---- */

static int read_number(const char *hex, unsigned char out[ONCE_SIZE])
{
    for (size_t i = 0; i < ONCE_SIZE; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &out[i]) != 1)
            return -1;
    return 0;
}

static int check_once(struct server_call *c, yyjson_val *state, struct err *err)
{
    const char *hex = json_str(state, "n");
    unsigned char number[ONCE_SIZE];

    if (!hex)
        return 0;
    if (strlen(hex) != 2 * ONCE_SIZE || read_number(hex, number))
        return err_set(err, ERR_INTERNAL, "it holds no number");
    return once_use(c->conn->srv->once, c->tool.principal, number, clock_ms() + ASK_STATE_TTL_MS,
                    err);
}

static int open_state(struct server_call *c, struct asking *a, yyjson_val *text, struct err *err)
{
    AUTO(buf) struct buf payload = BUF_MAX(SEALED_PAYLOAD_MAX);
    struct sealed_use use;

    if (make_digest(c, a, err))
        return -1;
    use = use_of(a);
    if (sealed_open(&c->conn->srv->key, &use, yyjson_get_str(text), yyjson_get_len(text), &payload,
                    err))
        return -1;
    a->state = json_parse(buf_str(&payload), payload.len, err);
    if (!a->state)
        return -1;
    return check_once(c, yyjson_doc_get_root(a->state), err);
}

int mrtr_open(struct server_call *c, struct err *err)
{
    yyjson_val *given = yyjson_obj_get(c->params, "inputResponses");
    yyjson_val *text = yyjson_obj_get(c->params, "requestState");
    struct err why = { 0 };
    struct asking *a;

    if ((!given && !text) || !c->revision->modern || !name_member(c->method))
        return 0;
    a = asking_get(c, err);
    if (!a)
        return -1;
    if (given && !yyjson_is_obj(given))
        return ask_refuse(&c->tool, RPC_PARAMS, NULL, err,
                          "params.inputResponses must be an object");
    if (text && !yyjson_is_str(text))
        return ask_refuse(&c->tool, RPC_PARAMS, NULL, err, "params.requestState must be a string");
    if (text && open_state(c, a, text, &why))
        return ask_refuse(&c->tool, RPC_PARAMS, NULL, err, "params.requestState is refused: %s",
                          why.msg);
    a->given = given;
    return 0;
}

int mrtr_drop_document(struct server_call *c, struct err *err)
{
    const unsigned asks = CLIENT_FORM | CLIENT_URL | CLIENT_SAMPLING | CLIENT_ROOTS;
    struct asking *a;

    if (c->doc && c->revision->modern && (c->tool.client & asks) && name_member(c->method)) {
        if (yyjson_doc_get_read_size(c->doc) <= KEEP_DOCUMENT)
            return 0;
        a = asking_get(c, err);
        if (!a || make_digest(c, a, err))
            return -1;
        if (a->given) {
            size_t len = 0;
            AUTO_FREE char *text = yyjson_val_write(a->given, 0, &len);
            a->responses = text ? json_parse(text, len, err) : NULL;
            if (!a->responses)
                return text ? -1 : err_oom(err);
            a->given = yyjson_doc_get_root(a->responses);
        }
    } else if (c->asking) {
        c->asking->given = NULL;
    }
    yyjson_doc_free(c->doc);
    c->doc = NULL;
    c->params = NULL;
    return 0;
}

/* ---- asking ---- */

static bool was_open(yyjson_val *state, const char *key)
{
    yyjson_val *keys = yyjson_obj_get(state, "o"), *item;
    size_t i, n;

    yyjson_arr_foreach (keys, i, n, item)
        if (yyjson_equals_str(item, key))
            return true;
    return false;
}

/* True when every question has its answer. */
static bool find_answers(const struct asking *a, struct ask_round *r)
{
    yyjson_val *state = a->state ? yyjson_doc_get_root(a->state) : NULL;
    yyjson_val *earlier = yyjson_obj_get(state, "a");
    bool all = true;

    for (size_t i = 0; i < r->count; i++) {
        struct ask_item *item = &r->items[i];
        yyjson_val *answer = yyjson_obj_get(earlier, item->key);
        if (!answer && (!item->once || was_open(state, item->key)))
            answer = yyjson_obj_get(a->given, item->key);
        if (ask_fits(item->kind, yyjson_doc_get_root(item->params), answer))
            item->answer = answer;
        else
            all = false;
    }
    return all;
}

static void add_answers(struct jw *w, const struct asking *a)
{
    jw_key(w, "a");
    jw_obj(w);
    list_each(link, &a->rounds)
    {
        const struct ask_round *r = list_of(link, struct ask_round, link);
        for (size_t i = 0; i < r->count; i++)
            if (r->items[i].answer) {
                jw_key(w, r->items[i].key);
                jw_val(w, r->items[i].answer);
            }
    }
    jw_end(w);
}

static bool single_use(const struct asking *a)
{
    list_each(link, &a->rounds)
    {
        const struct ask_round *r = list_of(link, struct ask_round, link);
        for (size_t i = 0; i < r->count; i++)
            if (r->items[i].once)
                return true;
    }
    return false;
}

static void add_number(struct jw *w)
{
    unsigned char number[ONCE_SIZE];
    char hex[2 * ONCE_SIZE + 1];

    random_bytes(number, sizeof(number));
    for (size_t i = 0; i < sizeof(number); i++)
        snprintf(hex + 2 * i, 3, "%02x", number[i]);
    jw_kstr(w, "n", hex);
}

static int write_state(struct server_call *c, const struct asking *a, const struct ask_round *r,
                       const char *said, struct err *err)
{
    yyjson_val *state = a->state ? yyjson_doc_get_root(a->state) : NULL;
    AUTO(buf) struct buf payload = BUF_MAX(SEALED_PAYLOAD_MAX);
    struct sealed_use use = use_of(a);
    struct jw w = JW(&payload, err);

    jw_obj(&w);
    jw_kint(&w, "r", json_int(state, "r", 0) + 1);
    jw_kstr(&w, "s", said);
    add_answers(&w, a);
    jw_key(&w, "o");
    jw_arr(&w);
    for (size_t i = 0; i < r->count; i++)
        if (!r->items[i].answer)
            jw_str(&w, r->items[i].key);
    jw_aend(&w);
    if (single_use(a))
        add_number(&w);
    jw_end(&w);
    if (jw_done(&w))
        return err_wrap(err, "keep the answers of earlier rounds");
    return sealed_make(&c->conn->srv->key, &use, clock_wall_ms() + ASK_STATE_TTL_MS, payload.data,
                       payload.len, &c->asking->members, err);
}

int mrtr_ask(struct server_call *c, struct ask_round *r, struct err *err)
{
    struct asking *a = c->asking;
    struct jw w = JW(&a->members, err);

    if (!name_member(c->method))
        return err_set(err, ERR_UNSUPPORTED, "%s cannot ask", c->method);
    if (find_answers(a, r))
        return 0;
    buf_clear(&a->members);
    jw_key(&w, "inputRequests");
    ask_round_write(r, &w);
    if (jw_done(&w) || buf_adds(&a->members, ",\"requestState\":\"", err) ||
        make_digest(c, a, err) ||
        write_state(c, a, r, a->next_state ? a->next_state : ask_state(&c->tool), err) ||
        buf_addc(&a->members, '"', err))
        return -1;
    a->pending = true;
    return err_set(err, ERR_INPUT, "the client has to answer first");
}
