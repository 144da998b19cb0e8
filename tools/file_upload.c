#include "tools.gen.h"
#include "tools/render.h"
#include "tools/unpack.h"

#include <string.h>

static bool is_url(const char *from)
{
    return !strncasecmp(from, "http://", 7) || !strncasecmp(from, "https://", 8);
}

static int from_host(struct tool_call *call, const struct bringing *in,
                     const struct file_upload_args *args, struct brought *out, struct err *err)
{
    char name[STORE_NAME_MAX];
    AUTO_FD int fd = -1;
    struct stat st;

    if (host_open(transfers_host(call), args->from, &fd, &st, err))
        return -1;
    transfer_name(args->from, name);
    if (S_ISREG(st.st_mode))
        return bring_file(in, fd, st.st_size, name, (int)(st.st_mode & 0777) | 0600, out, err);
    if (in->extract)
        return err_set(err, ERR_INVALID, "extract: %.200s is a directory", args->from);
    return bring_tree(in, fd, &args->ignore, out, err);
}

static int from_store(struct tool_call *call, const struct bringing *in, const char *id,
                      struct brought *out, struct err *err)
{
    struct file_store *store;
    struct store_meta meta;
    AUTO_FD int fd = -1;

    if (transfers_store(call, &store, err) ||
        store_load(store, call->principal, id, &meta, &fd, err))
        return -1;
    return bring_file(in, fd, meta.size, meta.name, -1, out, err);
}

static int bring(struct tool_call *call, const struct bringing *in,
                 const struct file_upload_args *args, struct brought *out, struct err *err)
{
    if (is_url(args->from))
        return bring_url(in, args->from, out, err);
    if (id_valid("f", args->from))
        return from_store(call, in, args->from, out, err);
    if (*args->from == '/')
        return from_host(call, in, args, out, err);
    err_set(err, ERR_INVALID, "from: neither an http(s) URL, an absolute host path nor a f_ id");
    return err_next(err, "file_copy copies what is in the sandbox already");
}

static int reply(struct tool_call *call, const struct brought *b, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    brought_json(b, &w);
    jw_end(&w);
    if (jw_done(&w) || brought_text(b, &text, err) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

/* ---- a ticket ---- */

static int give_ticket(struct tool_call *call, const struct bringing *in, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(4096);
    char url[HANDOUT_URL_MAX], expires[TRANSFER_TIME_SIZE];
    size_t n = strlen(in->to);
    struct jw w = JW(&json, err);

    if (!in->extract && in->to[n - 1] == '/')
        return err_set(err, ERR_INVALID, "to: has to name the file, for a ticket");
    if (transfer_ticket_upload(call, in, url, expires, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "upload_url", url);
    jw_kstr(&w, "method", "PUT");
    jw_kstr(&w, "expires_at", expires);
    jw_end(&w);
    if (jw_done(&w) ||
        tool_textf(call, err,
                   "%s\nPUT the file there (curl -T FILE URL): works once, until %s; answers 201 "
                   "when it is in the sandbox",
                   url, expires))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_file_upload(struct tool_call *call, const struct file_upload_args *args, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(brought) struct brought out = { 0 };
    const struct stay stay = tools_stay(call);
    struct bringing in = {
        .call = call->call,
        .to = args->to,
        .extract = args->extract,
        .stay = &stay,
    };

    if (!args->from == !args->ticket) {
        err_set(err, ERR_INVALID, "from: %s",
                args->from ? "not together with ticket" : "is required, or ticket");
        return err_next(err, "pass a URL, a host path or a f_ id, or ticket for a one-time URL");
    }
    if (args->ticket)
        return give_ticket(call, &in, err);
    if (tools_sandbox(call, &sb, err))
        return -1;
    in.sb = sb;
    return bring(call, &in, args, &out, err) ? -1 : reply(call, &out, err);
}
