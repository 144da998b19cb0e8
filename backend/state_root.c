#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char *backend_state_root(struct err *err)
{
    const char *own = getenv("SANDBOX_MCP_STATE_DIR"), *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;
    int n = 0;

    if (own && *own == '/')
        n = asprintf(&path, "%s", own);
    else if (!geteuid())
        n = asprintf(&path, "/var/lib/sandbox-mcp");
    else if (xdg && *xdg == '/')
        n = asprintf(&path, "%s/sandbox-mcp", xdg);
    else if (home && *home == '/')
        n = asprintf(&path, "%s/.local/state/sandbox-mcp", home);
    else {
        err_set(err, ERR_INVALID, "no place for the state: neither a home nor --state-dir");
        return NULL;
    }
    if (n < 0) {
        err_oom(err);
        return NULL;
    }
    return path;
}
