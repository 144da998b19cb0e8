/*
 * A state directory of its own for each test, below /tmp.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "backend/local/state.h"
#include "backend/local/tree.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char root[64];
static struct state state;

static void open_state(void)
{
    struct err err = { 0 };

    state_done(&state);
    if (state_open(root, &state, &err))
        FAIL("%s", err.msg);
}

static void remove_root(void)
{
    int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root[0])
        tree_remove(tmp, root + 5);
    close(tmp);
}

static void fresh(void)
{
    remove_root();
    snprintf(root, sizeof(root), "/tmp/test-store-XXXXXX");
    CHECK(mkdtemp(root));
    open_state();
}

static struct state_dir create(const char *owner, const char *name)
{
    struct state_dir d;
    struct err err = { 0 };

    if (state_create(&state, owner, name, (uid_t)-1, (gid_t)-1, &d, &err))
        FAIL("%s", err.msg);
    return d;
}

static void the_end(void)
{
    state_done(&state);
    remove_root();
    CHECK(access(root, F_OK));
}

#endif
