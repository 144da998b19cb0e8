#include "backend/recording/mkv.h"
#include "tools.gen.h"
#include "tools/picture.h"
#include "tools/recording_file.h"
#include "tools/render.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STILLS_BYTES_MAX (2 * 1024 * 1024) /* of all pictures of one answer */

/* ---- stills ---- */

/* The last picture that is shown at that time. */
static size_t shown_at(const struct mkv_picture *all, size_t count, int64_t ms)
{
    size_t low = 0, high = count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].ms <= ms)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Chapters first, then times spread evenly; ascending, no time twice. */
static size_t choose(const struct recording_meta *m, int64_t count, int64_t out[])
{
    int64_t chapters = m->mark_count < count ? m->mark_count : count, rest = count - chapters;
    size_t n = 0;

    for (int64_t i = 0; i < chapters; i++) /* of too many, some evenly */
        out[n++] = m->marks[i * m->mark_count / chapters].at_ms;
    for (int64_t i = 0; i < rest; i++)
        out[n++] = rest > 1 ? m->duration_ms * i / (rest - 1) : chapters ? m->duration_ms : 0;
    for (size_t i = 1; i < n; i++) /* few of them */
        for (size_t k = i; k && out[k - 1] > out[k]; k--) {
            int64_t swap = out[k];
            out[k] = out[k - 1];
            out[k - 1] = swap;
        }
    return n;
}

static int add_still(struct tool_call *call, int fd, const struct mkv_picture *p, size_t *room,
                     struct err *err)
{
    AUTO_FREE char *data = NULL;

    if (p->len > *room || p->len > PICTURE_BYTES_MAX)
        return tool_textf(call, err, "the still at %.1f s is too large (%zu bytes)",
                          (double)p->ms / 1000, p->len);
    data = malloc(p->len);
    if (!data)
        return err_oom(err);
    if (pread(fd, data, p->len, (off_t)p->at) != (ssize_t)p->len || !picture_fits(data, p->len))
        return tool_textf(call, err, "the still at %.1f s cannot be read", (double)p->ms / 1000);
    *room -= p->len;
    return tool_textf(call, err, "at %.1f s", (double)p->ms / 1000) ||
                   tool_image(call, "image/jpeg", data, p->len, err)
               ? -1
               : 0;
}

static int add_stills(struct tool_call *call, const struct recording_meta *m, int fd, int64_t count,
                      struct err *err)
{
    AUTO_FREE struct mkv_picture *all = NULL;
    size_t pictures, n, room = STILLS_BYTES_MAX, last = SIZE_MAX;
    int64_t times[RECORDING_MARKS_MAX];

    if (m->kind != RECORDING_VIDEO) {
        err_set(err, ERR_INVALID, "frames: a recording of kind %s has no pictures",
                recording_kind_name(m->kind));
        return err_next(err, "leave frames out");
    }
    if (mkv_pictures(fd, &all, &pictures, err))
        return -1;
    if (!pictures)
        return tool_textf(call, err, "it has no picture");
    n = choose(m, count, times);
    for (size_t i = 0; i < n; i++) {
        size_t at = shown_at(all, pictures, times[i]);
        if (at != last && add_still(call, fd, &all[at], &room, err))
            return -1;
        last = at;
    }
    return 0;
}

/* ---- the answer ---- */

static int head(struct tool_call *call, const struct recording_meta *m, const char *name,
                struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);

    if (buf_addf(&text, err, "%s · %s · %s · ", m->id, recording_kind_name(m->kind),
                 recording_state_name(m->state)) ||
        render_duration(&text, m->duration_ms, err) || buf_adds(&text, " · ", err) ||
        render_bytes(&text, (uint64_t)m->bytes, err) || buf_addf(&text, err, " · %s\n", name) ||
        (*m->reason && buf_addf(&text, err, "it ended because %s\n", m->reason)))
        return -1;
    for (unsigned i = 0; i < m->mark_count; i++)
        if (buf_addf(&text, err, "%.1f s  ", (double)m->marks[i].at_ms / 1000) ||
            render_name(&text, m->marks[i].title, err) || buf_adds(&text, "\n", err))
            return -1;
    return tool_text(call, text.data, text.len, err);
}

static int add_text(struct tool_call *call, const struct recording_meta *m, int fd, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(2 * RECORDING_TEXT_MAX);

    if (m->kind != RECORDING_TERMINAL) {
        err_set(err, ERR_INVALID, "text: a recording of kind %s has none",
                recording_kind_name(m->kind));
        return err_next(err, "leave text out");
    }
    if (recording_transcript(fd, &text, err))
        return -1;
    return tool_text(call, buf_str(&text), text.len, err);
}

/* Into the caller's sandbox, where its programs can use it. */
static int save(struct tool_call *call, int fd, const char *path, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    if (tools_sandbox(call, &sb, err) || recording_copy_in(call, sb, fd, path, err))
        return -1;
    return tool_textf(call, err, "saved to %s", path);
}

/* format: NULL as it was recorded. */
static int reply(struct tool_call *call, const struct recording_get_args *args,
                 const struct recording_meta *m, const struct recording_file *f, int made,
                 const char *format, struct recording_store *store, struct err *err)
{
    int fd = format ? made : f->data_fd;
    char uri[RECORDING_URI_MAX], name[RECORDING_FILENAME_MAX];
    const char *mime = format ? recording_format_mime(format) : recording_mime(m->kind);
    struct stat st;

    recording_uri(m, uri);
    if (format)
        snprintf(uri + strlen(uri), sizeof(uri) - strlen(uri), ".%s", format);
    recording_filename(m, format ? format : recording_extension(m->kind), name);
    if (head(call, m, name, err) ||
        (args->frames && add_stills(call, m, f->data_fd, args->frames, err)) ||
        (args->text && add_text(call, m, fd, err)) ||
        (args->save_to && save(call, fd, args->save_to, err)))
        return -1;
    if (fstat(fd, &st))
        return err_sys(err, errno, "look at the recording");
    return tool_link(call, uri, name, mime, st.st_size, err) ||
                   recording_hand_out(call, store, m, format, name, mime, err)
               ? -1
               : 0;
}

int tool_recording_get(struct tool_call *call, const struct recording_get_args *args,
                       struct err *err)
{
    static const char *const formats[] = { "mkv", "mp4", "webm" };
    const char *format = formats[args->format];
    AUTO_FREE struct recording_meta *m = calloc(1, sizeof(*m));
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    AUTO_FD int made = -1;
    struct recording_store *store;

    if (!m)
        return err_oom(err);
    if (recordings_store(call, &store, err) ||
        recording_load(store, call->principal, args->recording_id, m, &f, err))
        return -1;
    if (recording_format_mime(format) && recording_convert(call, &f, m, format, &made, err))
        return -1;
    return reply(call, args, m, &f, made, made < 0 ? NULL : format, store, err);
}
