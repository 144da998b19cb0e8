/*
 * Requests that change names and attributes, on top of agent_files.h.
 */
#ifndef TESTS_UNIT_AGENT_MANAGE_H
#define TESTS_UNIT_AGENT_MANAGE_H

#include "tests/unit/agent_files.h"

static struct wire_out w;
static struct answer a;
static struct fields records;

/* A request over the paths (NULL behind the last); tags may be added to w. */
static void start_manage(uint32_t op, uint32_t flags, const char *const *paths)
{
    static char all[WIRE_INLINE_MAX];
    size_t len = 0;

    for (; *paths; paths++) {
        strcpy(all + len, *paths);
        len += strlen(*paths) + 1;
    }
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, op);
    wire_put_u32(&w, TAG_FLAGS, flags);
    wire_put(&w, TAG_PATHS, all, len);
}

static void run_manage(void)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    ask(&s, &w, true, &a);
    serve_stop(&s);
    if (a.in.op == WIRE_REPLY)
        records = (struct fields){ a.data, a.data + a.len };
}

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MANAGE(op, flags, ...) (start_manage(op, flags, PATHS(__VA_ARGS__)), run_manage())

static int64_t total(void)
{
    check_reply(&a);
    return wire_i64(&a.in, TAG_TOTAL, -1);
}

static int64_t errors(void)
{
    check_reply(&a);
    return wire_i64(&a.in, TAG_ERRORS, -1);
}

/* The next record: it failed with that code, and says so. */
static void check_failed(uint32_t code, const char *path, const char *text)
{
    struct fields one;
    char got[16384];

    check_reply(&a);
    CHECK(next_record(&records, 'x', &one));
    CHECK_INT(field_i64(&one), code);
    field_str(&one, got, sizeof(got));
    CHECK_STR(got, path);
    field_str(&one, got, sizeof(got));
    CHECK_HAS(got, text);
}

/* The next record: done. */
static void check_done(const char *path, const char *to)
{
    struct fields one;
    char got[16384];

    check_reply(&a);
    CHECK(next_record(&records, 'd', &one));
    field_str(&one, got, sizeof(got));
    CHECK_STR(got, path);
    field_str(&one, got, sizeof(got));
    CHECK_STR(got, to);
}

static void check_end(void)
{
    check_reply(&a);
    CHECK(records.p == records.end);
}

static bool there(const char *name)
{
    struct stat st;

    return !lstat(at(name), &st);
}

static unsigned mode_of(const char *name)
{
    struct stat st;

    CHECK(!lstat(at(name), &st));
    return st.st_mode & 07777;
}

#endif
