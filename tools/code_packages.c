#include "base/json.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdlib.h>
#include <string.h>

#define INSTALL_MS (600 * 1000)
#define YIELD_MS (20 * 1000)

static const char *status_of(const struct packages_result *r)
{
    if (r->status == EXEC_RUNNING)
        return "running";
    if (r->status == EXEC_TIMED_OUT)
        return "timed_out";
    return r->status == EXEC_EXITED && !r->exit_code ? "ok" : "failed";
}

static int put_json(struct buf *json, const struct packages_result *r, const char *log,
                    struct err *err)
{
    struct jw w = JW(json, err);

    jw_obj(&w);
    jw_kstr(&w, "status", status_of(r));
    jw_key(&w, "packages");
    jw_arr(&w);
    for (size_t i = 0; i < r->count; i++) {
        jw_obj(&w);
        jw_kstr(&w, "name", r->items[i].name);
        jw_kstr(&w, "version", r->items[i].value);
        jw_end(&w);
    }
    jw_aend(&w);
    if (r->total)
        jw_kint(&w, "total", r->total);
    if (*log)
        jw_kstr(&w, "log", log);
    if (r->note)
        jw_kstr(&w, "note", r->note);
    if (r->process_id[0])
        jw_kstr(&w, "process_id", r->process_id);
    jw_end(&w);
    return jw_done(&w);
}

static int put_packages(struct buf *out, const struct packages_result *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++)
        if (render_name(out, r->items[i].name, err) || buf_addc(out, ' ', err) ||
            render_name(out, r->items[i].value, err) || buf_addc(out, '\n', err))
            return -1;
    if (r->total > (int64_t)r->count)
        return buf_addf(out, err, "%lld more; filter narrows the list\n",
                        (long long)r->total - (long long)r->count);
    return 0;
}

static int put_text(struct buf *out, const struct packages_result *r, bool list, const char *log,
                    struct err *err)
{
    if (!list && buf_addf(out, err, "%s\n", status_of(r)))
        return -1;
    if (list && !r->count && buf_adds(out, "No packages.\n", err))
        return -1;
    if (put_packages(out, r, err) ||
        (*log && (buf_adds(out, "--- log\n", err) || render_plain(out, log, strlen(log), err))))
        return -1;
    if (r->note && render_plain(out, r->note, strlen(r->note), err))
        return -1;
    if (!r->process_id[0])
        return 0;
    return buf_addf(out, err,
                    "Next: terminal_output process_id=%s cursor=%s wait_s=20 reads on; "
                    "terminal_kill id=%s stops it.\n",
                    r->process_id, r->cursor, r->process_id);
}

int tool_code_packages(struct tool_call *call, const struct code_packages_args *args,
                       struct err *err)
{
    static const enum packages_action actions[] = {
        [CODE_PACKAGES_ACTION_LIST] = PACKAGES_LIST,
        [CODE_PACKAGES_ACTION_INSTALL] = PACKAGES_INSTALL,
        [CODE_PACKAGES_ACTION_UNINSTALL] = PACKAGES_UNINSTALL,
    };
    AUTO(packages_result) struct packages_result res = { 0 };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(buf)
    struct buf log = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct packages_request req = {
        .action = actions[args->action],
        .language = args->language == CODE_PACKAGES_LANGUAGE_PYTHON ? "python" : "javascript",
        .names = args->names.items,
        .name_count = args->names.count,
        .filter = args->filter,
        .timeout_ms = INSTALL_MS,
        .yield_ms = YIELD_MS,
        .stay = tools_stay(call),
    };

    if (tools_sandbox(call, &sb, err) || sandbox_packages(sb, call->call, &req, &res, err))
        return -1;
    if (res.log && render_plain(&log, res.log, strlen(res.log), err))
        return -1;
    if (put_json(&json, &res, buf_str(&log), err) ||
        put_text(&text, &res, req.action == PACKAGES_LIST, buf_str(&log), err) ||
        tool_structured(call, &json, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
