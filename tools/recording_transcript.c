#include "base/utf8.h"
#include "tools/recording_file.h"

#include <stdio.h>
#include <string.h>

#define PART (4 * 1024 * 1024) /* read of a long file: so much of its beginning and of its end */

/* One line of the file; what is no event adds nothing. */
static int add_line(const char *line, size_t len, struct buf *out, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(line, len, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *data = yyjson_arr_get(root, 2);
    const char *type = yyjson_get_str(yyjson_arr_get(root, 1));

    if (!type || !yyjson_is_str(data))
        return 0;
    if (!strcmp(type, "o"))
        return buf_add(out, yyjson_get_str(data), yyjson_get_len(data), err);
    if (!strcmp(type, "m"))
        return buf_addf(out, err, "\r\n--- %s\r\n", yyjson_get_str(data));
    return 0;
}

/* Whole lines within [from, to) of the file. */
static int add_part(int fd, off_t from, off_t to, struct buf *out, struct err *err)
{
    size_t len = (size_t)(to - from);
    AUTO_FREE char *text = malloc(len + 1);
    ssize_t n = text ? pread(fd, text, len, from) : -1;
    const char *p = text, *end;

    if (n < 0)
        return err_sys(err, errno, "read the recording");
    end = text + n;
    if (from) {
        p = memchr(p, '\n', (size_t)n);
        p = p ? p + 1 : end;
    }
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t line = (size_t)((newline ? newline : end) - p);
        if (add_line(p, line, out, err))
            return -1;
        p += line + 1;
    }
    return 0;
}

/* The beginning and more of the end, cut at lines. */
static int add_cut(const char *text, size_t len, bool gap, struct buf *out, struct err *err)
{
    size_t head = RECORDING_TEXT_MAX * 2 / 5, tail = RECORDING_TEXT_MAX * 3 / 5;
    const char *from = text + len - tail;

    if (len <= RECORDING_TEXT_MAX && !gap)
        return buf_add(out, text, len, err);
    if (len <= head + tail)
        head = len / 2, from = text + head;
    while (head && text[head - 1] != '\n')
        head--;
    while (from < text + len && from[-1] != '\n')
        from++;
    return buf_add(out, text, head, err) ||
                   buf_addf(out, err, "[... %zu bytes omitted ...]\n",
                            (size_t)(from - text) - head) ||
                   buf_add(out, from, (size_t)(text + len - from), err)
               ? -1
               : 0;
}

int recording_transcript(int fd, struct buf *out, struct err *err)
{
    AUTO(buf) struct buf raw = BUF_MAX(4 * PART), plain = BUF_MAX(8 * PART);
    off_t size = lseek(fd, 0, SEEK_END);
    bool gap = size > 2 * PART;

    if (size < 0)
        return err_sys(err, errno, "read the recording");
    if (add_part(fd, 0, gap ? PART : size, &raw, err) ||
        (gap && add_part(fd, size - PART, size, &raw, err)) ||
        text_add_plain(&plain, buf_str(&raw), raw.len, NULL, err))
        return -1;
    return add_cut(buf_str(&plain), plain.len, gap, out, err);
}
