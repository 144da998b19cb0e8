#include "tools/downloads.h"

#include <stdio.h>

int tools_sandbox(struct tool_call *call, struct sandbox **out, struct err *err)
{
    struct tools_context *ctx = call->context;
    const char *name = call->sandbox ? call->sandbox : ctx->sandbox_name;

    if (sandbox_open_default(ctx->backend, call->call, call->principal, name, out, err)) {
        tool_log(call, TOOL_LOG_WARNING, "sandbox", "no sandbox: %s", err->msg);
        return -1;
    }
    snprintf(call->origin.sandbox, sizeof(call->origin.sandbox), "%s", (*out)->id);
    tool_log(call, TOOL_LOG_DEBUG, "sandbox", "in sandbox %s", (*out)->id);
    downloads_place(call, *out);
    return 0;
}

int tools_instructions(struct backend *be, struct buf *out, struct err *err)
{
    if (buf_adds(out,
                 "A sandbox of your own: run commands, files and code in it without risk to the "
                 "user's machine. ",
                 err) ||
        backend_describe(be, out, err))
        return -1;
    return buf_adds(out,
                    "\nPaths are absolute or relative to the workspace; ~ is the sandbox's home. "
                    "What follows holds for the tools that you find listed. ",
                    err);
}

const struct tool_note tools_notes[] = {
    { "terminal_execute",
      "terminal_execute starts a fresh shell each time: pass session_id (any name) to keep cwd, "
      "variables and background jobs. A non-zero exit code is a result, not an error. " },
    { "terminal_output terminal_kill",
      "A call answers after at most yield_s seconds; what still runs goes on under its process_id "
      "(terminal_output reads, terminal_kill stops). " },
    { "terminal_wait",
      "terminal_wait waits for an end, a log line, a port or a URL; do not sleep. " },
    { "terminal_session", "Programs that ask or draw (vim, gdb, wizards) need terminal_session. " },
    { "code_execute",
      "code_execute keeps variables between calls, one interpreter per language. " },
    { NULL, "Results are cut to max_bytes with head and tail kept; the line at the hole names the "
            "call that reads the rest. " },
    { "terminal_execute file_read file_search file_replace",
      "Prefer file_read, file_search and file_replace to cat, grep and sed. " },
    { "file_edit", "file_edit undo takes back what the file tools wrote. " },
    { "file_upload file_download",
      "file_upload and file_download move data that need not pass through you. " },
    { "browser_click browser_snapshot",
      "A target is a ref of the latest browser_snapshot (e12, f2e7), else css=, text=, "
      "role=button[name=\"Save\"] or xpath=; anything else is taken for CSS. Without page_id the "
      "page used last is meant. " },
    { NULL, "Times are in seconds, sizes in bytes, cursors opaque." },
    { .text = NULL },
};
