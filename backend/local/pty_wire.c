#include "backend/local/pty.h"

#include <string.h>

_Static_assert(PTY_KEY_ENTER == (int)WIRE_KEY_ENTER &&
                   PTY_KEY_PAGE_DOWN == (int)WIRE_KEY_PAGE_DOWN && PTY_KEY_F12 == (int)WIRE_KEY_F12,
               "keys have the numbers of the wire");
_Static_assert(PTY_TEXT_MAX <= WIRE_INLINE_MAX && PTY_RESULT_MAX <= 49152, "fits into a frame");

static int put_keys(struct wire_out *w, const struct pty_request *req, struct err *err)
{
    AUTO_FREE uint32_t *codes = calloc(req->key_count, sizeof(*codes));

    if (!codes)
        return err_oom(err);
    for (size_t i = 0; i < req->key_count; i++) {
        const struct pty_key *k = &req->keys[i];
        codes[i] = (k->code & WIRE_KEY_CODE) | (k->named ? WIRE_KEY_NAMED : 0) |
                   (k->shift ? WIRE_KEY_SHIFT : 0) | (k->alt ? WIRE_KEY_ALT : 0) |
                   (k->ctrl ? WIRE_KEY_CTRL : 0);
    }
    wire_put(w, TAG_PTY_KEYS, codes, req->key_count * sizeof(*codes));
    return 0;
}

int pty_put_request(struct wire_out *w, const struct pty_request *req, struct err *err)
{
    if (req->text_len > PTY_TEXT_MAX || req->key_count > WIRE_PTY_KEYS_MAX) {
        err_set(err, ERR_TOO_LARGE, "more than %d bytes of text or %d keys", PTY_TEXT_MAX,
                WIRE_PTY_KEYS_MAX);
        return err_next(err, "write it to a file with file_write, or send it in parts");
    }
    if (req->text_len)
        wire_put(w, TAG_DATA, req->text, req->text_len);
    if (req->key_count && put_keys(w, req, err))
        return -1;
    wire_put_str(w, TAG_PATTERN, req->wait_for);
    wire_put_u32(w, TAG_PTY_WAIT_MS, (uint32_t)req->yield_ms);
    wire_put_u32(w, TAG_PTY_BYTES, (uint32_t)req->max_bytes);
    wire_put_u32(w, TAG_PTY_STATE, req->ansi ? WIRE_PTY_ANSI : 0);
    return 0;
}
