#include "backend/local/local.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *local_idle_text(const struct local_backend *be, char out[32])
{
    int64_t s = local_idle_ms(be) / 1000;
    bool minutes = s >= 120 && s % 60 == 0;

    snprintf(out, 32, "%lld %s", (long long)(minutes ? s / 60 : s),
             minutes ? "minutes" : "seconds");
    return out;
}

/* What an agent plans with; /usr is the sandbox's too. */
static int add_programs(struct buf *out, struct err *err)
{
    static const char *const paths[] = { "/usr/bin/bash", "/usr/bin/python3", "/usr/bin/node",
                                         "/usr/bin/git",  "/usr/bin/gcc",     "/usr/bin/R" };

    if (buf_adds(out, "Installed:", err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (!access(paths[i], X_OK) && buf_addf(out, err, " %s", strrchr(paths[i], '/') + 1))
            return -1;
    return buf_adds(out, ". ", err);
}

int local_describe(struct backend *base, struct buf *out, struct err *err)
{
    struct local_backend *be = local_backend_of(base);
    bool live = be->workspace != NULL;
    char idle[32];

    if (be->host_runtime)
        return buf_addf(out, err, "Commands run on this machine WITHOUT ISOLATION, in %s. ",
                        live ? be->workspace : "a directory of their own");
    if (buf_addf(out, err,
                 "Commands run in an isolated Linux sandbox (no host files, user \"user\"). Files "
                 "are in /workspace%s%s%s; /workspace and /home/user persist, /tmp and processes "
                 "end with the sandbox (%s idle). ",
                 live ? ", the user's own directory " : "", live ? be->workspace : "",
                 live && be->base.config->workspace_ro ? " (read-only)" : "",
                 local_idle_text(be, idle)) ||
        add_programs(out, err) ||
        (be->browser.program &&
         buf_adds(out, "The browser runs in it too: its localhost is the sandbox's. ", err)))
        return -1;
    if (!be->policy)
        return buf_adds(out, "There is no network. ", err);
    return buf_addf(out, err, "Network: only through the proxy in the environment, to %.200s. ",
                    be->base.config->network);
}
