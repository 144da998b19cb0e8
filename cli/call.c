#include "cli/cli.h"
#include "cli/message.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct waiter {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct buf reply;
    bool finished;
};

static void ignore(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static void finish(struct reply_sink *sink, int http_status UNUSED, const char *json, size_t len)
{
    struct waiter *w = (struct waiter *)(void *)sink;

    pthread_mutex_lock(&w->lock);
    if (json && buf_add(&w->reply, json, len, NULL))
        buf_clear(&w->reply);
    w->finished = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static int ask(struct server *server, const char *sandbox, const struct buf *message,
               struct waiter *w, struct err *err)
{
    struct server_conn *conn;
    struct caller caller = { .principal = "local", .sandbox = sandbox, .scopes = SCOPE_ALL };
    struct http_facts facts = { 0 };

    if (server_conn_new(server, &caller, &conn, err))
        return -1;
    server_handle(server, conn, message->data, message->len, &facts, &w->sink, NULL);
    pthread_mutex_lock(&w->lock);
    while (!w->finished)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    server_conn_close(conn, CALL_CANCELLED);
    return 0;
}

int cli_ask(struct server *server, const char *sandbox, const struct buf *message,
            struct buf *reply, struct err *err)
{
    struct waiter w = {
        .sink = { .notify = ignore, .finish = finish },
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .done = PTHREAD_COND_INITIALIZER,
        .reply = *reply,
    };
    int r = ask(server, sandbox, message, &w, err);

    *reply = w.reply;
    return r;
}

int cli_call(const struct options *o, struct server *server, struct err *err)
{
    AUTO(buf) struct buf message = BUF_MAX(SERVER_MESSAGE_MAX), reply = BUF_MAX(SERVER_REPLY_MAX);

    if (message_make(&message, o, err) || cli_ask(server, o->sandbox, &message, &reply, err))
        return -1;
    return message_print(&reply, err);
}
