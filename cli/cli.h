/*
 * The commands beside serving on stdio. Each returns the exit status, or -1 with err.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/options.h"
#include "mcp/server.h"

struct cli_cdp;
struct cli_downloads;
struct ops;

/*
 * Serve HTTP until TERM or INT comes from stop_fd, a signalfd; then calls in flight get
 * --drain-seconds, unless a second signal comes. HUP opens the log files again and reads a renewed
 * certificate. ops, cdp and downloads may be NULL. Prints `listening on URL` and a ready client
 * block on stderr; makes a token when none is configured (unless --no-auth).
 */
int cli_http(const struct options *o, struct server *server, struct ops *ops, struct cli_cdp *cdp,
             struct cli_downloads *downloads, int stop_fd, struct err *err);

/*
 * `call TOOL '{json}'` in this process. Text goes to stdout, images are named; control
 * sequences are stripped when stdout is a terminal. Exit status 0, or 1 when the tool
 * reported an error.
 */
int cli_call(const struct options *o, struct server *server, struct err *err);

/* One message of the user's and its answer; reply: as large as SERVER_REPLY_MAX. */
int cli_ask(struct server *server, const char *sandbox, const struct buf *message,
            struct buf *reply, struct err *err) MUST_CHECK;

/*
 * `replay FILE`: the calls of a recording of actions, in their order, against this process. Exit
 * status 1 at the first difference, which is told: another outcome, exit code, URL or title.
 * Handles in arguments are those of the new results.
 */
int cli_replay(const struct options *o, struct server *server, struct err *err);

/* The same, asked of the server at --url, with the token of --token-file or SANDBOX_MCP_TOKEN. */
int cli_remote_call(const struct options *o, struct err *err);

/* Commands that need no server: doctor, and call with --url. ERR_INVALID for an unknown one. */
int cli_command(const struct options *o, struct err *err);

#endif
