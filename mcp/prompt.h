/*
 * Prompts: texts with arguments that a user picks in the client. The router knows
 * prompts/list and prompts/get; the texts are a table that a server brings.
 *
 * get and complete run on a worker, may block and may ask(). Errors: ERR_INVALID is -32602,
 * everything else -32603 with "code: message. Next: hint.".
 */
#ifndef MCP_PROMPT_H
#define MCP_PROMPT_H

#include "mcp/complete.h"
#include "mcp/tool.h"

#define PROMPT_ARGS_MAX 16
#define PROMPT_VALUE_MAX 65536 /* bytes of one argument */

struct prompt_arg {
    const char *name, *title, *description;
    bool required;
};

struct prompt_def {
    const char *name, *title, *description;
    const struct prompt_arg *args; /* ended by a NULL name; NULL none */
    /* Adds messages. args: what was given, required ones are there, no unknown names. */
    int (*get)(struct tool_call *call, const struct arg_map *args, struct err *err);
    /* NULL: nothing to suggest. `known`: arguments that were filled in before. */
    int (*complete)(struct tool_call *call, const char *argument, const char *value,
                    const struct arg_map *known, struct completion *out, struct err *err);
    const char *tools; /* names between blanks: there only where the launch lists all; NULL none */
};

enum prompt_role { PROMPT_USER, PROMPT_ASSISTANT };

/* The value of an argument, or NULL. */
const char *prompt_value(const struct arg_map *args, const char *name);

/* One message each. */
int prompt_text(struct tool_call *call, enum prompt_role role, const char *text, size_t len,
                struct err *err) MUST_CHECK;
int prompt_textf(struct tool_call *call, enum prompt_role role, struct err *err, const char *fmt,
                 ...) PRINTF(4, 5) MUST_CHECK;
int prompt_image(struct tool_call *call, enum prompt_role role, const char *mime, const void *data,
                 size_t len, struct err *err) MUST_CHECK;

/* An embedded resource with its text. mime may be NULL. */
int prompt_resource(struct tool_call *call, enum prompt_role role, const char *uri,
                    const char *mime, const char *text, size_t len, struct err *err) MUST_CHECK;

#endif
