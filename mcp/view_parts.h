/*
 * What the files of the views share, with those that make and read lists; nobody else
 * includes this.
 */
#ifndef MCP_VIEW_PARTS_H
#define MCP_VIEW_PARTS_H

#include "base/buf.h"
#include "mcp/tool.h"
#include "mcp/version.h"
#include "mcp/view.h"

#include <pthread.h>

/* A bit for each of tool_defs. */
struct tool_set {
    uint64_t bits[VIEW_TOOLS_MAX / 64];
};

static inline bool tool_set_has(const struct tool_set *s, size_t tool)
{
    return s->bits[tool / 64] >> tool % 64 & 1;
}

static inline void tool_set_add(struct tool_set *s, size_t tool)
{
    s->bits[tool / 64] |= UINT64_C(1) << tool % 64;
}

static inline void tool_set_remove(struct tool_set *s, size_t tool)
{
    s->bits[tool / 64] &= ~(UINT64_C(1) << tool % 64);
}

struct tool_view {
    struct tool_view *next;
    struct tool_set selected, has; /* has: and allowed by the scopes */
    unsigned scopes;               /* without those that no tool asks for */
    uint64_t maker;                /* hash of the principal it was made for; 0 nobody's */
    bool read_only;
    struct buf lists[LIST_FORM_COUNT]; /* from `,"result":` to the last brace */
};

struct views {
    struct tool_set allowed; /* by the launch */
    bool read_only, open_world, by_token;
    enum structured structured;

    pthread_mutex_t lock;
    struct tool_view *first;       /* lock */
    size_t count;                  /* lock; without those of fewer scopes */
    const struct tool_view *whole; /* of no selection; set before anybody asks */
};

/* What a name may be. */
#define SELECT_ALL (1u << 0) /* "all" */
#define SELECT_TOOLSET (1u << 1)
#define SELECT_PRESET (1u << 2)
#define SELECT_TOOL (1u << 3)

/*
 * Add the tools that "name,name" means. `what` stands before an error: ERR_INVALID for a list that
 * is malformed, ERR_NOT_FOUND for a name that nothing has, listing the known ones.
 */
int select_names(const char *what, const char *text, size_t len, unsigned kinds,
                 struct tool_set *out, struct err *err) MUST_CHECK;

/* True when a tool, toolset or preset of these kinds has the name. */
bool select_knows(const char *name, size_t len, unsigned kinds);

/* ---- view.c: the server's ---- */

struct server_config;

/* Sets srv->views; lists_of_view() needs srv->info. */
int views_make(struct server *srv, const struct server_config *config, struct err *err) MUST_CHECK;
void views_done(struct server *srv);

/* The launch lists all these tools, names between blanks (NULL: none). Paths and tokens may hide
 * more. */
bool views_allow(const struct server *srv, const char *names);

/* ---- lists.c ---- */

/* Fill view->lists. */
int lists_of_view(struct server *srv, struct tool_view *view, struct err *err) MUST_CHECK;

#endif
