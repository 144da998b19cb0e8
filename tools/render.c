#include "tools/render.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define IDLE_SHOWN_MS 1000 /* without output for so long is worth a word */

int render_bytes(struct buf *out, uint64_t n, struct err *err)
{
    if (n < 1000)
        return buf_addf(out, err, "%llu B", (unsigned long long)n);
    if (n < 1000000)
        return buf_addf(out, err, "%.1f kB", (double)n / 1e3);
    return buf_addf(out, err, "%.1f MB", (double)n / 1e6);
}

int render_duration(struct buf *out, int64_t ms, struct err *err)
{
    if (ms < 1000)
        return buf_addf(out, err, "%lld ms", (long long)ms);
    if (ms < 120000)
        return buf_addf(out, err, "%.1f s", (double)ms / 1e3);
    if (ms >= 7200000)
        return buf_addf(out, err, "%lld h %lld min", (long long)(ms / 3600000),
                        (long long)(ms / 60000 % 60));
    return buf_addf(out, err, "%lld min %lld s", (long long)(ms / 60000),
                    (long long)(ms / 1000 % 60));
}

int render_plain(struct buf *out, const char *text, size_t len, struct err *err)
{
    if (!len)
        return 0;
    if (text_add_plain(out, text, len, NULL, err))
        return -1;
    return out->len && out->data[out->len - 1] != '\n' ? buf_addc(out, '\n', err) : 0;
}

static int hole(struct buf *out, const struct stream_text *s, const char *process_id,
                const char *cursor, struct err *err)
{
    if (out->len && out->data[out->len - 1] != '\n' && buf_addc(out, '\n', err))
        return -1;
    if (buf_addf(out, err, "[... %llu bytes, %llu lines omitted", (unsigned long long)s->omitted,
                 (unsigned long long)s->omitted_lines))
        return -1;
    if (process_id[0] && cursor[0] &&
        buf_addf(out, err, "; terminal_output process_id=%s cursor=%s reads them", process_id,
                 cursor))
        return -1;
    return buf_adds(out, " ...]\n", err);
}

int render_stream(struct buf *out, const char *name, const struct stream_text *s,
                  const char *process_id, const char *hole_cursor, struct err *err)
{
    size_t cut = s->omitted ? s->hole : s->text.len;

    if (!s->text.len && !s->omitted && !s->evicted)
        return 0;
    if (buf_addf(out, err, "--- %s\n", name))
        return -1;
    if (s->evicted && buf_addf(out, err, "[... %llu bytes before this are no longer kept ...]\n",
                               (unsigned long long)s->evicted))
        return -1;
    if (render_plain(out, s->text.data, cut, err))
        return -1;
    if (!s->omitted)
        return 0;
    if (hole(out, s, process_id, hole_cursor, err))
        return -1;
    return render_plain(out, s->text.data + cut, s->text.len - cut, err);
}

int render_denied(struct buf *out, const struct strings *denied, struct err *err)
{
    for (size_t i = 0; i < denied->count; i++)
        if (buf_adds(out, "denied: ", err) ||
            render_plain(out, denied->items[i], strlen(denied->items[i]), err))
            return -1;
    return 0;
}

const char *render_exec_status(enum exec_status status)
{
    static const char *const names[] = {
        [EXEC_EXITED] = "exited", [EXEC_RUNNING] = "running", [EXEC_TIMED_OUT] = "timed_out",
        [EXEC_KILLED] = "killed", [EXEC_OOM] = "oom",
    };
    return names[status];
}

static int exec_state(struct buf *out, const struct exec_result *r, struct err *err)
{
    switch (r->status) {
    case EXEC_EXITED:
        if (r->signal)
            return buf_addf(out, err, "exit %d (signal %d, %s)", r->exit_code, r->signal,
                            strsignal(r->signal));
        return buf_addf(out, err, "exit %d", r->exit_code);
    case EXEC_RUNNING:
        return buf_adds(out, "running", err);
    case EXEC_TIMED_OUT:
        return buf_adds(out, "timed out and killed", err);
    case EXEC_KILLED:
        return r->signal ? buf_addf(out, err, "killed (signal %d)", r->signal)
                         : buf_adds(out, "killed", err);
    case EXEC_OOM:
        return buf_adds(out, "killed: out of memory", err);
    }
    return 0;
}

static int exec_header(struct buf *out, const struct exec_result *r, struct err *err)
{
    if (exec_state(out, r, err) || buf_adds(out, " · ", err) ||
        render_duration(out, r->duration_ms, err))
        return -1;
    if (r->status == EXEC_RUNNING && r->idle_ms >= IDLE_SHOWN_MS &&
        (buf_adds(out, " · idle ", err) || render_duration(out, r->idle_ms, err)))
        return -1;
    if (r->cwd && (buf_adds(out, " · cwd ", err) || render_name(out, r->cwd, err)))
        return -1;
    if (buf_adds(out, " · stdout ", err) || render_bytes(out, r->out.total, err) ||
        buf_adds(out, " · stderr ", err) || render_bytes(out, r->errs.total, err))
        return -1;
    if (r->process_id[0] && buf_addf(out, err, " · process_id %s", r->process_id))
        return -1;
    return buf_addc(out, '\n', err);
}

static int exec_footer(struct buf *out, const struct exec_result *r, struct err *err)
{
    if (r->note && render_plain(out, r->note, strlen(r->note), err))
        return -1;
    if (render_denied(out, &r->denied, err))
        return -1;
    if (r->background &&
        buf_adds(out, "A process it started in the background still holds its output.\n", err))
        return -1;
    if (r->status == EXEC_RUNNING)
        return buf_addf(out, err,
                        "Next: terminal_output process_id=%s cursor=%s wait_s=20 reads on; "
                        "terminal_kill id=%s stops it.\n",
                        r->process_id, r->cursor, r->process_id);
    if (r->process_id[0] && r->cursor[0])
        return buf_addf(out, err, "cursor %s\n", r->cursor);
    return 0;
}

int render_exec(struct buf *out, const struct exec_result *r, struct err *err)
{
    return exec_header(out, r, err) ||
                   render_stream(out, "stdout", &r->out, r->process_id, r->hole_cursor, err) ||
                   render_stream(out, "stderr", &r->errs, r->process_id, r->hole_cursor, err) ||
                   exec_footer(out, r, err)
               ? -1
               : 0;
}

/* What is not seen or misleads, by ranges: controls, bidi, separators, joiners, tags. */
static const struct {
    uint32_t first, last;
} unseen[] = {
    { 0x00, 0x1f },     { 0x7f, 0x9f },       { 0x61c, 0x61c },   { 0x180e, 0x180e },
    { 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
    { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
};

/* Of the character that s begins with, 0 if it may stay; only those of the table are looked for. */
static size_t misleading(const unsigned char *s)
{
    uint32_t c = s[0];
    size_t n = 1;

    if (s[0] >= 0xc2 && s[0] < 0xf5) {
        n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        c = s[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
    } else if (s[0] & 0x80) {
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(unseen); i++)
        if (c >= unseen[i].first && c <= unseen[i].last)
            return n;
    return 0;
}

int render_name(struct buf *out, const char *name, struct err *err)
{
    const unsigned char *s = (const unsigned char *)name;

    while (*s) {
        size_t bad = misleading(s);
        if (!bad && buf_addc(out, (char)*s++, err))
            return -1;
        for (; bad; bad--)
            if (buf_addf(out, err, "\\x%02x", *s++))
                return -1;
    }
    return 0;
}

void render_mode(char type, unsigned mode, char out[11])
{
    static const char bits[] = "rwxrwxrwx";

    out[0] = type == 'f' ? '-' : type;
    for (int i = 0; i < 9; i++)
        out[1 + i] = mode & (0400u >> i) ? bits[i] : '-';
    out[10] = '\0';
}
