#include "backend/agent/file_cursor.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool plain(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || strchr("/._-+@,=", c));
}

void file_cursor_set(struct file_cursor *c, char kind, int64_t number, const char *path, size_t len)
{
    c->kind = kind;
    c->number = number;
    c->len = len < sizeof(c->path) ? len : sizeof(c->path) - 1;
    memcpy(c->path, path, c->len);
    c->path[c->len] = '\0';
}

void file_cursor_put(struct file_job *job, const struct file_cursor *c)
{
    char text[FILE_PATH_MAX * 3 + 32];
    int n = snprintf(text, 32, "%c%lld:", c->kind, (long long)c->number);
    size_t len = (size_t)n;

    for (size_t i = 0; i < c->len; i++) {
        unsigned char b = (unsigned char)c->path[i];
        if (plain(b))
            text[len++] = (char)b;
        else
            len += (size_t)snprintf(text + len, 4, "%%%02x", b);
    }
    wire_put(&job->out, TAG_CURSOR, text, len);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(const char *text, const char *kinds, struct file_cursor *c)
{
    char *end;

    c->kind = *text;
    c->len = 0;
    if (!*text || !strchr(kinds, *text))
        return false;
    c->number = strtoll(text + 1, &end, 10);
    if (end == text + 1 || *end != ':')
        return false;
    for (text = end + 1; *text; text++) {
        int byte = (unsigned char)*text;
        if (byte == '%') {
            int high = digit(text[1]), low = high < 0 ? -1 : digit(text[2]);
            if (low < 0)
                return false;
            byte = high << 4 | low;
            text += 2;
        }
        if (!byte || c->len + 1 >= sizeof(c->path))
            return false;
        c->path[c->len++] = (char)byte;
    }
    c->path[c->len] = '\0';
    return true;
}

bool file_cursor_take(struct file_job *job, const char *kinds, struct file_cursor *c, bool *bad)
{
    char text[FILE_PATH_MAX * 3 + 32];

    *bad = false;
    if (!wire_has(&job->in, TAG_CURSOR))
        return false;
    if (wire_str(&job->in, TAG_CURSOR, text, sizeof(text)) && decode(text, kinds, c))
        return true;
    *bad = true;
    file_fail(&job->error, CODE_INVALID, "cursor: not one of an answer to this request");
    file_hint(&job->error, "pass next_cursor of the last answer unchanged, or leave it out");
    return false;
}
