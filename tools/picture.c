#include "tools/picture.h"
#include "base/id.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *mime, *magic;
    size_t at, len;
} kinds[] = {
    { "image/png", "\x89PNG\r\n\x1a\n", 0, 8 },
    { "image/jpeg", "\xff\xd8\xff", 0, 3 },
    { "image/gif", "GIF8", 0, 4 },
    { "image/webp", "WEBP", 8, 4 },
};

const char *picture_mime(const void *data, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (len >= kinds[i].at + kinds[i].len &&
            !memcmp((const char *)data + kinds[i].at, kinds[i].magic, kinds[i].len))
            return kinds[i].mime;
    return NULL;
}

static unsigned be(const unsigned char *p, int bytes)
{
    unsigned v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static bool jpeg_size(const unsigned char *p, size_t len, unsigned *w, unsigned *h)
{
    size_t at = 2;

    while (at + 9 < len && p[at] == 0xff) {
        unsigned char marker = p[at + 1];
        bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            *h = be(p + at + 5, 2);
            *w = be(p + at + 7, 2);
            return true;
        }
        at += marker == 0xff ? 1 : 2 + (size_t)be(p + at + 2, 2);
    }
    return false;
}

static bool webp_size(const unsigned char *p, size_t len, unsigned *w, unsigned *h)
{
    if (len < 30)
        return false;
    if (!memcmp(p + 12, "VP8X", 4)) {
        *w = 1 + (p[24] | (unsigned)p[25] << 8 | (unsigned)p[26] << 16);
        *h = 1 + (p[27] | (unsigned)p[28] << 8 | (unsigned)p[29] << 16);
        return true;
    }
    if (!memcmp(p + 12, "VP8L", 4)) {
        *w = 1 + (p[21] | ((unsigned)p[22] & 0x3f) << 8);
        *h = 1 + (p[22] >> 6 | (unsigned)p[23] << 2 | ((unsigned)p[24] & 0xf) << 10);
        return true;
    }
    *w = (p[26] | (unsigned)p[27] << 8) & 0x3fff;
    *h = (p[28] | (unsigned)p[29] << 8) & 0x3fff;
    return true;
}

bool picture_size(const void *data, size_t len, unsigned *w, unsigned *h)
{
    const unsigned char *p = data;
    const char *mime = picture_mime(data, len);

    if (!mime)
        return false;
    if (p[0] == 0x89 && len >= 24) {
        *w = be(p + 16, 4);
        *h = be(p + 20, 4);
        return true;
    }
    if (p[0] == 'G' && len >= 10) {
        *w = p[6] | (unsigned)p[7] << 8;
        *h = p[8] | (unsigned)p[9] << 8;
        return true;
    }
    return p[0] == 0xff ? jpeg_size(p, len, w, h) : webp_size(p, len, w, h);
}

bool picture_fits(const void *data, size_t len)
{
    unsigned w, h;

    if (len > PICTURE_BYTES_MAX || !picture_size(data, len, &w, &h))
        return false;
    return w <= PICTURE_SIDE_MAX && h <= PICTURE_SIDE_MAX &&
           (unsigned long long)w * h <= PICTURE_AREA_MAX;
}

static int run_ffmpeg(struct tool_call *call, struct sandbox *sb, const char *from, const char *to,
                      struct err *err)
{
    static const char command[] =
        "command -v ffmpeg >/dev/null || exit 97\n"
        "by='min(1,min(1568/max(iw,ih),sqrt(1140000/(iw*ih))))'\n"
        "for quality in 4 10 24; do ffmpeg -nostdin -v error -y -i \"$FROM\" "
        "-vf \"scale='max(1,trunc(iw*$by))':'max(1,trunc(ih*$by))'\" -frames:v 1 "
        "-q:v $quality \"$TO\" || exit 1; [ $(wc -c <\"$TO\") -gt $MOST ] || break; done";
    char most[24];
    const struct env_var env[] = { { "FROM", from }, { "TO", to }, { "MOST", most } };
    struct exec_request req = {
        .command = command,
        .env = env,
        .env_count = COUNT_OF(env),
        .timeout_ms = 20000,
        .yield_ms = 30000,
        .max_bytes = 2048,
    };
    AUTO(exec_result) struct exec_result res = { 0 };

    snprintf(most, sizeof(most), "%d", PICTURE_BYTES_MAX);
    if (sandbox_exec(sb, call->call, &req, &res, err))
        return -1;
    if (res.status == EXEC_EXITED && res.exit_code == 97) {
        err_set(err, ERR_TOO_LARGE,
                "%s is too large to show and the sandbox has no ffmpeg to scale it", from);
        return err_next(err,
                        "scale it with a program of the sandbox, or read it with encoding=base64");
    }
    if (res.status != EXEC_EXITED || res.exit_code)
        return err_set(err, ERR_INVALID, "%s cannot be scaled: %s", from, buf_str(&res.errs.text));
    return 0;
}

/* What cannot be removed stays: nobody is told of it. */
static void forget(struct tool_call *call, struct sandbox *sb, const char *path)
{
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    const struct file_remove_request req = { .paths = &path, .count = 1, .missing_ok = true };

    (void)!sandbox_file_remove(sb, call->call, &req, &res, NULL);
}

int picture_scale(struct tool_call *call, struct sandbox *sb, const char *path, struct buf *out,
                  struct err *err)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    char to[64], id[ID_SIZE];
    int r;
    struct file_read_request req = { .path = to, .bytes = true, .max_bytes = PICTURE_BYTES_MAX };

    id_make("scaled", id);
    snprintf(to, sizeof(to), "/tmp/%s.jpg", id);
    r = run_ffmpeg(call, sb, path, to, err);
    if (!r)
        r = sandbox_file_read(sb, call->call, &req, &res, err);
    forget(call, sb, to);
    if (r)
        return -1;
    if (!picture_fits(res.data.data, res.data.len) || res.truncated)
        return err_set(err, ERR_TOO_LARGE, "%s is too large to show even when scaled", path);
    buf_init(out, PICTURE_BYTES_MAX);
    return buf_add(out, res.data.data, res.data.len, err);
}
