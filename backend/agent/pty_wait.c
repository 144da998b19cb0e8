#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/pty.h"
#include "backend/agent/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUIET_MS 300 /* without output: it is over, whatever runs */
#define QUIET_ASLEEP_MS                                                                         \
    120                    /* the program sleeps, with its cursor behind some text, or all over \
                            */
#define QUIET_PROMPT_MS 20 /* and it is the session's own, no child of it */
#define LOOK_MS 20         /* between two looks at what it does */
#define MATCH_SHARE 4      /* of the time at most one in so many is spent in matching */
#define BYTES_MAX 49152

int64_t pty_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pty_refuse(struct pty *p, uint32_t seq, uint32_t code, const char *next, const char *text)
{
    static struct wire_out w;

    wire_begin(&w, WIRE_ERROR, 0);
    wire_put_u32(&w, TAG_PTY_SEQ, seq);
    wire_put_u32(&w, TAG_CODE, code);
    wire_put_str(&w, TAG_TEXT, text);
    wire_put_str(&w, TAG_NEXT_TEXT, next);
    (void)channel_send(p->channel, &w, NULL, 0);
}

/* ---- taking a request ---- */

static bool take_pattern(struct pty *p, const struct wire_in *in, struct pty_wait *w)
{
    static struct file_error e;
    size_t len = in->tags[TAG_PATTERN].len;

    if (!wire_has(in, TAG_PATTERN))
        return true;
    if (!len || len > sizeof(w->text)) {
        pty_refuse(p, w->seq, CODE_INVALID, NULL, "wait_for: empty, or too long");
        return false;
    }
    memcpy(w->text, in->tags[TAG_PATTERN].data, len);
    if (search_pattern_compile(&w->pattern, w->text, len, false, false, &e)) {
        char text[1100];
        snprintf(text, sizeof(text), "wait_for%s", e.text + strcspn(e.text, ":"));
        pty_refuse(p, w->seq, CODE_INVALID, "correct the expression; \\ before special characters",
                   text);
        return false;
    }
    if (!search_matcher_init(&w->matcher, &w->pattern)) {
        search_pattern_done(&w->pattern);
        pty_refuse(p, w->seq, CODE_QUOTA, NULL, "no memory for wait_for");
        return false;
    }
    w->has_pattern = true;
    return true;
}

static void take_echo(const struct wire_in *in, struct pty_wait *w)
{
    size_t len = in->tags[TAG_DATA].len;

    if (!w->has_pattern || !len || len > sizeof(w->echo))
        return;
    memcpy(w->echo, in->tags[TAG_DATA].data, len);
    if (pty_finds(w, w->echo, len))
        w->echo_len = len;
}

struct pty_wait *pty_wait_take(struct pty *p, const struct wire_in *in)
{
    struct pty_wait *w = p->waits;
    uint32_t bytes = wire_u32(in, TAG_PTY_BYTES, 0);
    uint32_t seq = wire_u32(in, TAG_PTY_SEQ, 0);

    while (w < p->waits + WIRE_PTY_WAITS && w->used)
        w++;
    if (w == p->waits + WIRE_PTY_WAITS) {
        pty_refuse(p, seq, CODE_BUSY, "wait for the calls that run",
                   "too many calls wait for this session");
        return NULL;
    }
    memset(w, 0, sizeof(*w));
    w->seq = seq;
    w->bytes = bytes < BYTES_MAX ? bytes : BYTES_MAX;
    w->ansi = wire_u32(in, TAG_PTY_STATE, 0) & WIRE_PTY_ANSI;
    w->typed = wire_has(in, TAG_DATA) || wire_has(in, TAG_PTY_KEYS);
    w->began_ms = pty_now();
    w->until_ms = w->began_ms + wire_u32(in, TAG_PTY_WAIT_MS, 0);
    w->since = p->screen.serial;
    w->plain_from = p->screen.plain.total;
    w->output_from = p->output;
    if (!take_pattern(p, in, w))
        return NULL;
    take_echo(in, w);
    w->used = true;
    return w;
}

void pty_wait_drop(struct pty_wait *w)
{
    if (w->has_pattern) {
        search_matcher_done(&w->matcher);
        search_pattern_done(&w->pattern);
    }
    w->used = false;
}

/* ---- the answer ---- */

/* The newest lines that fit. */
static void put_scrolled(struct pty_screen *s, struct wire_out *out, bool ansi, size_t room)
{
    size_t len, from = 0;

    pty_screen_settle(s);
    len = s->scrolled_len;
    if (!ansi)
        len = pty_text_bare(s->scrolled, len);
    if (len > room) {
        const char *nl = memchr(s->scrolled + len - room - 1, '\n', room + 1);
        from = nl ? (size_t)(nl - s->scrolled) + 1 : len;
        for (size_t i = 0; i < from; i++)
            s->missed += s->scrolled[i] == '\n';
    }
    wire_put(out, TAG_PTY_SCROLLED, s->scrolled + from, len - from);
    wire_put_i64(out, TAG_PTY_MISSED, s->missed);
    pty_screen_shown(s);
}

static uint32_t state_of(const struct pty *p, const struct pty_wait *w, bool matched, bool cut)
{
    return (p->pid ? WIRE_PTY_ALIVE : 0) | (matched ? WIRE_PTY_MATCHED : 0) |
           (p->screen.alternate ? WIRE_PTY_ALTERNATE : 0) |
           (p->screen.hidden ? WIRE_PTY_HIDDEN : 0) | (cut ? WIRE_PTY_CUT : 0) |
           (w->costly ? WIRE_PTY_COSTLY : 0);
}

static void answer(struct pty *p, struct pty_wait *w, bool matched)
{
    static struct wire_out out;
    static char text[BYTES_MAX];
    bool cut;
    size_t len = pty_text_screen(&p->screen, w->ansi, text, w->bytes, &cut);
    VTermPos at;

    vterm_state_get_cursorpos(vterm_obtain_state(p->screen.vt), &at);
    wire_begin(&out, WIRE_REPLY, 0);
    wire_put_u32(&out, TAG_PTY_SEQ, w->seq);
    wire_put_u32(&out, TAG_PTY_ROWS, (uint32_t)p->screen.rows);
    wire_put_u32(&out, TAG_PTY_COLS, (uint32_t)p->screen.cols);
    wire_put_u32(&out, TAG_PTY_CURSOR, (uint32_t)at.row << 16 | ((uint32_t)at.col & 0xffff));
    wire_put_u32(&out, TAG_PTY_STATE, state_of(p, w, matched, cut));
    wire_put(&out, TAG_PTY_TITLE, p->screen.title, p->screen.title_len);
    wire_put(&out, TAG_DATA, text, len);
    put_scrolled(&p->screen, &out, w->ansi, w->bytes - len);
    if (!p->pid)
        wire_put_u32(&out, TAG_STATUS, (uint32_t)p->status);
    (void)channel_send(p->channel, &out, NULL, 0);
    pty_wait_drop(w);
}

/* ---- quiet ---- */

static bool asleep(pid_t pid)
{
    struct process about;
    char path[32], text[512];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
    }
    if (n <= 0)
        return true; /* the first of a pipeline may be gone */
    text[n] = '\0';
    return tree_parse(text, &about) && about.state != 'R' && about.state != 'D';
}

/* How long nothing has to come until it is taken for the end. */
static int64_t patience(struct pty *p)
{
    pid_t front = tcgetpgrp(p->master);
    VTermPos at;

    vterm_state_get_cursorpos(vterm_obtain_state(p->screen.vt), &at);
    if (front <= 0 || (!at.col && !p->screen.alternate) || !asleep(front))
        return QUIET_MS;
    if (p->screen.hidden) /* as while a program draws, or waits for more of a key */
        return QUIET_MS;
    return front == p->first ? QUIET_PROMPT_MS : QUIET_ASLEEP_MS;
}

/* When it will have been quiet for long enough. */
static int64_t quiet_at(struct pty *p, const struct pty_wait *w)
{
    if (p->output == w->output_from)
        return w->began_ms + QUIET_MS;
    return p->output_ms + patience(p);
}

/* ---- both ---- */

static bool looks_now(struct pty *p, int64_t now, int64_t *due)
{
    if (now >= p->match_ms)
        return true;
    if (!*due || p->match_ms < *due)
        *due = p->match_ms;
    return false;
}

/* True when it is answered; else when to look again. */
static bool check(struct pty *p, struct pty_wait *w, int64_t now, int64_t *due)
{
    bool last = p->over || now >= w->until_ms, matched = false;
    int64_t at = w->until_ms;

    if (w->has_pattern && (last || looks_now(p, now, &at))) {
        int64_t spent;
        matched = pty_is_seen(p, w);
        spent = pty_now() - now;
        p->match_ms = now + spent + spent * (MATCH_SHARE - 1);
    } else if (!w->has_pattern && !last) {
        int64_t quiet = p->queue.len ? w->until_ms : quiet_at(p, w);
        last = now >= quiet;
        quiet = quiet < now + LOOK_MS ? quiet : now + LOOK_MS;
        at = quiet < at ? quiet : at;
    }
    if (matched || last) {
        answer(p, w, matched);
        return true;
    }
    if (!*due || at < *due)
        *due = at;
    return false;
}

int pty_wait_check(struct pty *p)
{
    int64_t now = pty_now(), due = 0;

    for (int i = 0; i < WIRE_PTY_WAITS; i++)
        if (p->waits[i].used)
            (void)check(p, &p->waits[i], now, &due);
    if (!due)
        return -1;
    now = pty_now();
    return due > now ? (int)(due - now) : 0;
}
