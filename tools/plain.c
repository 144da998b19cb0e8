#include "tools/plain.h"
#include "base/utf8.h"
#include "tools/render.h"

#include <string.h>

static int add(struct buf *out, const char *text, size_t len, bool more, struct err *err)
{
    AUTO(buf) struct buf clean = BUF_MAX(4 * len + 16);

    if (text_add_plain(&clean, text, len, NULL, err))
        return -1;
    for (size_t i = 0; i < clean.len; i++)
        if (clean.data[i] == '\n' || clean.data[i] == '\t')
            clean.data[i] = ' ';
    while (clean.len && clean.data[clean.len - 1] == ' ')
        clean.data[--clean.len] = '\0';
    if (render_name(out, buf_str(&clean), err))
        return -1;
    return more ? buf_adds(out, " ...", err) : 0;
}

int plain_line(struct buf *out, const char *text, size_t max, struct err *err)
{
    size_t len = strlen(text);

    return len > max ? add(out, text, utf8_cut(text, max), true, err)
                     : add(out, text, len, false, err);
}

int plain_first_line(struct buf *out, const char *text, size_t max, struct err *err)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strcspn(text, "\n");
    if (len > max)
        return add(out, text, utf8_cut(text, max), true, err);
    return add(out, text, len, text[len] && text[len + 1], err);
}
