#include "cli/options.h"

#include <stdio.h>
#include <string.h>

/* Titles of --help, each before a row. */
static const struct {
    const char *before, *title;
} titles[] = {
    { "http", "Serving" },          { "workspace", "Sandboxes" }, { "toolsets", "Tools" },
    { "backend", "Backend" },       { "token-file", "HTTP" },     { "max-calls", "Limits" },
    { "access-log", "Operations" }, { "url", "Other" },
};

static int add_title(struct buf *out, const char *name, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(titles); i++)
        if (!strcmp(titles[i].before, name))
            return buf_addf(out, err, "%s%s:\n", i ? "\n" : "", titles[i].title);
    return 0;
}

int options_help(struct buf *out, struct err *err)
{
    struct option_row row;

    if (buf_adds(
            out,
            "sandbox-mcp: a sandbox for AI agents, as MCP tools\n\n"
            "  sandbox-mcp [options]                 serve MCP on stdin and stdout\n"
            "  sandbox-mcp --http 8080 [options]     serve MCP over HTTP\n"
            "  sandbox-mcp call TOOL '{json}'        run one tool and print its result\n"
            "  sandbox-mcp replay FILE               do what a recording of actions has\n"
            "  sandbox-mcp doctor                    what this machine offers, what is missing\n\n",
            err))
        return -1;
    for (size_t i = 0; options_row(i, &row); i++) {
        char left[48];
        snprintf(left, sizeof(left), "--%s %s", row.name, row.value ?: "");
        if (add_title(out, row.name, err) || buf_addf(out, err, "  %-28s %s\n", left, row.help))
            return -1;
    }
    return buf_adds(out, "\nEvery option can be set as SANDBOX_MCP_<NAME> in the environment.\n",
                    err);
}
