#include "tools.gen.h"
#include "tools/hand.h"
#include "tools/render.h"
#include "tools/resources.h"

#include <stdio.h>
#include <string.h>

static int folder_needs_archive(struct err *err)
{
    return err_next(err, "pass archive to get the folder as a file");
}

/* It stays where it is: what is to be known of it. */
static int look_at(struct handing *h, struct err *err)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    const struct file_read_request req = {
        .path = h->path,
        .bytes = true,
        .hash = true,
        .limit = 512,
        .max_bytes = 512,
    };
    struct err why = { 0 };
    bool text;

    if (sandbox_file_read(h->sb, h->call->call, &req, &res, &why)) {
        *err = why;
        return why.code == ERR_INVALID && hand_is_folder(h) ? folder_needs_archive(err) : -1;
    }
    h->mime = resources_mime(h->name, buf_str(&res.data), res.data.len, &text);
    h->real = TAKE(res.path);
    h->files = 1;
    h->size = res.size;
    memcpy(h->sha256, res.sha256, sizeof(h->sha256));
    return 0;
}

static int hand(struct handing *h, const struct file_download_args *args, struct err *err)
{
    struct err why = { 0 };

    if (!args->to && !args->ticket)
        return look_at(h, err);
    if (args->to ? !hand_to_host(h, args->to, &why) : !hand_ticket(h, &why))
        return 0;
    if (why.code == ERR_INVALID && args->archive < 0 && hand_is_folder(h)) {
        if (args->to)
            return hand_tree(h, args->to, err);
        *err = why;
        return folder_needs_archive(err);
    }
    *err = why;
    return -1;
}

/* ---- the answer ---- */

static int write_json(const struct handing *h, struct buf *json, struct err *err)
{
    struct jw w = JW(json, err);

    jw_obj(&w);
    jw_kstr(&w, "path", h->real);
    if (h->to)
        jw_kstr(&w, "to", h->to);
    jw_kint(&w, "files", h->files);
    jw_kint(&w, "size", h->size);
    if (*h->sha256)
        jw_kstr(&w, "sha256", h->sha256);
    if (*h->url) {
        jw_kstr(&w, "url", h->url);
        jw_kstr(&w, "expires_at", h->expires_at);
    }
    if (h->skipped.skipped_count) {
        jw_key(&w, "skipped");
        jw_arr(&w);
        for (size_t i = 0; i < h->skipped.skipped.count; i++)
            jw_str(&w, h->skipped.skipped.items[i]);
        jw_aend(&w);
        jw_kint(&w, "skipped_count", h->skipped.skipped_count);
    }
    jw_end(&w);
    return jw_done(&w);
}

static int write_text(const struct handing *h, struct buf *text, struct err *err)
{
    if (render_name(text, h->real, err) || buf_adds(text, " · ", err) ||
        (h->files != 1 && buf_addf(text, err, "%lld files · ", (long long)h->files)) ||
        render_bytes(text, (uint64_t)h->size, err) ||
        (*h->sha256 && buf_addf(text, err, " · sha256 %s", h->sha256)))
        return -1;
    if (h->to && (buf_adds(text, " · copied to ", err) || render_name(text, h->to, err)))
        return -1;
    if (*h->url && buf_addf(text, err, "\n%s (works once, until %s)", h->url, h->expires_at))
        return -1;
    for (size_t i = 0; i < h->skipped.skipped.count; i++)
        if (buf_adds(text, "\nskipped ", err) ||
            render_name(text, h->skipped.skipped.items[i], err))
            return -1;
    if (h->skipped.skipped_count > (int64_t)h->skipped.skipped.count)
        return buf_addf(text, err, "\nskipped %lld more",
                        (long long)(h->skipped.skipped_count - (int64_t)h->skipped.skipped.count));
    return 0;
}

static int reply(const struct handing *h, bool linked, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    AUTO(buf) struct buf uri = BUF_MAX(16 * 1024);
    struct tool_call *call = h->call;

    if (write_text(h, &text, err) || tool_text(call, text.data, text.len, err) ||
        write_json(h, &json, err))
        return -1;
    if (linked && (transfer_uri(h->sb, h->real, &uri, err) ||
                   tool_link(call, uri.data, h->name, h->mime, h->size, err)))
        return -1;
    return tool_structured(call, &json, err);
}

/* The archive is not made yet. */
static int reply_later(const struct handing *h, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_kstr(&w, "path", h->path);
    jw_kstr(&w, "process_id", h->process_id);
    jw_end(&w);
    if (jw_done(&w) || render_name(&text, h->path, err) ||
        buf_addf(&text, err,
                 " · still being packed · process_id %s (terminal_output waits for it and says "
                 "where the archive is: file_download that path then)",
                 h->process_id) ||
        tool_text(h->call, text.data, text.len, err))
        return -1;
    return tool_structured(h->call, &json, err);
}

int tool_file_download(struct tool_call *call, const struct file_download_args *args,
                       struct err *err)
{
    static const char *const kinds[] = { "tar.gz", "zip" };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(handing) struct handing h = { .call = call, .path = args->path };
    AUTO_FREE char *packed = NULL;
    bool stays = !args->to && !args->ticket;
    int r;

    if (args->to && args->ticket)
        return err_set(err, ERR_INVALID, "ticket: not together with to");
    if (tools_sandbox(call, &sb, err))
        return -1;
    h.sb = sb;
    transfer_name(strcmp(args->path, ".") ? args->path : "workspace", h.name);
    if (args->archive >= 0) {
        if (hand_pack(&h, kinds[args->archive], &packed, err))
            return -1;
        if (*h.process_id)
            return reply_later(&h, err);
        h.path = packed;
    }
    r = hand(&h, args, err);
    if (packed && (!stays || r))
        hand_unpack(&h, packed);
    if (packed && !stays && !r) { /* the archive is gone, what was packed is not */
        free(h.real);
        h.real = strdup(args->path);
        if (!h.real)
            return err_oom(err);
    }
    return r ? -1 : reply(&h, stays, err);
}
