#include "base/b64.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <string.h>
#include <strings.h>

static const char *const formats[] = {
    [BROWSER_SCREENSHOT_FORMAT_JPEG] = "jpeg",
    [BROWSER_SCREENSHOT_FORMAT_PNG] = "png",
    [BROWSER_SCREENSHOT_FORMAT_WEBP] = "webp",
};

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), len = strlen(end);

    return n > len && path[n - len - 1] == '.' && !strcasecmp(path + n - len, end);
}

/* What was asked for, else what the file's name says. */
static const char *format_of(const struct browser_screenshot_args *args)
{
    if (args->format >= 0)
        return formats[args->format];
    for (size_t i = 0; args->save_to && i < COUNT_OF(formats); i++)
        if (ends_in(args->save_to, formats[i]))
            return formats[i];
    return formats[BROWSER_SCREENSHOT_FORMAT_JPEG];
}

static int describe(struct buf *out, struct browsing *b, const struct browser_screenshot_args *args,
                    const struct page_picture *p, struct err *err)
{
    AUTO_FREE struct page_info *info = calloc(1, sizeof(*info));

    if (!info)
        return err_oom(err);
    page_info(b->page, info);
    return buf_addf(out, err, "%d x %d pixels %s · scale %.4g (picture pixels per CSS pixel)",
                    p->width, p->height, p->format, p->scale) ||
                   (args->target &&
                    buf_addf(out, err, " · from %.4g,%.4g of the page", p->x, p->y)) ||
                   buf_adds(out, " · ", err) ||
                   browsing_place(out, info->id, info->url, info->title, err) ||
                   (args->marks &&
                    buf_addf(out, err, "%zu elements have a box with their ref\n", p->marks)) ||
                   (p->unmarked &&
                    buf_addf(out, err, "%zu more have none: take a part by target\n", p->unmarked))
               ? -1
               : 0;
}

static int save(struct tool_call *call, struct browsing *b, const char *path,
                const struct buf *picture, struct buf *text, struct err *err)
{
    AUTO(file_write_result) struct file_write_result res = { 0 };
    struct file_write_request req = {
        .path = path,
        .data = picture->data,
        .len = picture->len,
        .permissions = -1,
    };

    if (picture->len > FILE_WRITE_MAX) {
        err_set(err, ERR_TOO_LARGE, "the picture has %zu bytes, a file %d at most", picture->len,
                FILE_WRITE_MAX);
        return err_next(err, "take it as jpeg, or only a part of the page by target");
    }
    if (sandbox_file_write(b->sandbox, call->call, &req, &res, err))
        return err_wrap(err, "save_to");
    return buf_adds(text, "saved as ", err) || render_name(text, res.path, err) ||
                   buf_adds(text, " · ", err) ||
                   render_bytes(text, (uint64_t)res.bytes_written, err) || buf_adds(text, "\n", err)
               ? -1
               : 0;
}

static int reply(struct tool_call *call, struct browsing *b,
                 const struct browser_screenshot_args *args, const struct page_picture *p,
                 struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), raw = BUF_MAX(CDP_MESSAGE_MAX);
    char mime[24];

    if (describe(&text, b, args, p, err) ||
        b64_decode(&raw, buf_str(&p->base64), p->base64.len, err))
        return -1;
    if (args->save_to && save(call, b, args->save_to, &raw, &text, err))
        return -1;
    snprintf(mime, sizeof(mime), "image/%s", p->format);
    if (!args->save_to && tool_image(call, mime, raw.data, raw.len, err))
        return -1;
    return tool_text(call, text.data, text.len, err) ||
                   tool_meta_str(call, "page_id", page_id(b->page), err)
               ? -1
               : 0;
}

int tool_browser_screenshot(struct tool_call *call, const struct browser_screenshot_args *args,
                            struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(page_picture) struct page_picture picture = { 0 };
    struct input_target target;
    struct page_shot shot = {
        .format = format_of(args),
        .full_page = args->full_page,
        .marks = args->marks,
        .target = args->target ? &target : NULL,
        .unbounded = args->save_to != NULL,
    };

    if (args->target && args->full_page) {
        err_set(err, ERR_INVALID, "target and full_page exclude each other");
        return err_next(err, "pass target for one element, full_page for all of the page");
    }
    if (browsing_begin(call, args->page_id, &b, err) ||
        (args->target && browsing_target(call, &b, args->target, &target, err)) ||
        page_screenshot(b.page, &shot, call->call, &picture, err))
        return -1;
    return reply(call, &b, args, &picture, err);
}
