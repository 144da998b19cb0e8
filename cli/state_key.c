#include "cli/state_key.h"
#include "base/io.h"
#include "base/log.h"

#include <string.h>
#include <sys/stat.h>

static int read_file(const char *path, struct sealed_key *key, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(SEALED_SECRET_MAX + 2);
    struct stat st;
    int failed;

    if (io_read_file(path, SEALED_SECRET_MAX + 2, &text, err))
        return err_wrap(err, "--state-key-file");
    if (!stat(path, &st) && (st.st_mode & (S_IRGRP | S_IROTH)))
        log_warn("state_key_file_readable_by_others path=%s", path);
    while (text.len && strchr("\r\n", text.data[text.len - 1]))
        text.len--;
    failed = sealed_key_from_secret(key, buf_str(&text), text.len, err);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    return failed ? err_wrap(err, "--state-key-file") : 0;
}

int state_key_read(const struct options *o, struct sealed_key *key, bool *given, struct err *err)
{
    const char *secret = getenv("SANDBOX_MCP_STATE_KEY");

    *given = true;
    if (o->state_key_file)
        return read_file(o->state_key_file, key, err);
    if (secret && *secret)
        return sealed_key_from_secret(key, secret, strlen(secret), err)
                   ? err_wrap(err, "SANDBOX_MCP_STATE_KEY")
                   : 0;
    *given = false;
    return 0;
}
