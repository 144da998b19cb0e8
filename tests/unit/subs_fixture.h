/*
 * A server whose lists change and whose resources can be watched, over router_fixture.h; a
 * provider that writes down what it is asked; a sink that knows about listens.
 */
#ifndef TESTS_UNIT_SUBS_FIXTURE_H
#define TESTS_UNIT_SUBS_FIXTURE_H

#include "mcp/subs.h"
#include "tests/unit/router_fixture.h"

#define LISTEN(id, asked)       \
    "{'jsonrpc':'2.0','id':" id \
    ",'method':'subscriptions/listen','params':{'notifications':" asked "," META_MODERN "}}"
#define SUBSCRIPTION "'io.modelcontextprotocol/subscriptionId':"

/* ---- a provider that writes down what it is asked ---- */

static struct {
    pthread_mutex_t lock;
    int on, off;
    char last[256];
} provider = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int watch(void *tools_context UNUSED, const struct caller *who, const char *uri, bool on,
                 struct err *err)
{
    if (strstr(uri, "secret"))
        return err_set(err, ERR_DENIED, "not yours");
    if (strstr(uri, "slow"))
        (void)poll(NULL, 0, 300);
    pthread_mutex_lock(&provider.lock);
    if (on)
        provider.on++;
    else
        provider.off++;
    snprintf(provider.last, sizeof(provider.last), "%s %s %s", who->principal,
             who->sandbox ? who->sandbox : "-", uri);
    pthread_mutex_unlock(&provider.lock);
    return 0;
}

static int watched(bool on)
{
    int n;

    pthread_mutex_lock(&provider.lock);
    n = on ? provider.on : provider.off;
    pthread_mutex_unlock(&provider.lock);
    return n;
}

__attribute__((unused)) static void await_watched(bool on, int n)
{
    int64_t until = clock_ms() + 10000;

    while (watched(on) != n && clock_ms() < until)
        (void)poll(NULL, 0, 5);
    CHECK_INT(watched(on), n);
}

__attribute__((unused)) static struct server *new_server(unsigned lists, bool watches)
{
    struct server_config config = fixture_config;
    struct server *srv = NULL;
    struct err err = { 0 };

    config.list_changed = lists;
    config.watch = watches ? watch : NULL;
    provider.on = provider.off = 0;
    if (server_new(&config, &srv, &err))
        FAIL("%s", err.msg);
    return srv;
}

__attribute__((unused)) static struct server *start(void)
{
    return new_server(1u << LIST_TOOLS | 1u << LIST_PROMPTS | 1u << LIST_RESOURCES, true);
}

/* ---- a sink that knows about listens ---- */

struct told {
    struct kept kept;
    struct server_sub *sub;
    bool full;
};

static void on_listens(struct reply_sink *sink, struct server_sub *sub)
{
    ((struct told *)sink)->sub = sub;
}

static bool on_offer(struct reply_sink *sink, const char *json, size_t len)
{
    struct told *t = (struct told *)sink;

    if (t->full)
        return false;
    kept_notify(sink, json, len);
    return true;
}

__attribute__((unused)) static void told_init(struct told *t)
{
    *t = (struct told){ 0 };
    kept_init(&t->kept);
    t->kept.sink.listens = on_listens;
    t->kept.sink.offer = on_offer;
}

__attribute__((unused)) static void told_done(struct told *t)
{
    server_sub_unref(t->sub);
    kept_done(&t->kept);
}

__attribute__((unused)) static void send_listen(struct server *srv, struct server_conn *conn,
                                                const char *message, bool is_http, struct told *t)
{
    static const struct http_facts http = {
        .is_http = true,
        .protocol_version = "2026-07-28",
        .method = "subscriptions/listen",
        .scopes = SCOPE_ALL,
    };

    CHECK(!send_message(srv, conn, message, is_http ? &http : NULL, &t->kept));
}

__attribute__((unused)) static void await_notes(struct told *t, int n)
{
    int64_t until = clock_ms() + 10000;
    int have = 0;

    while (have < n && clock_ms() < until) {
        pthread_mutex_lock(&t->kept.lock);
        have = t->kept.note_count;
        pthread_mutex_unlock(&t->kept.lock);
        if (have < n)
            (void)poll(NULL, 0, 5);
    }
    CHECK(have >= n);
}

__attribute__((unused)) static void check_note(struct told *t, int i, const char *want)
{
    await_notes(t, i + 1);
    CHECK_STR(t->kept.notes[i], unquoted(want));
}

__attribute__((unused)) static const char *ack(const char *id, const char *honoured)
{
    static char text[1024];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','method':'notifications/subscriptions/acknowledged','params':"
             "{'_meta':{" SUBSCRIPTION "%s},'notifications':%s}}",
             id, honoured);
    return text;
}

#endif
