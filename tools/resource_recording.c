#include "base/io.h"
#include "tools/recording_file.h"
#include "tools/resources.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* "rec_..." or "rec_....mp4": its id, and the file of its directory. */
static bool take_name(const char *rid, char id[ID_SIZE], const char **format)
{
    static const char *const formats[] = { "mp4", "webm" };
    size_t n = strcspn(rid, ".");

    *format = NULL;
    if (n >= ID_SIZE)
        return false;
    snprintf(id, ID_SIZE, "%.*s", (int)n, rid);
    for (size_t i = 0; i < COUNT_OF(formats) && rid[n]; i++)
        if (!strcmp(rid + n + 1, formats[i]))
            *format = formats[i];
    return !rid[n] || *format;
}

/* A recording outlives its sandbox, so that nothing is asked of one here. */
int resources_recording(struct tool_call *call, const char *uri, const struct arg_map *vars,
                        struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(RESOURCES_FILE_MAX);
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    AUTO_FREE struct recording_meta *m = calloc(1, sizeof(*m));
    const char *sandbox = prompt_value(vars, "id"), *format, *mime;
    struct recording_store *store;
    struct err failed = { 0 };
    char id[ID_SIZE];
    AUTO_FD int fd = -1;
    int r;

    if (!m)
        return err_oom(err);
    if (!take_name(prompt_value(vars, "rid"), id, &format))
        return err_set(err, ERR_NOT_FOUND, "no such recording");
    if (recordings_store(call, &store, err) ||
        recording_load(store, call->principal, id, m, &f, err))
        return -1;
    if (strcmp(sandbox, "default") != 0 && strcmp(sandbox, m->sandbox) != 0)
        return err_set(err, ERR_NOT_FOUND, "that sandbox made no such recording");
    fd = openat(f.dir_fd, format ? format : "data", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "it was not made in this format");
    r = io_read_all(fd, &data, &failed);
    mime = format ? recording_format_mime(format) : recording_mime(m->kind);
    if (!r)
        r = m->kind == RECORDING_VIDEO
                ? resource_blob(call, uri, mime, buf_str(&data), data.len, &failed)
                : resource_text(call, uri, mime, buf_str(&data), data.len, &failed);
    if (!r)
        return 0;
    if (err)
        *err = failed;
    if (failed.code != ERR_TOO_LARGE)
        return -1;
    err_set(err, ERR_TOO_LARGE, "the recording has %lld bytes, more than a resource can hold",
            (long long)m->bytes);
    return err_next(
        err, "recording_get copies it into the sandbox (save_to), or shows stills of it (frames)");
}
