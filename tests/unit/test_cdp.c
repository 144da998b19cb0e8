#include "backend/browser/cdp.h"
#include "backend/browser/cdp_text.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define WAITERS 8

/* A browser that answers each method in its own way. */
struct peer {
    struct cdp *cdp;
    int in, out;
    pthread_t thread;
    _Atomic int events, ends, commands;
    char last_event[128];
};

static void say(struct peer *p, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(p->out, text, len);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void say_line(struct peer *p, const char *fmt, long long id)
{
    char text[512];
    int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = snprintf(text, sizeof(text), fmt, id, id);
#pragma GCC diagnostic pop
    say(p, text, (size_t)n + 1);
}

static void huge(struct peer *p, long long id)
{
    static char block[1024 * 1024];
    char head[64];
    int n = snprintf(head, sizeof(head), "{\"id\":%lld,\"result\":{\"x\":\"", id);

    memset(block, 'x', sizeof(block));
    say(p, head, (size_t)n);
    for (size_t i = 0; i <= CDP_MESSAGE_MAX / sizeof(block); i++)
        say(p, block, sizeof(block));
    say(p, "\"}}", 4);
}

static const struct {
    const char *method, *says[6];
} table[] = {
    { "Echo", { "{\"id\":%lld,\"result\":{\"n\":%lld}}" } },
    { "Twice", { "{\"id\":%lld,\"result\":{\"n\":1}}", "{\"id\":%lld,\"result\":{\"n\":2}}" } },
    { "Hostile",
      { "not JSON", "[1,2,{}]", "{\"id\":\"x\",\"method\":7}", "{\"id\":99999999,\"result\":{}}",
        "{\"id\":-5,\"result\":{}}", "{\"id\":%lld,\"result\":{\"n\":%lld}}" } },
    { "Odd",
      { "{\"id\":1e9,\"result\":{}}", "null", "\"\\ud800\"", "{\"id\":[],\"result\":1}",
        "{\"id\":9223372036854775807}", "{\"id\":%lld,\"result\":{\"n\":%lld}}" } },
    { "Error", { "{\"id\":%lld,\"error\":{\"code\":-1,\"message\":\"no such\",\"data\":\"d\"}}" } },
    { "Strange", { "{\"id\":%lld,\"error\":7}" } },
    { "NoResult", { "{\"id\":%lld}" } },
    { "Broken", { "{\"id\":%lld,\"result\":{" } },
    { "Half", { "{\"id\":%lld,\"result\":{\"s\":\"a\\ud800b\\ud83d\\ude00\xff\\\\ud800\"}}" } },
    { "Event",
      { "{\"method\":\"A.b\",\"params\":{\"k\":1},\"sessionId\":\"S\"}",
        "{\"id\":%lld,\"result\":{}}" } },
};

static bool react(struct peer *p, const char *method, long long id)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (!strcmp(table[i].method, method))
            for (size_t j = 0; j < COUNT_OF(table[i].says) && table[i].says[j]; j++)
                say_line(p, table[i].says[j], id);
    if (!strcmp(method, "Huge"))
        huge(p, id);
    return strcmp(method, "Die") != 0;
}

static void *browse(void *arg)
{
    struct peer *p = arg;
    AUTO(buf) struct buf text = BUF_MAX(1024 * 1024);
    char c[4096];
    ssize_t n;

    while ((n = read(p->in, c, sizeof(c))) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (c[i]) {
                (void)!buf_addc(&text, c[i], NULL);
                continue;
            }
            AUTO_JSON yyjson_doc *doc = json_parse(buf_str(&text), text.len, NULL);
            yyjson_val *root = yyjson_doc_get_root(doc);
            const char *method = json_str(root, "method");
            buf_clear(&text);
            p->commands++;
            if (!react(p, method ? method : "", json_int(root, "id", 0)))
                goto out;
        }
out:
    fd_close(&p->in);
    fd_close(&p->out);
    return NULL;
}

static void on_event(void *context, const struct cdp_event *event)
{
    struct peer *p = context;

    if (!event->method) {
        p->ends++;
        return;
    }
    snprintf(p->last_event, sizeof(p->last_event), "%s %s %lld", event->method, event->session,
             (long long)json_int(event->params, "k", -1));
    (void)!cdp_send(p->cdp, "", "Answered", NULL, NULL);
    p->events++;
}

static void begin(struct peer *p)
{
    int to[2], from[2];
    struct cdp_wire *wire;

    signal(SIGPIPE, SIG_IGN);
    memset(p, 0, sizeof(*p));
    CHECK(!pipe2(to, O_CLOEXEC) && !pipe2(from, O_CLOEXEC));
    p->in = to[0];
    p->out = from[1];
    CHECK(!cdp_pipe_new(from[0], to[1], &wire, NULL));
    CHECK(!cdp_new(wire, on_event, p, &p->cdp, NULL));
    CHECK(!pthread_create(&p->thread, NULL, browse, p));
}

static void end(struct peer *p)
{
    cdp_free(p->cdp);
    pthread_join(p->thread, NULL);
    CHECK_INT(p->ends, 1);
}

static int64_t ask(struct peer *p, const char *method, int64_t ms, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };

    if (cdp_call(p->cdp, "", method, NULL, ms, NULL, &reply, err))
        return -1;
    return json_int(reply.result, "n", 0);
}

static void a_command_gets_its_own_answer(void)
{
    struct peer p;
    struct err err = { 0 };

    begin(&p);
    int64_t first = ask(&p, "Echo", 0, &err), second = ask(&p, "Echo", 0, &err);
    CHECK(first > 0 && second > 0 && first != second);
    CHECK_INT(ask(&p, "Twice", 0, &err), 1);
    CHECK(ask(&p, "Echo", 0, &err) > 0);
    end(&p);
}

static void whatever_the_browser_says_the_next_answer_comes(void)
{
    struct peer p;
    struct err err = { 0 };

    begin(&p);
    CHECK(ask(&p, "Hostile", 0, &err) > 0);
    CHECK(ask(&p, "Odd", 0, &err) > 0);
    CHECK_INT(ask(&p, "Error", 0, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_STR(err.msg, "Browser: Error: no such: d");
    CHECK_INT(ask(&p, "Strange", 0, &err), -1);
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_INT(ask(&p, "NoResult", 0, &err), -1);
    CHECK_INT(err.code, ERR_PROTOCOL);
    CHECK_INT(ask(&p, "Broken", 0, &err), -1);
    CHECK_INT(err.code, ERR_TOO_LARGE);
    CHECK(ask(&p, "Echo", 0, &err) > 0);
    end(&p);
}

static void half_characters_become_replacements(void)
{
    struct peer p;
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };

    begin(&p);
    CHECK(!cdp_call(p.cdp, "", "Half", NULL, 0, NULL, &reply, NULL));
    CHECK_STR(json_str(reply.result, "s"), "a\xef\xbf\xbd"
                                           "b\xf0\x9f\x98\x80\xef\xbf\xbd\\ud800");
    end(&p);
}

static void an_answer_that_is_too_large_says_so(void)
{
    struct peer p;
    struct err err = { 0 };

    begin(&p);
    CHECK_INT(ask(&p, "Huge", 60000, &err), -1);
    CHECK_INT(err.code, ERR_TOO_LARGE);
    CHECK(ask(&p, "Echo", 0, &err) > 0);
    end(&p);
}

static void no_answer_ends_at_the_deadline(void)
{
    struct peer p;
    struct err err = { 0 };
    struct call call;
    int64_t began = clock_ms();

    begin(&p);
    CHECK_INT(ask(&p, "Never", 100, &err), -1);
    CHECK_INT(err.code, ERR_TIMEOUT);
    CHECK(!call_init(&call, NULL));
    call.deadline_ms = clock_ms() + 100;
    CHECK_INT(cdp_call(p.cdp, "", "Never", NULL, 60000, &call, NULL, &err), -1);
    CHECK_INT(err.code, ERR_TIMEOUT);
    CHECK(clock_ms() - began >= 200 && clock_ms() - began < 20000);
    CHECK(ask(&p, "Echo", 0, &err) > 0);
    call_done(&call);
    end(&p);
}

struct waiter {
    struct peer *peer;
    struct call call;
    pthread_t thread;
    struct err err;
    int r;
};

static void *wait_long(void *arg)
{
    struct waiter *w = arg;

    w->r = cdp_call(w->peer->cdp, "", "Never", NULL, 60000, &w->call, NULL, &w->err);
    return NULL;
}

static void start(struct peer *p, struct waiter *w, size_t n)
{
    int commands = p->commands;

    for (size_t i = 0; i < n; i++) {
        memset(&w[i], 0, sizeof(w[i]));
        w[i].peer = p;
        CHECK(!call_init(&w[i].call, NULL));
        CHECK(!pthread_create(&w[i].thread, NULL, wait_long, &w[i]));
    }
    for (int i = 0; i < 20000 && p->commands < commands + (int)n; i++)
        usleep(1000);
    CHECK_INT(p->commands, commands + (int)n);
}

static void finish(struct waiter *w, size_t n, enum err_code code)
{
    for (size_t i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        call_done(&w[i].call);
        CHECK_INT(w[i].r, -1);
        CHECK_INT(w[i].err.code, code);
    }
}

static void a_cancelled_command_ends_at_once(void)
{
    struct peer p;
    struct waiter w;

    begin(&p);
    start(&p, &w, 1);
    int64_t began = clock_ms();
    call_end(&w.call, CALL_CANCELLED);
    finish(&w, 1, ERR_CANCELLED);
    CHECK(clock_ms() - began < 10000);
    end(&p);
}

static void the_end_of_the_browser_ends_all_who_wait(void)
{
    struct peer p;
    struct waiter w[WAITERS];
    struct err err = { 0 };

    begin(&p);
    start(&p, w, WAITERS);
    CHECK_INT(ask(&p, "Die", 60000, &err), -1);
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    finish(w, WAITERS, ERR_UNAVAILABLE);
    CHECK(!cdp_alive(p.cdp));
    CHECK_INT(ask(&p, "Echo", 0, &err), -1);
    CHECK_INT(err.code, ERR_UNAVAILABLE);
    CHECK_HAS(err.msg, "has ended");
    CHECK_INT(cdp_send(p.cdp, "", "Echo", NULL, &err), -1);
    end(&p);
}

static void freeing_ends_all_who_wait(void)
{
    struct peer p;
    struct waiter w[WAITERS];

    begin(&p);
    start(&p, w, WAITERS);
    end(&p);
    finish(w, WAITERS, ERR_UNAVAILABLE);
}

static void too_many_who_wait_are_refused(void)
{
    static struct waiter w[CDP_CALLS_MAX];
    struct peer p;
    struct err err = { 0 };

    begin(&p);
    start(&p, w, CDP_CALLS_MAX);
    CHECK_INT(ask(&p, "Echo", 0, &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    call_end(&w[7].call, CALL_CANCELLED);
    finish(&w[7], 1, ERR_CANCELLED);
    CHECK(ask(&p, "Echo", 0, &err) > 0);
    end(&p);
    finish(w, 7, ERR_UNAVAILABLE);
    finish(w + 8, CDP_CALLS_MAX - 8, ERR_UNAVAILABLE);
}

static void events_come_and_may_send(void)
{
    struct peer p;
    struct err err = { 0 };

    begin(&p);
    CHECK_INT(ask(&p, "Event", 0, &err), 0);
    CHECK_INT(p.events, 1);
    CHECK_STR(p.last_event, "A.b S 1");
    for (int i = 0; i < 20000 && p.commands < 2; i++)
        usleep(1000);
    CHECK_INT(p.commands, 2);
    end(&p);
}

static void another_descriptor_ends_the_wait(void)
{
    struct peer p;
    struct err err = { 0 };
    int fds[2];

    begin(&p);
    CHECK(!pipe2(fds, O_CLOEXEC));
    close(fds[1]);
    CHECK_INT(cdp_call_until(p.cdp, "", "Never", NULL, 60000, NULL, fds[0], NULL, &err), -1);
    CHECK_INT(err.code, ERR_BUSY);
    close(fds[0]);
    end(&p);
}

static void ids_are_found_in_what_was_cut_off(void)
{
    static const struct {
        const char *text;
        int64_t id;
    } cases[] = {
        { "{\"id\":12,\"result\":{\"x", 12 }, { "{\"id\":12", -1 }, { "{\"id\":,", -1 },
        { "{\"id\":99999999999999,", -1 },    { "{\"ID\":1,", -1 }, { "", -1 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(cdp_id_of(cases[i].text, strlen(cases[i].text)), cases[i].id);
}

static const struct test tests[] = {
    TEST(a_command_gets_its_own_answer),
    TEST(whatever_the_browser_says_the_next_answer_comes),
    TEST(half_characters_become_replacements),
    TEST(an_answer_that_is_too_large_says_so),
    TEST(no_answer_ends_at_the_deadline),
    TEST(a_cancelled_command_ends_at_once),
    TEST(the_end_of_the_browser_ends_all_who_wait),
    TEST(freeing_ends_all_who_wait),
    TEST(too_many_who_wait_are_refused),
    TEST(events_come_and_may_send),
    TEST(another_descriptor_ends_the_wait),
    TEST(ids_are_found_in_what_was_cut_off),
};

TEST_MAIN(tests)
