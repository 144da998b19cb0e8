#include "backend/agent/pty.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool pty_queue_add(struct pty_queue *q, const char *bytes, size_t len, size_t most)
{
    if (len > most || q->len > most - len)
        return false;
    if (q->start + q->len + len > sizeof(q->bytes)) {
        memmove(q->bytes, q->bytes + q->start, q->len);
        q->start = 0;
    }
    memcpy(q->bytes + q->start + q->len, bytes, len);
    q->len += len;
    return true;
}

bool pty_queue_flush(struct pty_queue *q, int master)
{
    while (q->len) {
        ssize_t n = write(master, q->bytes + q->start, q->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        q->start += (size_t)n;
        q->len -= (size_t)n;
    }
    q->start = 0;
    return true;
}

bool pty_type(struct pty_queue *q, const char *text, size_t len)
{
    if (len > PTY_QUEUE || q->len > PTY_QUEUE - len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '\n' ? '\r' : text[i];
        if (!(text[i] == '\n' && i && text[i - 1] == '\r'))
            (void)pty_queue_add(q, &c, 1, PTY_QUEUE);
    }
    return true;
}

static const uint16_t named[] = {
    [WIRE_KEY_ENTER] = VTERM_KEY_ENTER,
    [WIRE_KEY_TAB] = VTERM_KEY_TAB,
    [WIRE_KEY_BACKSPACE] = VTERM_KEY_BACKSPACE,
    [WIRE_KEY_ESCAPE] = VTERM_KEY_ESCAPE,
    [WIRE_KEY_UP] = VTERM_KEY_UP,
    [WIRE_KEY_DOWN] = VTERM_KEY_DOWN,
    [WIRE_KEY_LEFT] = VTERM_KEY_LEFT,
    [WIRE_KEY_RIGHT] = VTERM_KEY_RIGHT,
    [WIRE_KEY_INSERT] = VTERM_KEY_INS,
    [WIRE_KEY_DELETE] = VTERM_KEY_DEL,
    [WIRE_KEY_HOME] = VTERM_KEY_HOME,
    [WIRE_KEY_END] = VTERM_KEY_END,
    [WIRE_KEY_PAGE_UP] = VTERM_KEY_PAGEUP,
    [WIRE_KEY_PAGE_DOWN] = VTERM_KEY_PAGEDOWN,
};

static VTermKey key_of(uint32_t code)
{
    if (code > WIRE_KEY_F0 && code <= WIRE_KEY_F12)
        return (VTermKey)VTERM_KEY_FUNCTION(code - WIRE_KEY_F0);
    return code < sizeof(named) / sizeof(named[0]) ? (VTermKey)named[code] : VTERM_KEY_NONE;
}

/* Of Enter, Escape and Backspace terminals know few variants, and programs fewer. */
static void press_named(VTerm *vt, VTermKey key, VTermModifier mod)
{
    if (key == VTERM_KEY_BACKSPACE && (mod & VTERM_MOD_CTRL)) {
        vterm_keyboard_unichar(vt, '\b', mod & VTERM_MOD_ALT);
        return;
    }
    if (key == VTERM_KEY_ENTER || key == VTERM_KEY_ESCAPE || key == VTERM_KEY_BACKSPACE)
        mod &= VTERM_MOD_ALT;
    if (key == VTERM_KEY_TAB)
        mod &= VTERM_MOD_ALT | VTERM_MOD_SHIFT;
    vterm_keyboard_key(vt, key, mod);
}

/* What a character gives with Ctrl, on terminals since there are any; -1 nothing. */
static int control(uint32_t c)
{
    if (c >= 'a' && c <= 'z')
        c -= 32;
    if (c >= '@' && c <= '_')
        return (int)c & 0x1f;
    return c == ' ' || c == '2' ? 0 : c == '/' || c == '-' ? 0x1f : c == '?' ? 0x7f : -1;
}

static bool valid(uint32_t key)
{
    uint32_t code = key & WIRE_KEY_CODE;

    if (key & ~(WIRE_KEY_CODE | WIRE_KEY_NAMED | WIRE_KEY_SHIFT | WIRE_KEY_ALT | WIRE_KEY_CTRL))
        return false;
    if (key & WIRE_KEY_NAMED)
        return key_of(code) != VTERM_KEY_NONE;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return false;
    return !(key & WIRE_KEY_CTRL) || control(code) >= 0;
}

static void press(VTerm *vt, uint32_t key)
{
    uint32_t code = key & WIRE_KEY_CODE;
    unsigned mod = (key & WIRE_KEY_SHIFT ? VTERM_MOD_SHIFT : 0u) |
                   (key & WIRE_KEY_ALT ? VTERM_MOD_ALT : 0u) |
                   (key & WIRE_KEY_CTRL ? VTERM_MOD_CTRL : 0u);

    if (key & WIRE_KEY_NAMED) {
        press_named(vt, key_of(code), (VTermModifier)mod);
        return;
    }
    if (mod & VTERM_MOD_CTRL)
        code = (uint32_t)control(code);
    else if (mod & VTERM_MOD_SHIFT && code >= 'a' && code <= 'z')
        code -= 32;
    if (mod & VTERM_MOD_ALT)
        vterm_keyboard_unichar(vt, 0x1b, VTERM_MOD_NONE);
    vterm_keyboard_unichar(vt, code, VTERM_MOD_NONE);
}

bool pty_press(VTerm *vt, const uint8_t *keys, size_t len)
{
    uint32_t key;

    if (len % sizeof(key) || len > WIRE_PTY_KEYS_MAX * sizeof(key))
        return false;
    for (size_t i = 0; i < len; i += sizeof(key)) {
        memcpy(&key, keys + i, sizeof(key));
        if (!valid(key))
            return false;
    }
    for (size_t i = 0; i < len; i += sizeof(key)) {
        memcpy(&key, keys + i, sizeof(key));
        press(vt, key);
    }
    return true;
}
