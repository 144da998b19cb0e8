/*
 * Asking the client's user or model from inside a handler: elicitation, sampling, roots.
 *
 * One call, three ways, and a handler need not know which:
 *   - a legacy client gets requests on the stream of its call, and ask() waits for the responses
 *     until the call ends (specification 2025-11-25, client/elicitation, client/sampling);
 *   - a modern client gets an input_required result; ask() fails, the handler returns -1, and it
 *     runs again from its beginning when the client comes back with the answers (2026-07-28,
 *     basic/patterns/mrtr). So a handler asks before it acts, with the same keys every time;
 *   - inside a task (mcp/task.h) the task becomes input_required, and ask() waits for
 *     tasks/update.
 *
 * Used by the worker that runs the handler.
 */
#ifndef MCP_ASK_H
#define MCP_ASK_H

#include "mcp/tool.h"

#define ASK_MAX 8                         /* questions at once */
#define ASK_STATE_MAX 4096                /* bytes of ask_set_state() */
#define ASK_STATE_TTL_MS (15 * 60 * 1000) /* a client that comes back later starts again */

enum ask_kind { ASK_FORM, ASK_URL, ASK_SAMPLING, ASK_ROOTS };

struct ask {
    const char *key; /* ours, unique within the handler: [a-z0-9_]+ */
    enum ask_kind kind;
    const char *params; /* one JSON object: params of the request */
    bool once; /* only an answer to this very question counts, and once: for what a user allows */
};

/*
 * 0: every question was answered, answers[i] is the result object of asks[i], of the right shape
 * for its kind (an accepted form has been checked against its requestedSchema), valid until the
 * handler returns. -1: not yet, or the client cannot be asked (ERR_UNSUPPORTED, the text names the
 * capability, as ask_lacking()), or the call ended; the handler returns -1 and lets go of
 * everything.
 */
int ask(struct tool_call *call, const struct ask *asks, size_t n, yyjson_val **answers,
        struct err *err) MUST_CHECK;

/* True when the client declared all that these kinds need: 1u << enum ask_kind. */
bool ask_possible(const struct tool_call *call, unsigned kinds);

/*
 * Always -1: what err says is for lack of these kinds. A modern client gets it as the protocol's
 * error -32021 with the capabilities it would have to declare, a legacy one as the tool's result.
 */
int ask_lacking(struct tool_call *call, unsigned kinds, struct err *err) MUST_CHECK;

/*
 * What this handler told the next round of itself: carried by a modern client in requestState,
 * which is authenticated (HMAC-SHA-256) and bound to the principal, the method, the name and the
 * arguments. "" in the first round. Set it before ask().
 */
const char *ask_state(const struct tool_call *call);
int ask_set_state(struct tool_call *call, const char *text, struct err *err) MUST_CHECK;

/* action of an elicitation's answer is "accept"; its content then has the asked-for members. */
bool ask_accepted(yyjson_val *answer);

/*
 * Fails with a protocol error instead of a tool result: always -1. data: one JSON value or NULL.
 * Only for what the specification makes one (-32021, say); what a model can act on is an ordinary
 * err.
 */
int ask_refuse(struct tool_call *call, int code, const char *data, struct err *err, const char *fmt,
               ...) PRINTF(5, 6) MUST_CHECK;

#endif
