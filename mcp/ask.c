#include "mcp/asking.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned client;
    const char *capability;
} kinds[] = {
    [ASK_FORM] = { CLIENT_FORM, "elicitation.form" },
    [ASK_URL] = { CLIENT_URL, "elicitation.url" },
    [ASK_SAMPLING] = { CLIENT_SAMPLING, "sampling" },
    [ASK_ROOTS] = { CLIENT_ROOTS, "roots" },
};

static struct server_call *call_of(const struct tool_call *call)
{
    return list_of((struct tool_call *)(size_t)call, struct server_call, tool);
}

struct asking *asking_get(struct server_call *c, struct err *err)
{
    struct asking *a = c->asking;

    if (a)
        return a;
    a = calloc(1, sizeof(*a));
    if (!a) {
        err_oom(err);
        return NULL;
    }
    list_init(&a->rounds);
    buf_init(&a->members, SERVER_REPLY_MAX / 2);
    c->asking = a;
    return a;
}

void asking_free(struct asking *a)
{
    if (!a)
        return;
    list_each(link, &a->rounds) ask_round_free(list_of(link, struct ask_round, link));
    yyjson_doc_free(a->state);
    yyjson_doc_free(a->responses);
    buf_done(&a->members);
    free(a->refusal_data);
    free(a->next_state);
    free(a);
}

/* ---- asking ---- */

bool ask_possible(const struct tool_call *call, unsigned wanted)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (wanted & (1u << i) && !(call->client & kinds[i].client))
            return false;
    return true;
}

int ask_lacking(struct tool_call *call, unsigned wanted, struct err *err)
{
    const struct server_call *c = call_of(call);
    AUTO(buf) struct buf data = BUF_MAX(1024);
    const struct err why = *err;
    unsigned needs = 0;

    if (!c->revision->modern || c->task)
        return -1;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        needs |= wanted & (1u << i) ? kinds[i].client : 0;
    if (buf_adds(&data, "{\"requiredCapabilities\":", err) || client_add(&data, needs, err) ||
        buf_addc(&data, '}', err))
        return -1;
    return ask_refuse(call, RPC_CAPABILITY, data.data, err, "%s%s%s", why.msg,
                      why.next[0] ? ". Next: " : "", why.next);
}

static int check_kinds(struct tool_call *call, const struct ask *asks, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ask_possible(call, 1u << asks[i].kind))
            continue;
        err_set(err, ERR_UNSUPPORTED, "this client cannot be asked: it has no capability %s",
                kinds[asks[i].kind].capability);
        err_next(err, "use a client that declares it");
        return ask_lacking(call, 1u << asks[i].kind, err);
    }
    return 0;
}

static struct ask_round *add_round(struct server_call *c, const struct ask *asks, size_t n,
                                   struct err *err)
{
    struct asking *a = asking_get(c, err);
    struct ask_round *r;

    if (!a)
        return NULL;
    if (a->round_count == ASK_ROUNDS_MAX) {
        err_set(err, ERR_QUOTA, "one call asks at most %d times", ASK_ROUNDS_MAX);
        return NULL;
    }
    r = ask_round_new(asks, n, c->ask_way ? a->round_count + 1 : 0, err);
    if (!r)
        return NULL;
    list_append(&a->rounds, &r->link);
    a->round_count++;
    return r;
}

int ask(struct tool_call *call, const struct ask *asks, size_t n, yyjson_val **answers,
        struct err *err)
{
    struct server_call *c = call_of(call);
    ask_way *way = c->ask_way ? c->ask_way : c->revision->modern ? mrtr_ask : ask_legacy;
    struct ask_round *r;

    if (check_kinds(call, asks, n, err))
        return -1;
    r = add_round(c, asks, n, err);
    if (!r || way(c, r, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        answers[i] = r->items[i].answer;
    return 0;
}

const char *ask_state(const struct tool_call *call)
{
    const struct asking *a = call_of(call)->asking;
    const char *text = a && a->state ? json_str(yyjson_doc_get_root(a->state), "s") : NULL;

    return text ? text : "";
}

int ask_set_state(struct tool_call *call, const char *text, struct err *err)
{
    struct asking *a = asking_get(call_of(call), err);
    char *copy;

    if (!a)
        return -1;
    if (strlen(text) > ASK_STATE_MAX)
        return err_set(err, ERR_INTERNAL, "a state has at most %d bytes", ASK_STATE_MAX);
    copy = strdup(text);
    if (!copy)
        return err_oom(err);
    free(a->next_state);
    a->next_state = copy;
    return 0;
}

/* ---- refusing ---- */

static enum err_code code_of(int code)
{
    if (code == RPC_PARAMS)
        return ERR_INVALID;
    return code == RPC_INTERNAL ? ERR_INTERNAL : ERR_UNSUPPORTED;
}

int ask_refuse(struct tool_call *call, int code, const char *data, struct err *err, const char *fmt,
               ...)
{
    struct asking *a = asking_get(call_of(call), err);
    va_list ap;

    if (!a)
        return -1;
    free(a->refusal_data);
    a->refusal_data = data ? strdup(data) : NULL;
    if (data && !a->refusal_data)
        return err_oom(err);
    a->refusal = code;
    va_start(ap, fmt);
    vsnprintf(a->message, sizeof(a->message), fmt, ap);
    va_end(ap);
    return err_set(err, code_of(code), "%s", a->message);
}

/* ---- the answer to the call ---- */

bool ask_decides(const struct server_call *c)
{
    return c->asking && (c->asking->refusal || c->asking->pending);
}

static int status_of(const struct server_call *c, int code)
{
    return c->revision->modern && code <= -32020 && code >= -32099 ? 400 : 200;
}

int ask_write(struct server_call *c, int *http_status, struct err *err)
{
    const struct asking *a = c->asking;

    buf_clear(&c->out);
    *http_status = 200;
    if (a->refusal) {
        *http_status = status_of(c, a->refusal);
        return rpc_add_error(&c->out, c->id.data, a->refusal, a->message, a->refusal_data, err);
    }
    if (buf_addf(&c->out, err,
                 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"resultType\":\"input_required\",",
                 c->id.data) ||
        buf_add(&c->out, a->members.data, a->members.len, err))
        return -1;
    return buf_addf(&c->out, err, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}}",
                    c->conn->srv->info.data);
}
