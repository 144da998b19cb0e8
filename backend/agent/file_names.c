#include "backend/agent/file_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void load(struct names *n, int kind)
{
    static const char *const paths[] = { "/etc/passwd", "/etc/group" };
    struct stat st;
    ssize_t got = 0;
    int fd;

    n->read[kind] = true;
    if (stat(paths[kind], &st) || !S_ISREG(st.st_mode))
        return;
    fd = open(paths[kind], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    n->text[kind] = fd >= 0 ? malloc(NAMES_FILE_MAX) : NULL;
    while (n->text[kind] && n->len[kind] < NAMES_FILE_MAX &&
           (got = read(fd, n->text[kind] + n->len[kind], NAMES_FILE_MAX - n->len[kind])) > 0)
        n->len[kind] += (size_t)got;
    if (fd >= 0)
        close(fd);
}

static bool number(const char *s, size_t len, uint32_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9' || i == 10)
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *out = (uint32_t)v;
    return len && v < UINT32_MAX;
}

/* The next line "name:x:id..." from *at; false at the end. */
static bool next(const struct names *n, int kind, size_t *at, const char **name, size_t *len,
                 uint32_t *id)
{
    while (*at < n->len[kind]) {
        const char *line = n->text[kind] + *at, *end = n->text[kind] + n->len[kind];
        const char *nl = memchr(line, '\n', (size_t)(end - line)), *second, *third, *stop;
        end = nl ? nl : end;
        *at = (size_t)(end - n->text[kind]) + 1;
        second = memchr(line, ':', (size_t)(end - line));
        third = second ? memchr(second + 1, ':', (size_t)(end - second - 1)) : NULL;
        if (!third || second == line || second - line > NAMES_LONGEST)
            continue;
        stop = memchr(third + 1, ':', (size_t)(end - third - 1));
        if (!number(third + 1, (size_t)((stop ? stop : end) - third - 1), id))
            continue;
        *name = line;
        *len = (size_t)(second - line);
        for (size_t i = 0; i < *len; i++)
            if (line[i] <= ' ' || line[i] > '~')
                *len = 0;
        if (*len)
            return true;
    }
    return false;
}

const char *names_of(struct names *n, int kind, uint32_t id)
{
    char *out = n->name[kind];
    const char *name;
    size_t at = 0, len;
    uint32_t found;

    if (*out && n->last[kind] == id)
        return out;
    if (!n->read[kind])
        load(n, kind);
    snprintf(out, NAMES_LONGEST + 1, "%u", id);
    n->last[kind] = id;
    while (next(n, kind, &at, &name, &len, &found))
        if (found == id) {
            snprintf(out, NAMES_LONGEST + 1, "%.*s", (int)len, name);
            break;
        }
    return out;
}

bool names_id(struct names *n, int kind, const char *want, uint32_t *id)
{
    const char *name;
    size_t at = 0, len;

    if (number(want, strlen(want), id))
        return true;
    if (!n->read[kind])
        load(n, kind);
    while (next(n, kind, &at, &name, &len, id))
        if (strlen(want) == len && !memcmp(name, want, len))
            return true;
    return false;
}

void names_done(struct names *n)
{
    free(n->text[0]);
    free(n->text[1]);
    *n = (struct names){ 0 };
}
