#include "tests/unit/sse_fixture.h"

/* ---- ids ---- */

static void ids_are_what_they_were_written_as(void)
{
    static const struct sse_id ids[] = {
        { 0, 0 }, { 1, 2 }, { 255, 4096 }, { UINT64_MAX, UINT64_MAX }
    };
    char text[SSE_ID_SIZE];

    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct sse_id back = { 7, 7 };
        CHECK(sse_id_read(sse_id_write(ids[i], text), &back));
        CHECK(back.stream == ids[i].stream && back.event == ids[i].event);
    }
    CHECK_STR(sse_id_write((struct sse_id){ 31, 10 }, text), "1f-a");
}

static void nothing_else_is_an_id(void)
{
    static const char *const bad[] = {
        "",
        "1",
        "-",
        "1-",
        "-1",
        "1-1 ",
        " 1-1",
        "1--1",
        "01-1",
        "1-01",
        "1-1-",
        "+1-1",
        "1-+1",
        "0x1-1",
        "A-1",
        "g-1",
        "1-1\n",
        "fffffffffffffffff-1",
        "1-fffffffffffffffff",
        "1_1",
        "11111111111111111111111111111111111111111111111111111111-1",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sse_id id = { 42, 43 };
        if (sse_id_read(bad[i], &id))
            FAIL("\"%s\" was read", bad[i]);
        CHECK(id.stream == 42 && id.event == 43);
    }
}

/* ---- bounds of what is kept ---- */

static void answer_one(struct streams *s, const char *json, size_t len)
{
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    exchange_stream(x);
    CHECK_INT(exchange_read(x, out, 1) >= 0, 1);
    leave(x);
    x->sink.finish(&x->sink, 200, json, len);
}

static bool kept(struct streams *s, const char *id)
{
    struct connection a = { 0 };
    enum stream_opened why;
    struct exchange *x = get(&a, s, id, &why);

    if (x)
        leave(x);
    return x;
}

/* The same, with something to read. */
static bool keeps(struct streams *s, const char *id)
{
    struct connection a = { 0 };
    enum stream_opened why;
    struct exchange *x = get(&a, s, id, &why);
    bool some = x && exchange_read(x, out, sizeof(out)) > 0;

    if (x)
        leave(x);
    return some;
}

static void answers_are_kept_for_a_while(void)
{
    struct streams *s = streams_new(true);

    answer_one(s, "{}", 2);
    streams_expire(s, clock_ms() + STREAM_KEEP_MS - 1000);
    CHECK(kept(s, "1-1"));
    streams_expire(s, clock_ms() + STREAM_KEEP_MS + 1000);
    CHECK(!kept(s, "1-1"));
    CHECK(kept(s, NULL));
    streams_unref(s);
}

static void only_so_many_answers_are_kept(void)
{
    struct streams *s = streams_new(true);
    char id[SSE_ID_SIZE];

    for (int i = 0; i < STREAMS_KEPT_MAX + 10; i++)
        answer_one(s, "{}", 2);
    for (unsigned i = 1; i <= STREAMS_KEPT_MAX + 10; i++)
        CHECK(kept(s, sse_id_write((struct sse_id){ i, 1 }, id)) == (i > 10));
    streams_unref(s);
}

static void only_so_many_bytes_are_kept(void)
{
    struct streams *s = streams_new(true);
    size_t len = 4 * 1024 * 1024;
    AUTO_FREE char *json = malloc(len);

    memset(json, ' ', len);
    for (int i = 0; i < 4; i++)
        answer_one(s, json, len);
    CHECK(!kept(s, "1-1") && !kept(s, "2-1"));
    CHECK(kept(s, "3-1") && kept(s, "4-1"));
    streams_unref(s);
}

static size_t read_all(struct exchange *x)
{
    size_t n = 0;

    while ((last_read = exchange_read(x, out, sizeof(out))) > 0)
        n += (size_t)last_read;
    return n;
}

/* Somebody else has filled all that may be kept. */
static void who_is_there_is_answered_however_much_is_kept(void)
{
    static const size_t sizes[] = { 9 * 1024 * 1024, 64 * 1024, 1024, 0 };
    struct streams *s = streams_new(true), *full[400];
    AUTO_FREE char *json = malloc(sizes[0]);
    struct connection a = { 0 };
    struct exchange *x;
    size_t n = 0;

    memset(json, ' ', sizes[0]);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        do {
            CHECK(n < COUNT_OF(full));
            full[n++] = streams_new(true);
            answer_one(full[n - 1], json, sizes[i]);
        } while (keeps(full[n - 1], "1-1"));
    for (size_t i = 0; i < 2; i++) {
        x = new_exchange(&a, s);
        exchange_stream(x);
        say(x, "[1]");
        x->sink.finish(&x->sink, 200, json, sizes[i]);
        CHECK(read_all(x) > sizes[i] + sizeof("data: [1]"));
        CHECK_INT(last_read, EXCHANGE_END);
        leave(x);
    }
    CHECK(!kept(s, "1-1") && !kept(s, "2-1"));
    while (n)
        streams_unref(full[--n]);
    streams_unref(s);
}

/* ---- all at once ---- */

struct race {
    struct exchange *x;
    struct streams *s;
    atomic_bool over;
};

static void *speak(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < 50; i++) {
        char json[16];
        snprintf(json, sizeof(json), "[%d]", i);
        say(race->x, json);
        if (i % 8 == 0)
            sched_yield();
    }
    finish(race->x, "{}");
    return NULL;
}

/* Reads until the end of the connection; false: the stream is over. */
static bool read_some(struct exchange *x, struct connection *c, int *next, char *last, int breaks)
{
    static _Thread_local char text[65536];
    size_t n = 0;
    ssize_t got;

    while ((got = exchange_read(x, text + n, 400)) >= 0) {
        n += (size_t)got;
        while (atomic_load(&c->resumed) < atomic_load(&c->suspended) && !breaks)
            sched_yield();
        if (breaks && n)
            break;
        if (breaks)
            while (atomic_load(&c->resumed) < atomic_load(&c->suspended))
                sched_yield();
    }
    text[n] = '\0';
    for (char *at = text, *end; (end = strstr(at, "\n\n")); at = end + 2) {
        int number;
        *end = '\0';
        sscanf(at, "id: %39s", last);
        if (strstr(at, "data: [")) {
            CHECK_INT(sscanf(strstr(at, "data: ["), "data: [%d]", &number), 1);
            CHECK_INT(number, *next);
            ++*next;
        }
        if (strstr(at, "data: {}"))
            return false;
    }
    return true;
}

static void nothing_is_lost_or_repeated_however_often_it_breaks(void)
{
    for (int i = 0; i < 100; i++) {
        struct streams *s = streams_new(true);
        struct connection c = { 0 };
        struct race race = { .s = s, .x = new_exchange(&c, s) };
        struct exchange *x = race.x;
        char last[SSE_ID_SIZE] = "";
        int next = 0, rounds = 0;
        pthread_t speaker;

        exchange_stream(x);
        CHECK_INT(pthread_create(&speaker, NULL, speak, &race), 0);
        while (read_some(x, &c, &next, last, rounds % 3)) {
            enum stream_opened why;
            leave(x);
            CHECK(*last);
            c = (struct connection){ 0 };
            x = get(&c, s, last, &why);
            if (!x)
                FAIL("%s was not found", last);
            rounds++;
        }
        leave(x);
        pthread_join(speaker, NULL);
        CHECK_INT(next, 50);
        streams_unref(s);
    }
}

static const struct test tests[] = {
    TEST(ids_are_what_they_were_written_as),
    TEST(nothing_else_is_an_id),
    TEST(answers_are_kept_for_a_while),
    TEST(only_so_many_answers_are_kept),
    TEST(only_so_many_bytes_are_kept),
    TEST(who_is_there_is_answered_however_much_is_kept),
    TEST(nothing_is_lost_or_repeated_however_often_it_breaks),
};

TEST_MAIN(tests)
