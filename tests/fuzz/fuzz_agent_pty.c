/*
 * What a program in a terminal writes, in pieces, with keys and other sizes in between: the screen
 * keeps its bounds and its text is UTF-8 whose only sequences are colours.
 *
 * covers: backend/agent/pty_filter.c backend/agent/pty_screen.c backend/agent/pty_text.c
 * covers: backend/agent/pty_keys.c
 * seeds: tests/fuzz/seeds/agent_pty
 */
#include "backend/agent/pty.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)   \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static struct pty_screen *screen;
static struct pty_queue queue;

static size_t character(const unsigned char *p, size_t left)
{
    size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;

    MUST(*p < 0x80 || (*p >= 0xc2 && *p < 0xf5));
    MUST(n <= left);
    for (size_t i = 1; i < n; i++)
        MUST((p[i] & 0xc0) == 0x80);
    return n;
}

static void check_text(const char *text, size_t len, bool ansi)
{
    for (size_t i = 0; i < len;) {
        if (ansi && text[i] == '\033') {
            MUST(text[i + 1] == '[');
            for (i += 2; text[i] != 'm'; i++)
                MUST(i < len && (text[i] == ';' || (text[i] >= '0' && text[i] <= '9')));
            i++;
            continue;
        }
        MUST(text[i] == '\n' || ((unsigned char)text[i] >= ' ' && text[i] != 0x7f));
        i += character((const unsigned char *)text + i, len - i);
    }
}

static void look(bool ansi, size_t room)
{
    static char text[WIRE_MAX];
    bool cut;
    size_t len = pty_text_screen(screen, ansi, text, room, &cut);

    MUST(len <= room);
    check_text(text, len, ansi);
    pty_screen_settle(screen);
    MUST(screen->scrolled_len <= PTY_SCROLLED && screen->title_len <= WIRE_PTY_TITLE);
    check_text(screen->scrolled, screen->scrolled_len, true);
    len = pty_text_bare(screen->scrolled, screen->scrolled_len);
    check_text(screen->scrolled, len, false);
    pty_screen_shown(screen);
}

static void one(uint8_t what, const uint8_t *p, size_t len)
{
    switch (what & 7) {
    case 0:
        if (len >= 2)
            pty_screen_resize(screen, 2 + p[0] % (WIRE_PTY_ROWS_MAX - 1),
                              2 + p[1] * 2 % (WIRE_PTY_COLS_MAX - 1));
        break;
    case 1:
        (void)pty_press(screen->vt, p, len / 4 * 4);
        break;
    case 2:
        look(true, 49152);
        break;
    case 3:
        look(false, len * 8);
        break;
    default:
        pty_screen_feed(screen, (const char *)p, len);
    }
    MUST(queue.len <= PTY_QUEUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    screen = calloc(1, sizeof(*screen));
    queue.len = queue.start = 0;
    if (!screen || !pty_screen_init(screen, 6, 20, &queue))
        return 0;
    while (size > 2) {
        size_t len = data[1];
        uint8_t what = data[0];
        data += 2;
        size -= 2;
        len = len < size ? len : size;
        one(what, data, len);
        data += len;
        size -= len;
    }
    look(true, 4096);
    vterm_free(screen->vt);
    free(screen);
    return 0;
}
