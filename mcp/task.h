/*
 * Tasks (extension io.modelcontextprotocol/tasks, 2026-07-28): a call that takes longer
 * than a client waits for gets a task id at once, and its handler goes on to the end.
 *
 * The task's result is what the handler answers; tasks/get, tasks/update, tasks/cancel and
 * notifications/tasks are views of it. A task belongs to its principal, is on disk before its id
 * is given out, and outlives the connection; it does not outlive the server as a running one: see
 * task_config.recover.
 */
#ifndef MCP_TASK_H
#define MCP_TASK_H

#include "mcp/tool.h"

#define TASK_TTL_MS (60 * 60 * 1000) /* kept so long after it was made, at least */
#define TASK_POLL_MS 1000            /* pollIntervalMs */
#define TASKS_PER_PRINCIPAL 64       /* running at once; then calls answer as for other clients */
#define TASKS_KEPT_PER_PRINCIPAL 512

/* The client of this call takes tasks, and there is room for one more. */
bool task_possible(const struct tool_call *call);

/*
 * The client has its answer (a task) when this returns 0: the call has no deadline any more, its
 * connection may go, and it is ended only by tasks/cancel (CALL_CANCELLED) or the server's
 * stop (CALL_SHUTDOWN). handle names the work for task_config.recover; NULL when nothing of it
 * can be found again. Fails when task_possible() is false.
 */
int task_begin(struct tool_call *call, const char *handle, struct err *err) MUST_CHECK;

/* One line on what it is doing now, for tasks/get; does nothing outside of a task. */
void task_status(struct tool_call *call, const char *message, size_t len);

/* For a tool that has no other way: -32021 unless the client takes tasks. 0 or -1. */
int task_require(struct tool_call *call, struct err *err) MUST_CHECK;

#define TASK_RECOVERED_WHOLE 1

struct task_config {
    const char *dir; /* absolute, made when missing; NULL: tasks live as long as the server */
    /*
     * A task that was running when an earlier server ended: fill call->content with what can still
     * be said of `handle` (output, outcome). NULL: "interrupted by restart" is all there is.
     * 0: that, and the result is an error; TASK_RECOVERED_WHOLE: the work had ended by itself and
     * this is its result; -1: nothing is left of it.
     */
    int (*recover)(struct tool_call *call, const char *handle, struct err *err);
};

#endif
