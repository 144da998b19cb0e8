#include "base/io.h"
#include "tools/recording_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (4 * 1024 * 1024)

static const struct {
    const char *name, *mime, *codec;
} formats[] = {
    { "mp4", "video/mp4",
      "-c:v libx264 -preset veryfast -crf 26 -pix_fmt yuv420p -movflags +faststart" },
    { "webm", "video/webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -pix_fmt yuv420p" },
};

const char *recording_format_mime(const char *format)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (!strcmp(formats[i].name, format))
            return formats[i].mime;
    return NULL;
}

/* ---- in and out ---- */

int recording_copy_in(struct tool_call *call, struct sandbox *sb, int fd, const char *path,
                      struct err *err)
{
    AUTO_FREE char *chunk = malloc(CHUNK);
    off_t at = 0;

    if (!chunk)
        return err_oom(err);
    for (;;) {
        ssize_t n = pread(fd, chunk, CHUNK, at);
        if (n < 0)
            return err_sys(err, errno, "read the recording");
        if (!n && at)
            return 0;
        AUTO(file_write_result) struct file_write_result res = { 0 };
        struct file_write_request req = {
            .path = path,
            .data = chunk,
            .len = (size_t)n,
            .mode = at ? FILE_APPEND : FILE_OVERWRITE,
            .permissions = -1,
        };
        if (sandbox_file_write(sb, call->call, &req, &res, err))
            return -1;
        if (!n)
            return 0;
        at += n;
    }
}

/* room: bytes that may still be kept. */
static int copy_out(struct tool_call *call, struct sandbox *sb, const char *path, int64_t room,
                    int fd, struct err *err)
{
    for (int64_t at = 0;;) {
        AUTO(file_read_result) struct file_read_result res = { 0 };
        struct file_read_request req = {
            .path = path,
            .bytes = true,
            .offset = at,
            .limit = CHUNK,
            .max_bytes = CHUNK,
        };
        if (sandbox_file_read(sb, call->call, &req, &res, err))
            return -1;
        if (!res.data.len)
            return at ? 0 : err_set(err, ERR_UNAVAILABLE, "ffmpeg made an empty file");
        at += (int64_t)res.data.len;
        if (at > room)
            return err_set(err, ERR_QUOTA, "the recordings have no room left for another file");
        if (io_write_all(fd, res.data.data, res.data.len))
            return err_sys(err, errno, "keep the video");
    }
}

/* ---- ffmpeg ---- */

static int run(struct tool_call *call, struct sandbox *sb, const char *command,
               const struct env_var *env, size_t count, struct exec_result *res, struct err *err)
{
    struct exec_request req = {
        .command = command,
        .env = env,
        .env_count = count,
        .timeout_ms = RECORDING_CONVERT_MS,
        .yield_ms = RECORDING_CONVERT_MS + 5000,
        .max_bytes = 4096,
    };

    return sandbox_exec(sb, call->call, &req, res, err);
}

/* Pictures of another size, after the window changed, fit into that of the first. */
static int run_ffmpeg(struct tool_call *call, struct sandbox *sb, const struct recording_meta *m,
                      const char *codec, const char *from, const char *to, struct err *err)
{
    AUTO(buf) struct buf command = BUF_MAX(2048);
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env[] = { { "FROM", from }, { "TO", to } };
    int w = (m->width + 1) & ~1, h = (m->height + 1) & ~1;

    if (buf_addf(&command, err,
                 "command -v ffmpeg >/dev/null || exit 97; ffmpeg -nostdin -v error -y "
                 "-i \"$FROM\" -vf scale=%d:%d:force_original_aspect_ratio=decrease,"
                 "pad=%d:%d:-1:-1 -fps_mode vfr -enc_time_base 1/1000 %s \"$TO\"",
                 w, h, w, h, codec) ||
        run(call, sb, command.data, env, COUNT_OF(env), &res, err))
        return -1;
    if (res.status == EXEC_EXITED && !res.exit_code)
        return 0;
    if (res.status == EXEC_EXITED && res.exit_code == 97) {
        err_set(err, ERR_UNSUPPORTED, "the sandbox has no ffmpeg to convert the video");
        return err_next(err, "install the package ffmpeg where the sandbox's programs come from, "
                             "or take it as it is, in Matroska (format mkv)");
    }
    return err_set(err, ERR_UNAVAILABLE, "ffmpeg failed: %.600s", buf_str(&res.errs.text));
}

static void remove_files(struct tool_call *call, struct sandbox *sb, const char *from,
                         const char *to)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env[] = { { "FROM", from }, { "TO", to } };

    (void)!run(call, sb, "rm -f \"$FROM\" \"$TO\"", env, COUNT_OF(env), &res, NULL);
}

/* ---- kept beside the recording ---- */

static int make(struct tool_call *call, const struct recording_file *f,
                const struct recording_meta *m, size_t which, int out, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    const char *format = formats[which].name;
    char from[96], to[96];
    int r;

    if (tools_sandbox(call, &sb, err))
        return -1;
    snprintf(from, sizeof(from), "/tmp/%s.mkv", m->id);
    snprintf(to, sizeof(to), "/tmp/%s.%s", m->id, format);
    r = recording_copy_in(call, sb, f->data_fd, from, err) ||
        run_ffmpeg(call, sb, m, formats[which].codec, from, to, err) ||
        copy_out(call, sb, to, RECORDING_QUOTA - m->bytes, out, err);
    remove_files(call, sb, from, to);
    return r ? -1 : 0;
}

int recording_convert(struct tool_call *call, const struct recording_file *f,
                      struct recording_meta *m, const char *format, int *fd, struct err *err)
{
    AUTO_FD int out = openat(f->dir_fd, format, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char id[ID_SIZE];
    size_t which = 0;

    while (strcmp(formats[which].name, format) != 0)
        which++;
    if (m->kind != RECORDING_VIDEO)
        return err_set(err, ERR_INVALID, "format: only videos have one");
    if (!m->ended_ms) {
        err_set(err, ERR_BUSY, "the recording still runs");
        return err_next(err, "stop it with recording_control first");
    }
    if (out < 0) {
        id_make("new", id);
        out = openat(f->dir_fd, id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (out < 0)
            return err_sys(err, errno, "keep the video");
        if (make(call, f, m, which, out, err)) {
            unlinkat(f->dir_fd, id, 0);
            return -1;
        }
        if (renameat(f->dir_fd, id, f->dir_fd, format))
            return err_sys(err, errno, "keep the video");
        m->bytes = recording_bytes(f);
        if (recording_save(f, m, err))
            return -1;
    }
    *fd = TAKE_FD(&out);
    return 0;
}
