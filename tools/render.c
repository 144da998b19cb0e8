#include "tools/render.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

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

/* Bidi controls and line separators, as the bytes they start with in UTF-8. */
static bool misleading(const unsigned char *s)
{
    if (s[0] != 0xe2)
        return false;
    return (s[1] == 0x80 && ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
           (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

int render_name(struct buf *out, const char *name, struct err *err)
{
    const unsigned char *s = (const unsigned char *)name;

    for (; *s; s++) {
        bool bad = *s < 0x20 || *s == 0x7f;
        int r = 0;
        if (misleading(s)) {
            r = buf_addf(out, err, "\\x%02x\\x%02x\\x%02x", s[0], s[1], s[2]);
            s += 2;
        } else {
            r = bad ? buf_addf(out, err, "\\x%02x", *s) : buf_addc(out, (char)*s, err);
        }
        if (r)
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
