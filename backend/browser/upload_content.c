#include "backend/browser/upload_content.h"
#include "backend/browser/upload_js.h"
#include "base/b64.h"

#include <string.h>

#define PIECE (512 * 1024) /* bytes of content in one command */

static int send_piece(struct element *e, size_t file, const char *data, size_t len,
                      struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf args = BUF_MAX(2 * PIECE), text = BUF_MAX(2 * PIECE);
    yyjson_val *value;

    if (b64_encode(&text, data, len, err) ||
        buf_addf(&args, err, "[{\"value\":%zu},{\"value\":\"%s\"}]", file, buf_str(&text)))
        return -1;
    return element_call(e, js_upload_piece, args.data, 0, call, &reply, &value, err);
}

int upload_content(struct element *e, const struct upload_file *files, size_t count,
                   struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf args = BUF_MAX(64 * 1024);
    struct jw w = JW(&args, err);
    yyjson_val *value;
    size_t all = 0;

    jw_arr(&w);
    jw_obj(&w);
    jw_key(&w, "value");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++) {
        jw_str(&w, files[i].name);
        all += files[i].len;
        if (files[i].len > UPLOAD_INLINE_MAX || all > UPLOAD_INLINE_ALL)
            return err_set(err, ERR_TOO_LARGE,
                           "%.100s: this browser takes files of at most %d MiB, %d MiB in all",
                           files[i].name, UPLOAD_INLINE_MAX >> 20, UPLOAD_INLINE_ALL >> 20);
    }
    jw_aend(&w);
    jw_end(&w);
    jw_aend(&w);
    if (jw_done(&w) || element_call(e, js_upload_begin, args.data, 0, call, &reply, &value, err))
        return -1;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < files[i].len; at += PIECE) {
            size_t left = files[i].len - at;
            if (send_piece(e, i, files[i].data + at, left < PIECE ? left : PIECE, call, err))
                return -1;
        }
    return 0;
}

bool upload_by_path(const struct upload_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!files[i].path)
            return false;
    return true;
}
