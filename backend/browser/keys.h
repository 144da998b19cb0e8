/*
 * Keys of a US keyboard, as Input.dispatchKeyEvent wants them.
 */
#ifndef BACKEND_BROWSER_KEYS_H
#define BACKEND_BROWSER_KEYS_H

#include "base/buf.h"
#include "base/json.h"

struct key {
    const char *key, *code; /* KeyboardEvent.key and .code */
    int vk;                 /* windowsVirtualKeyCode */
    const char *text;       /* what it types; NULL nothing */
    int location;           /* 1 left, 2 right, 3 number pad */
    unsigned modifier;      /* enum input_modifier: that it is itself */
    bool shift;             /* needs Shift to be typed */
};

#define KEYS_CHORD_MAX 5 /* keys of a chord */

struct chord {
    struct key keys[KEYS_CHORD_MAX]; /* modifiers first, the key last */
    size_t count;
    char text[8]; /* behind the key that is a character */
};

/* "Enter", "a", "A", "Control+Shift+K", "Control++"; ERR_INVALID says what is known. */
int keys_chord(const char *text, struct chord *out, struct err *err) MUST_CHECK;

/* The key that types that ASCII character, also '\n' and '\t'; false: there is none. */
bool keys_of_char(char c, struct chord *out);

#endif
