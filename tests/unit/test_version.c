#include "mcp/version.h"
#include "tests/unit/check.h"

static void five_revisions_are_spoken(void)
{
    AUTO(buf) struct buf names = BUF_MAX(256);

    CHECK(!revision_add_names(&names, NULL));
    CHECK_STR(names.data, "[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\","
                          "\"2024-11-05\"]");
    CHECK(!revision_find("2025-11-24"));
    CHECK(!revision_find(""));
    CHECK_STR(revision_newest(true)->name, "2026-07-28");
    CHECK_STR(revision_newest(false)->name, "2025-11-25");
    CHECK_STR(revision_without_header()->name, "2025-03-26");
}

static void each_has_its_own_traits(void)
{
    static const struct {
        const char *name;
        bool modern, http_batch, stdio_batch, null_id, structured, progress_msg, audio;
        enum list_form list;
    } rows[] = {
        { "2026-07-28", true, false, false, false, true, true, true, LIST_MODERN },
        { "2025-11-25", false, false, false, false, true, true, true, LIST_FULL },
        { "2025-06-18", false, false, false, true, true, true, true, LIST_FULL },
        { "2025-03-26", false, true, true, true, false, true, true, LIST_ANNOTATED },
        { "2024-11-05", false, false, true, true, false, false, false, LIST_BARE },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct revision *r = revision_find(rows[i].name);
        CHECK_STR(r ? r->name : NULL, rows[i].name);
        CHECK_INT(r->modern, rows[i].modern);
        CHECK_INT(r->http_batch, rows[i].http_batch);
        CHECK_INT(r->stdio_batch, rows[i].stdio_batch);
        CHECK_INT(r->null_id, rows[i].null_id);
        CHECK_INT(r->structured, rows[i].structured);
        CHECK_INT(r->progress_msg, rows[i].progress_msg);
        CHECK_INT(r->audio, rows[i].audio);
        CHECK_INT(r->list, rows[i].list);
    }
}

static void later_revisions_count_as_modern(void)
{
    CHECK(revision_claims_modern("2026-07-28"));
    CHECK(revision_claims_modern("2026-01-01"));
    CHECK(revision_claims_modern("2031-01-01"));
    CHECK(!revision_claims_modern("2025-11-25"));
    CHECK(!revision_claims_modern("2025-12-31"));
    CHECK(!revision_claims_modern("1999"));
    CHECK(!revision_claims_modern(""));
}

static const struct test tests[] = {
    TEST(five_revisions_are_spoken),
    TEST(each_has_its_own_traits),
    TEST(later_revisions_count_as_modern),
};

TEST_MAIN(tests)
