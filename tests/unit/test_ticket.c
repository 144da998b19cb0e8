#include "base/cleanup.h"
#include "base/clock.h"
#include "mcp/view.h"
#include "tests/unit/check.h"
#include "transport/ticket.h"

#include <pthread.h>
#include <stdatomic.h>

DEFINE_AUTO_PTR(tickets, tickets_free);

static const struct identity ann = { .principal = "name:ann", .scopes = SCOPE_READ };

static struct tickets *fresh(int64_t for_ms)
{
    struct tickets *t = NULL;

    CHECK(!tickets_new(for_ms, &t, NULL));
    return t;
}

static void mint(struct tickets *t, const struct identity *who, char text[ID_SIZE])
{
    CHECK(!ticket_mint(t, who, "download", "/files/a", text, NULL));
}

static void it_is_good_once_and_for_its_principal(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct identity who = { 0 };
    char text[ID_SIZE];

    mint(t, &ann, text);
    CHECK_INT(tickets_count(t), 1);
    CHECK(ticket_redeem(t, text, "download", "/files/a", &who));
    CHECK_STR(who.principal, "name:ann");
    CHECK_INT(who.scopes, SCOPE_READ);
    CHECK(!ticket_redeem(t, text, "download", "/files/a", &who));
    CHECK_INT(tickets_count(t), 0);
}

static void shown_for_something_else_it_is_gone(void)
{
    static const char *const others[][2] = {
        { "view", "/files/a" }, { "download", "/files/b" }, { "download", "/files/a/" }, { "", "" }
    };
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct identity who = { .principal = "nobody" };

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char text[ID_SIZE];
        mint(t, &ann, text);
        CHECK(!ticket_redeem(t, text, others[i][0], others[i][1], &who));
        CHECK(!ticket_redeem(t, text, "download", "/files/a", &who));
    }
    CHECK_STR(who.principal, "nobody");
}

static void it_expires(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(30);
    struct identity who;
    char text[ID_SIZE];
    int64_t until = clock_ms() + 31;

    mint(t, &ann, text);
    while (clock_ms() < until + 1)
        ;
    CHECK(!ticket_redeem(t, text, "download", "/files/a", &who));
    CHECK_INT(tickets_count(t), 0);
}

static void anything_else_is_refused(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct identity who;
    char text[ID_SIZE], other[ID_SIZE];

    mint(t, &ann, text);
    strcpy(other, text);
    other[10] = other[10] == 'a' ? 'b' : 'a';
    CHECK(!ticket_redeem(t, other, "download", "/files/a", &who));
    CHECK(!ticket_redeem(t, "", "download", "/files/a", &who));
    CHECK(!ticket_redeem(t, "tkt_", "download", "/files/a", &who));
    text[ID_SIZE - 8] = '\0';
    CHECK(!ticket_redeem(t, text, "download", "/files/a", &who));
    CHECK_INT(tickets_count(t), 1);
}

static void one_principal_crowds_out_only_itself(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    const struct identity eve = { .principal = "name:eve" };
    struct identity who;
    char first[ID_SIZE], of_eve[ID_SIZE], text[ID_SIZE];

    mint(t, &ann, first);
    mint(t, &eve, of_eve);
    for (int i = 0; i < TICKETS_PER_PRINCIPAL; i++)
        mint(t, &eve, text);
    CHECK_INT(tickets_count(t), TICKETS_PER_PRINCIPAL + 1);
    CHECK(!ticket_redeem(t, of_eve, "download", "/files/a", &who));
    CHECK(ticket_redeem(t, first, "download", "/files/a", &who));
    CHECK(ticket_redeem(t, text, "download", "/files/a", &who));
}

static void their_number_is_bounded(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct identity who = { 0 };
    struct err err = { 0 };
    char text[ID_SIZE], first[ID_SIZE] = "", path[TICKET_PATH_MAX + 2];

    for (int i = 0; i < TICKETS_MAX; i++) {
        snprintf(who.principal, sizeof(who.principal), "name:%d", i / 8);
        mint(t, &who, i ? text : first);
    }
    CHECK_INT(ticket_mint(t, &ann, "download", "/", text, &err), -1);
    CHECK_INT(err.code, ERR_QUOTA);
    CHECK(ticket_redeem(t, first, "download", "/files/a", &who));
    mint(t, &ann, text);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    CHECK_INT(ticket_mint(t, &ann, "download", path, text, &err), -1);
    CHECK_INT(err.code, ERR_TOO_LARGE);
}

struct race {
    struct tickets *tickets;
    const char *text;
    atomic_int go, won;
};

static void *redeem(void *arg)
{
    struct race *race = arg;
    struct identity who;

    while (!atomic_load(&race->go))
        ;
    if (ticket_redeem(race->tickets, race->text, "download", "/files/a", &who))
        atomic_fetch_add(&race->won, 1);
    return NULL;
}

static void of_many_at_once_one_wins(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    pthread_t threads[4];
    char text[ID_SIZE];

    for (int round = 0; round < 50; round++) {
        struct race race = { .tickets = t, .text = text };
        mint(t, &ann, text);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            CHECK(!pthread_create(&threads[i], NULL, redeem, &race));
        atomic_store(&race.go, 1);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            pthread_join(threads[i], NULL);
        CHECK_INT(race.won, 1);
    }
}

static int no_file(void *context, struct err *err)
{
    (void)context;
    return err_set(err, ERR_NOT_FOUND, "gone");
}

static void count_down(void *context)
{
    --*(int *)context;
}

static const struct handout_source source = { .open = no_file, .free = count_down };

static struct handout *file(int *alive)
{
    struct handout *h = NULL;

    ++*alive;
    CHECK(!handout_new("a", "video/mp4", &source, alive, &h, NULL));
    return h;
}

static void mint_file(struct tickets *t, int *alive, char text[ID_SIZE])
{
    struct handout *h = file(alive);

    CHECK(!ticket_mint_file(t, &ann, "download", h, text, NULL));
    handout_unref(h);
}

static void a_file_is_looked_at_often_and_had_once(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct handout *got = NULL;
    struct identity who = { 0 };
    char text[ID_SIZE];
    int alive = 0;

    mint_file(t, &alive, text);
    for (int i = 0; i < 3; i++) {
        CHECK(ticket_file(t, text, "download", false, &who, &got));
        CHECK_STR(handout_name(got), "a");
        CHECK_STR(who.principal, "name:ann");
        handout_unref(got);
    }
    CHECK_INT(alive, 1);
    CHECK(ticket_file(t, text, "download", true, &who, &got));
    CHECK(!ticket_file(t, text, "download", true, &who, &got));
    CHECK_INT(tickets_count(t), 0);
    CHECK_INT(alive, 1);
    handout_unref(got);
    CHECK_INT(alive, 0);
}

static void a_ticket_of_a_file_is_none_of_a_path(void)
{
    AUTO_PTR(tickets) struct tickets *t = fresh(0);
    struct handout *got = NULL;
    struct identity who;
    char text[ID_SIZE];
    int alive = 0;

    mint_file(t, &alive, text);
    CHECK(!ticket_file(t, text, "cdp", false, &who, &got));
    CHECK(!ticket_redeem(t, text, "download", "", &who));
    CHECK_INT(alive, 0);
    mint(t, &ann, text);
    CHECK(!ticket_file(t, text, "download", false, &who, &got));
    CHECK_INT(tickets_count(t), 1);
    CHECK(!ticket_file(t, text, "download", true, &who, &got));
    CHECK_INT(tickets_count(t), 0);
}

static void files_are_let_go_with_their_tickets(void)
{
    struct tickets *t = fresh(30);
    char text[ID_SIZE];
    int alive = 0;

    for (int i = 0; i < 1000; i++)
        mint_file(t, &alive, text);
    CHECK(alive <= TICKETS_PER_PRINCIPAL);
    for (int64_t until = clock_ms() + 32; clock_ms() < until;)
        ;
    CHECK_INT(tickets_count(t), 0);
    CHECK_INT(alive, 0);
    mint_file(t, &alive, text);
    tickets_free(t);
    CHECK_INT(alive, 0);
}

static const struct test tests[] = {
    TEST(it_is_good_once_and_for_its_principal),
    TEST(shown_for_something_else_it_is_gone),
    TEST(it_expires),
    TEST(anything_else_is_refused),
    TEST(one_principal_crowds_out_only_itself),
    TEST(their_number_is_bounded),
    TEST(of_many_at_once_one_wins),
    TEST(a_file_is_looked_at_often_and_had_once),
    TEST(a_ticket_of_a_file_is_none_of_a_path),
    TEST(files_are_let_go_with_their_tickets),
};

TEST_MAIN(tests)
