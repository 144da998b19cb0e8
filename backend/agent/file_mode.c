#include "backend/agent/file_mode.h"

#include <string.h>

#define UMASK 022u

static unsigned classes(const char **at)
{
    static const char letters[] = "ugoa";
    static const unsigned bits[] = { 0700, 0070, 0007, 0777 };
    unsigned who = 0;
    const char *p;

    for (; **at && (p = strchr(letters, **at)); ++*at)
        who |= bits[p - letters];
    return who;
}

/* rwxXst behind the operator; -1 when another character comes. */
static int wanted(const char **at, unsigned mode, bool folder)
{
    int bits = 0;

    for (; **at && !strchr(",+-=", **at); ++*at) {
        switch (**at) {
        case 'r':
            bits |= 0444;
            break;
        case 'w':
            bits |= 0222;
            break;
        case 'x':
            bits |= 0111;
            break;
        case 'X':
            bits |= folder || mode & 0111 ? 0111 : 0;
            break;
        case 't':
            bits |= 01000;
            break;
        case 's':
            return -2;
        default:
            return -1;
        }
    }
    return bits;
}

int mode_change(const char *change, unsigned mode, bool folder)
{
    for (const char *at = change;; at++) {
        unsigned who = classes(&at), mask = who ? who : 0777 & ~UMASK;
        if (!*at || !strchr("+-=", *at))
            return -1;
        while (*at && strchr("+-=", *at)) {
            char how = *at++;
            int bits = wanted(&at, mode, folder);
            unsigned set;
            if (bits < 0)
                return bits;
            set = ((unsigned)bits & mask) | (!who || who == 0777 ? (unsigned)bits & 01000 : 0);
            mode = how == '+'   ? mode | set
                   : how == '-' ? mode & ~set
                                : (mode & ~(who ? who : 0777u)) | set;
        }
        if (!*at)
            return (int)mode;
        if (*at != ',')
            return -1;
    }
}
