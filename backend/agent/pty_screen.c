#include "backend/agent/pty.h"

#include <stdio.h>
#include <string.h>

#define REPEATS_SHOWN 3 /* of a line; more are counted */

static int on_damage(VTermRect rect, void *user)
{
    struct pty_screen *s = user;

    for (int row = rect.start_row; row < rect.end_row && row < WIRE_PTY_ROWS_MAX; row++)
        if (row >= 0)
            s->changed[row] = s->serial;
    return 1;
}

/* Rows that scroll have not changed: they are what they were, elsewhere. */
static int on_move(VTermRect dest, VTermRect src, void *user)
{
    struct pty_screen *s = user;
    int rows = dest.end_row - dest.start_row;

    s->pushed = 0;
    if (dest.start_col || src.start_col || dest.end_col < s->cols || src.end_col < s->cols ||
        dest.start_row < 0 || src.start_row < 0 || rows < 0 || dest.end_row > WIRE_PTY_ROWS_MAX ||
        src.end_row > WIRE_PTY_ROWS_MAX)
        return on_damage(dest, user);
    memmove(s->changed + dest.start_row, s->changed + src.start_row,
            (size_t)rows * sizeof(s->changed[0]));
    return 1;
}

#if VTERM_VERSION_MAJOR == 0 && VTERM_VERSION_MINOR < 2
static void set_title(struct pty_screen *s, const VTermValue *val)
{
    s->title_len = val->string ? strnlen(val->string, sizeof(s->title)) : 0;
    if (s->title_len)
        memcpy(s->title, val->string, s->title_len);
}
#else
static void set_title(struct pty_screen *s, const VTermValue *val)
{
    size_t room, n = val->string.len;

    if (val->string.initial)
        s->title_len = 0;
    room = sizeof(s->title) - s->title_len;
    n = n < room ? n : room;
    if (n)
        memcpy(s->title + s->title_len, val->string.str, n);
    s->title_len += n;
}
#endif

static int on_property(VTermProp prop, VTermValue *val, void *user)
{
    struct pty_screen *s = user;

    if (prop == VTERM_PROP_TITLE)
        set_title(s, val);
    else if (prop == VTERM_PROP_ALTSCREEN)
        s->alternate = val->boolean;
    else if (prop == VTERM_PROP_CURSORVISIBLE)
        s->hidden = !val->boolean;
    return 1;
}

/* The older half goes. */
static void make_room(struct pty_screen *s)
{
    const char *keep =
        memchr(s->scrolled + s->scrolled_len / 2, '\n', s->scrolled_len - s->scrolled_len / 2);
    size_t gone = keep ? (size_t)(keep - s->scrolled) + 1 : s->scrolled_len;

    for (size_t i = 0; i < gone; i++)
        s->missed += s->scrolled[i] == '\n';
    memmove(s->scrolled, s->scrolled + gone, s->scrolled_len - gone);
    s->scrolled_len -= gone;
}

static void add_line(struct pty_screen *s, const char *line, size_t len)
{
    if (s->scrolled_len + len + 1 > sizeof(s->scrolled))
        make_room(s);
    s->last_line = s->scrolled_len;
    memcpy(s->scrolled + s->scrolled_len, line, len);
    s->scrolled[s->scrolled_len + len] = '\n';
    s->scrolled_len += len + 1;
}

void pty_screen_settle(struct pty_screen *s)
{
    static char line[PTY_ROW];
    size_t len = s->scrolled_len - s->last_line;

    if (s->repeats > REPEATS_SHOWN) {
        len = (size_t)snprintf(line, sizeof(line), "[... the same line %lld times more ...]",
                               (long long)s->repeats);
        add_line(s, line, len);
        s->repeats = 0;
    }
    for (; s->repeats; s->repeats--) {
        memcpy(line, s->scrolled + s->last_line, len);
        add_line(s, line, len - 1);
    }
}

void pty_screen_shown(struct pty_screen *s)
{
    s->shown = s->serial;
    s->scrolled_len = s->last_line = 0;
    s->missed = s->repeats = 0;
}

/* Pushed rows are the first ones, in order, until the others move. */
static bool was_shown(struct pty_screen *s)
{
    int row = s->pushed++;

    if (!row)
        vterm_screen_flush_damage(s->screen);
    return row < WIRE_PTY_ROWS_MAX && (int32_t)(s->changed[row] - s->shown) <= 0;
}

static int on_line(int cols, const VTermScreenCell *cells, void *user)
{
    static char line[PTY_ROW];
    struct pty_screen *s = user;
    size_t len;

    if (was_shown(s))
        return 1;
    len = pty_text_cells(cells, cols, line);
    if (s->scrolled_len && s->scrolled_len - s->last_line == len + 1 &&
        !memcmp(s->scrolled + s->last_line, line, len)) {
        s->repeats++;
        return 1;
    }
    pty_screen_settle(s);
    add_line(s, line, len);
    return 1;
}

static void on_answer(const char *bytes, size_t len, void *user)
{
    struct pty_screen *s = user;

    (void)pty_queue_add(s->answers, bytes, len, PTY_ANSWERS);
}

static const VTermScreenCallbacks callbacks = {
    .damage = on_damage,
    .moverect = on_move,
    .settermprop = on_property,
    .sb_pushline = on_line,
};

_Static_assert(PTY_ROW + 1 < PTY_SCROLLED / 2, "a line has room");

bool pty_screen_init(struct pty_screen *s, int rows, int cols, struct pty_queue *answers)
{
    s->rows = rows;
    s->cols = cols;
    s->answers = answers;
    s->vt = vterm_new(rows, cols);
    if (!s->vt)
        return false;
    vterm_set_utf8(s->vt, 1);
    vterm_output_set_callback(s->vt, on_answer, s);
    s->screen = vterm_obtain_screen(s->vt);
    if (!s->screen)
        return false;
    vterm_screen_enable_altscreen(s->screen, 1);
    vterm_screen_set_damage_merge(s->screen, VTERM_DAMAGE_ROW);
    vterm_screen_reset(s->screen, 1);
    vterm_screen_set_callbacks(s->screen, &callbacks, s);
    return true;
}

void pty_screen_feed(struct pty_screen *s, const char *bytes, size_t len)
{
    static char safe[3 * PTY_FEED + PTY_FILTER_MORE];
    size_t n = pty_filter_add(&s->filter, &s->plain, bytes, len, safe);

    s->serial++;
    vterm_input_write(s->vt, safe, n);
    vterm_screen_flush_damage(s->screen);
}

static int within(int value, int most)
{
    return value < 0 ? 0 : value < most ? value : most;
}

/* By a sequence: where the cursor is is not ours to write. */
static void place_cursor(struct pty_screen *s, const char *before)
{
    char text[64];
    VTermPos at;
    int n;

    vterm_state_get_cursorpos(vterm_obtain_state(s->vt), &at);
    n = snprintf(text, sizeof(text), "%s\033[%d;%dH", before, within(at.row, s->rows - 1) + 1,
                 within(at.col, s->cols - 1) + 1);
    vterm_input_write(s->vt, text, (size_t)n);
}

/* Versions in use keep margins that lie outside of a smaller screen, and may move the cursor out of
 * it, above. */
void pty_screen_resize(struct pty_screen *s, int rows, int cols)
{
    place_cursor(s, "\033[r");
    s->serial++;
    s->rows = rows;
    s->cols = cols;
    s->pushed = 0;
    vterm_set_size(s->vt, rows, cols);
    place_cursor(s, "");
    s->pushed = 0;
    vterm_screen_flush_damage(s->screen);
}
