#include "base/b64.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/picture.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_LINES 1000

static int header(struct buf *out, const struct file_read_result *r, const char *encoding,
                  struct err *err)
{
    if (render_name(out, r->path, err))
        return -1;
    if (r->end_line &&
        buf_addf(out, err, " · lines %lld-%lld", (long long)r->start_line, (long long)r->end_line))
        return -1;
    if (r->end_line && r->total_lines >= 0 &&
        buf_addf(out, err, " of %lld", (long long)r->total_lines))
        return -1;
    if (!r->end_line && r->total_lines > 0 && !r->data.len &&
        buf_addf(out, err, " · nothing there: it has %lld lines", (long long)r->total_lines))
        return -1;
    if (buf_adds(out, " · ", err) || render_bytes(out, (uint64_t)r->size, err) ||
        buf_addf(out, err, " · mode %04o · %s", r->mode, encoding))
        return -1;
    if (r->sha256[0] && buf_addf(out, err, " · sha256 %s", r->sha256))
        return -1;
    return buf_addc(out, '\n', err);
}

static int footer(struct buf *out, const struct file_read_result *r, struct err *err)
{
    if (!r->truncated)
        return 0;
    if (out->len && out->data[out->len - 1] != '\n' && buf_addc(out, '\n', err))
        return -1;
    if (r->next_byte && buf_addf(out, err,
                                 "The last line is cut: it goes on at byte %lld (encoding=base64 "
                                 "offset=%lld, or cut -b in terminal_execute).\n",
                                 (long long)r->next_byte, (long long)r->next_byte))
        return -1;
    if (r->next_byte && r->end_line && r->end_line == r->total_lines)
        return 0;
    return buf_addf(out, err, "Next: file_read offset=%lld reads on.\n", (long long)r->next_offset);
}

static int numbered(struct buf *out, const char *text, size_t len, int64_t line, struct err *err)
{
    while (len) {
        const char *nl = memchr(text, '\n', len);
        size_t n = nl ? (size_t)(nl - text) + 1 : len;
        if (buf_addf(out, err, "%6lld\t", (long long)line++) || buf_add(out, text, n, err))
            return -1;
        text += n;
        len -= n;
    }
    return 0;
}

static int add_latin1(struct buf *out, const struct buf *in, struct err *err)
{
    for (size_t i = 0; i < in->len; i++) {
        unsigned char c = (unsigned char)in->data[i];
        char two[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };
        if (c < 0x80 ? buf_addc(out, (char)c, err) : buf_add(out, two, 2, err))
            return -1;
    }
    return 0;
}

static const char *line_ends(const struct buf *text)
{
    const char *p = buf_str(text), *end = p + text->len, *nl;
    size_t lf = 0, crlf = 0;

    while (p < end && (nl = memchr(p, '\n', (size_t)(end - p)))) {
        crlf += nl > buf_str(text) && nl[-1] == '\r';
        lf++;
        p = nl + 1;
    }
    return !crlf ? "" : crlf == lf ? ", CRLF" : ", CRLF and LF";
}

/* The range as UTF-8 text into *out, and what it was. */
static int decode(const struct file_read_args *args, struct file_read_result *r, struct buf *out,
                  const char **encoding, struct err *err)
{
    static const char *const marked[] = { [FILE_UTF8_BOM] = "utf-8 with BOM",
                                          [FILE_UTF16LE] = "utf-16le with BOM, shown as utf-8",
                                          [FILE_UTF16BE] = "utf-16be with BOM, shown as utf-8" };
    static const char bom[] = "\xef\xbb\xbf";
    size_t skip = r->encoding == FILE_UTF8_BOM && r->start_line == 1 && r->data.len >= 3 &&
                          !memcmp(r->data.data, bom, 3)
                      ? 3
                      : 0;
    bool nul = r->data.len && memchr(r->data.data, 0, r->data.len);
    bool utf8 = utf8_valid(buf_str(&r->data), utf8_cut(buf_str(&r->data), r->data.len));

    if (nul && args->encoding == FILE_READ_ENCODING_AUTO) {
        err_set(err, ERR_INVALID, "%s is a binary file of %lld bytes", r->path, (long long)r->size);
        return err_next(
            err, "pass encoding=base64 (offset and limit then count bytes), or look at it with "
                 "file or xxd in terminal_execute");
    }
    if (args->encoding == FILE_READ_ENCODING_LATIN1 ||
        (args->encoding == FILE_READ_ENCODING_AUTO && !utf8)) {
        *encoding = args->encoding == FILE_READ_ENCODING_LATIN1 ? "latin1" : "latin1 (not UTF-8)";
        return add_latin1(out, &r->data, err);
    }
    *encoding = !utf8         ? "utf-8 (malformed bytes replaced)"
                : r->encoding ? marked[r->encoding]
                              : "utf-8";
    return utf8_add(out, buf_str(&r->data) + skip, r->data.len - skip, NULL, err);
}

static int read_text(struct tool_call *call, struct sandbox *sb, const struct file_read_args *args,
                     struct err *err)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 2), decoded = BUF_MAX(RENDER_MAX);
    const char *encoding = "utf-8";
    char said[64], when[CLOCK_ISO_SIZE];
    struct file_read_request req = {
        .path = args->path,
        .offset = args->offset ? args->offset : 1,
        .limit = args->has_limit ? args->limit : DEFAULT_LINES,
        .text = args->encoding == FILE_READ_ENCODING_AUTO,
        .max_bytes = (size_t)args->max_bytes,
    };

    if (sandbox_file_read(sb, call->call, &req, &res, err) ||
        decode(args, &res, &decoded, &encoding, err))
        return -1;
    snprintf(said, sizeof(said), "%s%s", encoding, line_ends(&res.data));
    if (header(&text, &res, said, err))
        return -1;
    if (args->numbered ? numbered(&text, buf_str(&decoded), decoded.len, res.start_line, err)
                       : buf_add(&text, buf_str(&decoded), decoded.len, err))
        return -1;
    if (footer(&text, &res, err) || tool_text(call, text.data, text.len, err))
        return -1;
    if ((res.sha256[0] && tool_meta_str(call, "sha256", res.sha256, err)) ||
        (res.mtime_ms && tool_meta_str(call, "mtime", clock_iso(res.mtime_ms, when), err)))
        return -1;
    return res.truncated ? tool_meta_int(call, "next_offset", res.next_offset, err) : 0;
}

static int read_base64(struct tool_call *call, struct sandbox *sb,
                       const struct file_read_args *args, struct err *err)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    size_t room = (size_t)args->max_bytes / 4 * 3;
    struct file_read_request req = {
        .path = args->path,
        .offset = args->offset,
        .bytes = true,
        .max_bytes = args->has_limit && (size_t)args->limit < room ? (size_t)args->limit : room,
    };

    if (sandbox_file_read(sb, call->call, &req, &res, err) || header(&text, &res, "base64", err) ||
        b64_encode(&text, buf_str(&res.data), res.data.len, err) || buf_addc(&text, '\n', err) ||
        footer(&text, &res, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

static bool named_like_picture(const char *path)
{
    static const char *const endings[] = { ".png", ".jpg", ".jpeg", ".gif", ".webp" };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < COUNT_OF(endings); i++)
        if (!strcasecmp(dot, endings[i]))
            return true;
    return false;
}

static int show(struct tool_call *call, const struct file_read_result *r, const struct buf *picture,
                struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(8192);
    const char *mime = picture_mime(picture->data, picture->len);
    unsigned w = 0, h = 0;

    if (render_name(&text, r->path, err) || buf_adds(&text, " · ", err) ||
        render_bytes(&text, (uint64_t)r->size, err))
        return -1;
    if (picture_size(picture->data, picture->len, &w, &h) &&
        buf_addf(&text, err, " · shown %ux%u %s", w, h, mime))
        return -1;
    if (tool_text(call, text.data, text.len, err))
        return -1;
    return tool_image(call, mime, picture->data, picture->len, err);
}

/* 1: it was a picture and is shown; 0: it is not one; -1: error. */
static int read_picture(struct tool_call *call, struct sandbox *sb, const char *path,
                        struct err *err)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    AUTO(buf) struct buf scaled = { 0 };
    struct file_read_request req = { .path = path, .bytes = true, .max_bytes = PICTURE_BYTES_MAX };

    if (sandbox_file_read(sb, call->call, &req, &res, err))
        return -1;
    if (!picture_mime(buf_str(&res.data), res.data.len))
        return 0;
    if (!res.truncated && picture_fits(res.data.data, res.data.len))
        return show(call, &res, &res.data, err) ? -1 : 1;
    if (picture_scale(call, sb, res.path, &scaled, err))
        return -1;
    return show(call, &res, &scaled, err) ? -1 : 1;
}

/* Whether the text could not be read because it is a picture by another name. */
static bool is_picture(struct tool_call *call, struct sandbox *sb, const char *path)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    struct file_read_request req = { .path = path, .bytes = true, .max_bytes = 16 };

    return !sandbox_file_read(sb, call->call, &req, &res, NULL) &&
           picture_mime(buf_str(&res.data), res.data.len);
}

int tool_file_read(struct tool_call *call, const struct file_read_args *args, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    if (tools_sandbox(call, &sb, err))
        return -1;
    if (args->encoding == FILE_READ_ENCODING_BASE64)
        return read_base64(call, sb, args, err);
    if (args->encoding == FILE_READ_ENCODING_AUTO && named_like_picture(args->path)) {
        int r = read_picture(call, sb, args->path, err);
        if (r)
            return r < 0 ? -1 : 0;
    }
    if (!read_text(call, sb, args, err))
        return 0;
    if (!err || err->code != ERR_INVALID || args->encoding != FILE_READ_ENCODING_AUTO ||
        !is_picture(call, sb, args->path))
        return -1;
    *err = (struct err){ 0 };
    return read_picture(call, sb, args->path, err) == 1 ? 0 : -1;
}
