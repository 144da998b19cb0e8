/*
 * Which tools a caller sees: what the launch options allow, narrowed by the path of an
 * HTTP request (/mcp/x/core,terminal/readonly) and by the scopes of its token. A view is made
 * once, holds its lists ready to be sent, and lives as long as the server.
 *
 * A selection is names separated by commas: toolsets, presets (a tool says in tools.json of which
 * it is), tools, or "all". A tool outside of a view does not exist for its callers. A read-only
 * view has the tools with readOnlyHint alone, and those without the parameters that write.
 *
 * Any thread.
 */
#ifndef MCP_VIEW_H
#define MCP_VIEW_H

#include "base/err.h"

#define VIEW_TOOLS_MAX 256     /* of one server */
#define VIEWS_MAX 64           /* selections of one server, each again for fewer scopes */
#define VIEWS_PER_PRINCIPAL 32 /* of those, made for one of them */
#define VIEW_SELECTION_MAX 512 /* bytes of a selection */

/* What the token of a caller allows. Without tokens: SCOPE_ALL. */
#define SCOPE_READ (1u << 0)    /* tools with readOnlyHint */
#define SCOPE_EXECUTE (1u << 1) /* all other tools */
#define SCOPE_ADMIN (1u << 2)   /* no tool of today */
#define SCOPE_ALL (SCOPE_READ | SCOPE_EXECUTE | SCOPE_ADMIN)

/* structuredContent and outputSchema. */
enum structured {
    STRUCTURED_AUTO,   /* of class S */
    STRUCTURED_ALWAYS, /* and of class T, the text in it */
    STRUCTURED_NEVER,
};

/* Launch options; NULL: not given. */
struct view_options {
    const char *toolsets; /* default: core,recording, unless tools are named */
    const char *tools;    /* more of them */
    const char *exclude;  /* tools or toolsets */
    bool read_only;
    enum structured structured;
    bool by_token; /* callers differ in their scopes: lists are cacheScope private */
};

struct server;
struct tool_def;
struct tool_view;

/*
 * selection: what follows /mcp/x/ ("core,terminal", "core/readonly", "readonly"), NULL for all that
 * the launch allows. ERR_NOT_FOUND: a name that no tool, toolset or preset has, or nothing is left;
 * ERR_INVALID: not of this form or longer than VIEW_SELECTION_MAX; ERR_QUOTA: VIEWS_MAX.
 */
int view_get(struct server *srv, const char *selection, const struct tool_view **out,
             struct err *err) MUST_CHECK;

/* The same for a request of this principal; ERR_QUOTA: also VIEWS_PER_PRINCIPAL. */
int view_get_for(struct server *srv, const char *principal, const char *selection,
                 const struct tool_view **out, struct err *err) MUST_CHECK;

/* What is left of a view with these scopes; the view itself when that is all of it. */
int view_narrow(struct server *srv, const struct tool_view *view, unsigned scopes,
                const struct tool_view **out, struct err *err) MUST_CHECK;

/* The scope that a tool asks for. */
unsigned view_scope(const struct tool_def *def);

bool view_has(const struct tool_view *view, const struct tool_def *def);

/* The scope that a caller lacks for a tool that is selected otherwise; 0: none, or not selected. */
unsigned view_lacks(const struct tool_view *view, const struct tool_def *def);

bool view_read_only(const struct tool_view *view);

#endif
