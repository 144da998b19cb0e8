#include "tools/saving.h"

#include <stdlib.h>
#include <string.h>

static int write_part(struct saving *s, const char *data, size_t len, struct err *err)
{
    AUTO(file_write_result) struct file_write_result res = { 0 };
    struct file_write_request req = {
        .path = s->path,
        .data = data,
        .len = len,
        .mode = s->saved  ? FILE_APPEND
                : s->keep ? FILE_CREATE
                          : FILE_OVERWRITE,
        .permissions = -1,
    };

    if (sandbox_file_write(s->sandbox, s->call, &req, &res, err))
        return -1;
    if (!s->saved)
        s->saved = strdup(res.path ? res.path : s->path);
    s->bytes += (int64_t)len;
    return s->saved ? 0 : err_oom(err);
}

int saving_add(struct saving *s, const char *data, size_t len, struct err *err)
{
    do {
        size_t part = len < SAVING_PART ? len : SAVING_PART;
        if (write_part(s, data, part, err))
            return -1;
        data += part;
        len -= part;
    } while (len);
    return 0;
}

void saving_done(struct saving *s)
{
    free(s->saved);
    s->saved = NULL;
}
