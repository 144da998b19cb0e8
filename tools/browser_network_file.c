#include "tools/browser_network.h"
#include "tools/saving.h"

#include <stdlib.h>
#include <string.h>

#define PIECE (4 * 1024 * 1024)

int network_number(const char *id, unsigned *out)
{
    char *end;
    unsigned long n;

    id += *id == 'r';
    if (*id < '1' || *id > '9' || strlen(id) > 9)
        return -1;
    n = strtoul(id, &end, 10);
    if (*end)
        return -1;
    *out = (unsigned)n;
    return 0;
}

int network_save(struct tool_call *call, struct sandbox *sb, const char *path, const char *data,
                 size_t len, char **resolved, struct err *err)
{
    AUTO(saving) struct saving s = { .sandbox = sb, .call = call->call, .path = path };

    if (saving_add(&s, data ? data : "", len, err))
        return -1;
    if (resolved)
        *resolved = TAKE(s.saved);
    return 0;
}

int network_load(struct tool_call *call, struct sandbox *sb, const char *path, struct buf *out,
                 struct err *err)
{
    bool more = true;

    while (more) {
        AUTO(file_read_result) struct file_read_result res = { 0 };
        struct file_read_request req = {
            .path = path,
            .offset = (int64_t)out->len,
            .bytes = true,
            .max_bytes = PIECE,
        };
        if (sandbox_file_read(sb, call->call, &req, &res, err))
            return -1;
        if (res.size > (int64_t)out->max)
            return err_set(err, ERR_TOO_LARGE, "%s has %lld bytes, over %zu", path,
                           (long long)res.size, out->max);
        if (res.data.len && buf_add(out, res.data.data, res.data.len, err))
            return -1;
        more = res.truncated && res.data.len;
    }
    return 0;
}
