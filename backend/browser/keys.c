#include "backend/browser/keys.h"
#include "backend/browser/input.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct key named[] = {
    { "Control", "ControlLeft", 17, NULL, 1, INPUT_CONTROL, false },
    { "Shift", "ShiftLeft", 16, NULL, 1, INPUT_SHIFT, false },
    { "Alt", "AltLeft", 18, NULL, 1, INPUT_ALT, false },
    { "Meta", "MetaLeft", 91, NULL, 1, INPUT_META, false },
    { "Enter", "Enter", 13, "\r", 0, 0, false },
    { "Tab", "Tab", 9, NULL, 0, 0, false },
    { "Escape", "Escape", 27, NULL, 0, 0, false },
    { "Backspace", "Backspace", 8, NULL, 0, 0, false },
    { "Delete", "Delete", 46, NULL, 0, 0, false },
    { "Insert", "Insert", 45, NULL, 0, 0, false },
    { "Home", "Home", 36, NULL, 0, 0, false },
    { "End", "End", 35, NULL, 0, 0, false },
    { "PageUp", "PageUp", 33, NULL, 0, 0, false },
    { "PageDown", "PageDown", 34, NULL, 0, 0, false },
    { "ArrowLeft", "ArrowLeft", 37, NULL, 0, 0, false },
    { "ArrowUp", "ArrowUp", 38, NULL, 0, 0, false },
    { "ArrowRight", "ArrowRight", 39, NULL, 0, 0, false },
    { "ArrowDown", "ArrowDown", 40, NULL, 0, 0, false },
    { "CapsLock", "CapsLock", 20, NULL, 0, 0, false },
    { "ContextMenu", "ContextMenu", 93, NULL, 0, 0, false },
    { "PrintScreen", "PrintScreen", 44, NULL, 0, 0, false },
    { "ScrollLock", "ScrollLock", 145, NULL, 0, 0, false },
    { "Pause", "Pause", 19, NULL, 0, 0, false },
    { "F1", "F1", 112, NULL, 0, 0, false },
    { "F2", "F2", 113, NULL, 0, 0, false },
    { "F3", "F3", 114, NULL, 0, 0, false },
    { "F4", "F4", 115, NULL, 0, 0, false },
    { "F5", "F5", 116, NULL, 0, 0, false },
    { "F6", "F6", 117, NULL, 0, 0, false },
    { "F7", "F7", 118, NULL, 0, 0, false },
    { "F8", "F8", 119, NULL, 0, 0, false },
    { "F9", "F9", 120, NULL, 0, 0, false },
    { "F10", "F10", 121, NULL, 0, 0, false },
    { "F11", "F11", 122, NULL, 0, 0, false },
    { "F12", "F12", 123, NULL, 0, 0, false },
};

static const struct {
    const char *alias, *name;
} aliases[] = {
    { "Ctrl", "Control" }, { "Command", "Meta" },     { "Cmd", "Meta" },
    { "Option", "Alt" },   { "Return", "Enter" },     { "Esc", "Escape" },
    { "Del", "Delete" },   { "Ins", "Insert" },       { "Left", "ArrowLeft" },
    { "Up", "ArrowUp" },   { "Right", "ArrowRight" }, { "Down", "ArrowDown" },
    { "PgUp", "PageUp" },  { "PgDn", "PageDown" },
};

/* Keys that are neither letters nor digits: what they type without and with Shift. */
static const struct {
    char plain, shifted;
    const char *code;
    int vk;
} marks[] = {
    { ' ', 0, "Space", 32 },           { ';', ':', "Semicolon", 186 },
    { '=', '+', "Equal", 187 },        { ',', '<', "Comma", 188 },
    { '-', '_', "Minus", 189 },        { '.', '>', "Period", 190 },
    { '/', '?', "Slash", 191 },        { '`', '~', "Backquote", 192 },
    { '[', '{', "BracketLeft", 219 },  { '\\', '|', "Backslash", 220 },
    { ']', '}', "BracketRight", 221 }, { '\'', '"', "Quote", 222 },
};

static const char digits_shifted[] = ")!@#$%^&*(";

static const struct key *by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (strlen(aliases[i].alias) == len && !strncasecmp(aliases[i].alias, name, len))
            return by_name(aliases[i].name, strlen(aliases[i].name));
    for (size_t i = 0; i < COUNT_OF(named); i++)
        if (strlen(named[i].key) == len && !strncasecmp(named[i].key, name, len))
            return &named[i];
    return NULL;
}

int input_modifier(const char *name, unsigned *out, struct err *err)
{
    const struct key *key = name ? by_name(name, strlen(name)) : NULL;

    if (!key || !key->modifier)
        return err_set(err, ERR_INVALID, "modifiers: \"%.40s\" is not Control, Shift, Alt or Meta",
                       name ? name : "");
    *out = key->modifier;
    return 0;
}

static const char *code_name(char prefix, char c)
{
    static const char letters[26][5] = { "KeyA", "KeyB", "KeyC", "KeyD", "KeyE", "KeyF", "KeyG",
                                         "KeyH", "KeyI", "KeyJ", "KeyK", "KeyL", "KeyM", "KeyN",
                                         "KeyO", "KeyP", "KeyQ", "KeyR", "KeyS", "KeyT", "KeyU",
                                         "KeyV", "KeyW", "KeyX", "KeyY", "KeyZ" };
    static const char digits[10][7] = { "Digit0", "Digit1", "Digit2", "Digit3", "Digit4",
                                        "Digit5", "Digit6", "Digit7", "Digit8", "Digit9" };

    return prefix == 'K' ? letters[c - 'A'] : digits[c - '0'];
}

static bool mark_of(char c, struct key *key)
{
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (c != marks[i].plain && (!c || c != marks[i].shifted))
            continue;
        key->code = marks[i].code;
        key->vk = marks[i].vk;
        key->shift = c != marks[i].plain;
        return true;
    }
    return false;
}

/* text: room for the character, kept with the key. */
static bool of_char(char c, char text[8], struct key *key)
{
    const char *digit = c ? strchr(digits_shifted, c) : NULL;

    text[0] = c;
    text[1] = '\0';
    *key = (struct key){ .key = text, .text = text };
    if (isalpha((unsigned char)c)) {
        key->vk = toupper((unsigned char)c);
        key->code = code_name('K', (char)key->vk);
        key->shift = isupper((unsigned char)c);
        return true;
    }
    if (isdigit((unsigned char)c) || digit) {
        key->vk = digit ? '0' + (int)(digit - digits_shifted) : c;
        key->code = code_name('D', (char)key->vk);
        key->shift = digit != NULL;
        return true;
    }
    return mark_of(c, key);
}

bool keys_of_char(char c, struct chord *out)
{
    *out = (struct chord){ .count = 1 };
    if (c == '\n' || c == '\r' || c == '\t') {
        out->keys[0] = *by_name(c == '\t' ? "Tab" : "Enter", c == '\t' ? 3 : 5);
        return true;
    }
    return of_char(c, out->text, &out->keys[0]);
}

static int unknown(const char *text, struct err *err)
{
    err_set(err, ERR_INVALID, "keys: \"%.60s\" is unknown", text);
    return err_next(err, "a key is a character or one of Enter, Tab, Escape, Backspace, Delete,"
                         " Insert, Home, End, PageUp, PageDown, ArrowLeft, ArrowUp, ArrowRight,"
                         " ArrowDown, Space, F1 to F12; chords are such as Control+Shift+A");
}

/* Control+A is Control+a: Shift has to be named. */
static void lower(struct chord *c)
{
    struct key *last = &c->keys[c->count - 1];

    for (size_t i = 0; i + 1 < c->count; i++)
        if (c->keys[i].modifier == INPUT_SHIFT)
            return;
    if (c->count < 2 || !isupper((unsigned char)c->text[0]))
        return;
    c->text[0] = (char)tolower((unsigned char)c->text[0]);
    last->shift = false;
}

int keys_chord(const char *text, struct chord *out, struct err *err)
{
    const char *at = text;

    *out = (struct chord){ 0 };
    while (at && *at && out->count < KEYS_CHORD_MAX) {
        const char *plus = strchr(at + 1, '+'); /* a first one is the key itself */
        size_t len = plus ? (size_t)(plus - at) : strlen(at);
        struct key *key = &out->keys[out->count];
        const struct key *known = by_name(at, len);
        if (known)
            *key = *known;
        else if (len == 5 && !strncasecmp(at, "Space", 5))
            of_char(' ', out->text, key);
        else if (plus || len != 1 || !of_char(*at, out->text, key))
            return unknown(text, err);
        if (plus && !key->modifier)
            return unknown(text, err);
        out->count++;
        at = plus ? plus + 1 : at + len;
        if (plus && !*at)
            return unknown(text, err);
    }
    if (!out->count || *at)
        return unknown(text ? text : "", err);
    lower(out);
    return 0;
}
