#include "base/io.h"
#include "tools/recording.h"
#include "tools/resources.h"

#include <string.h>
#include <sys/stat.h>

/* A recording outlives its sandbox, so that nothing is asked of one here. */
int resources_recording(struct tool_call *call, const char *uri, const struct arg_map *vars,
                        struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(RESOURCES_FILE_MAX);
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    AUTO_FREE struct recording_meta *m = calloc(1, sizeof(*m));
    const char *id = prompt_value(vars, "id");
    struct recording_store *store;
    struct err failed = { 0 };
    int r;

    if (!m)
        return err_oom(err);
    if (recordings_store(call, &store, err) ||
        recording_load(store, call->principal, prompt_value(vars, "rid"), m, &f, err))
        return -1;
    if (strcmp(id, "default") != 0 && strcmp(id, m->sandbox) != 0)
        return err_set(err, ERR_NOT_FOUND, "that sandbox made no such recording");
    r = io_read_all(f.data_fd, &data, &failed);
    if (!r)
        r = m->kind == RECORDING_VIDEO ? resource_blob(call, uri, recording_mime(m->kind),
                                                       buf_str(&data), data.len, &failed)
                                       : resource_text(call, uri, recording_mime(m->kind),
                                                       buf_str(&data), data.len, &failed);
    if (!r)
        return 0;
    if (err)
        *err = failed;
    if (failed.code != ERR_TOO_LARGE)
        return -1;
    err_set(err, ERR_TOO_LARGE, "the recording has %lld bytes, more than a resource can hold",
            (long long)m->bytes);
    return err_next(err, "look at it with recording_get and frames");
}
