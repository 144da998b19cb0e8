#include "base/clock.h"
#include "mcp/once.h"
#include "tests/unit/check.h"

#include <string.h>

static struct once *fresh(void)
{
    struct once *once = NULL;

    CHECK(!once_new(&once, NULL));
    return once;
}

static enum err_code use(struct once *once, const char *principal, unsigned n, int64_t for_ms)
{
    unsigned char number[ONCE_SIZE] = { 0 };
    struct err err = { 0 };

    memcpy(number, &n, sizeof(n));
    return once_use(once, principal, number, clock_ms() + for_ms, &err) ? err.code : ERR_NONE;
}

static void a_number_is_used_once_by_whomever(void)
{
    struct once *once = fresh();

    CHECK_INT(use(once, "me", 7, 60000), ERR_NONE);
    CHECK_INT(use(once, "me", 7, 60000), ERR_CONFLICT);
    CHECK_INT(use(once, "you", 7, 60000), ERR_CONFLICT);
    CHECK_INT(use(once, "me", 8, 60000), ERR_NONE);
    once_free(once);
}

static void one_principal_cannot_take_all_the_room(void)
{
    struct once *once = fresh();

    for (unsigned i = 0; i < ONCE_PER_PRINCIPAL; i++)
        CHECK_INT(use(once, "me", i, 60000), ERR_NONE);
    CHECK_INT(use(once, "me", ONCE_PER_PRINCIPAL, 60000), ERR_RATE_LIMITED);
    CHECK_INT(use(once, "me", 0, 60000), ERR_CONFLICT);
    CHECK_INT(use(once, "you", ONCE_PER_PRINCIPAL, 60000), ERR_NONE);
    once_free(once);
}

static void what_has_expired_makes_room(void)
{
    struct once *once = fresh();

    for (unsigned i = 0; i < ONCE_PER_PRINCIPAL; i++)
        CHECK_INT(use(once, "me", i, 0), ERR_NONE);
    CHECK_INT(use(once, "me", ONCE_PER_PRINCIPAL, 60000), ERR_NONE);
    once_free(once);
}

static void the_room_of_all_has_an_end(void)
{
    struct once *once = fresh();
    char name[16];

    for (unsigned i = 0; i < ONCE_MAX; i++) {
        snprintf(name, sizeof(name), "p%u", i / ONCE_PER_PRINCIPAL);
        CHECK_INT(use(once, name, i, 600000), ERR_NONE);
    }
    CHECK_INT(use(once, "one more", ONCE_MAX, 600000), ERR_RATE_LIMITED);
    CHECK_INT(use(once, "p0", 0, 600000), ERR_CONFLICT);
    once_free(once);
}

static const struct test table[] = {
    TEST(a_number_is_used_once_by_whomever),
    TEST(one_principal_cannot_take_all_the_room),
    TEST(what_has_expired_makes_room),
    TEST(the_room_of_all_has_an_end),
};

TEST_MAIN(table)
