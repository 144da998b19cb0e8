#include "backend/browser/script_text.h"

#include <ctype.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

static const char *behind_comments(const char *s)
{
    for (;;) {
        const char *end;
        s += strspn(s, blanks);
        if (!strncmp(s, "//", 2))
            s += strcspn(s, "\n");
        else if (!strncmp(s, "/*", 2) && (end = strstr(s + 2, "*/")))
            s = end + 2;
        else
            return s;
    }
}

enum script_kind script_kind(const char *text)
{
    const char *s = behind_comments(text);
    size_t n = 0;

    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '$')
        n++;
    if ((n == 8 && !strncmp(s, "function", n)) || (n == 5 && !strncmp(s, "async", n)))
        return SCRIPT_FUNCTION_KEYWORD;
    if (*s == '(')
        return SCRIPT_ARROW;
    s += n;
    s += strspn(s, blanks);
    return n && !strncmp(s, "=>", 2) ? SCRIPT_ARROW : SCRIPT_PLAIN;
}
