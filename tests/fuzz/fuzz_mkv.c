/*
 * The files of a recording that somebody changed: a video, whose pictures are looked up, and its
 * record. What is found lies within the file, and a record that is read is written the same again.
 *
 * covers: backend/recording/mkv_read.c backend/recording/meta.c
 * seeds: tests/fuzz/seeds/mkv
 */
#include "backend/recording/meta.h"
#include "backend/recording/mkv.h"
#include "tests/fuzz/must.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_video(const uint8_t *data, size_t size)
{
    struct mkv_picture *all = NULL;
    struct err err = { 0 };
    int fd = memfd_create("video", MFD_CLOEXEC), width, height;
    size_t n = 0;

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    must(!mkv_pictures(fd, &all, &n, &err));
    for (size_t i = 0; i < n; i++) {
        must(all[i].at <= size && all[i].len <= size - all[i].at);
        if (jpeg_size(data + all[i].at, all[i].len, &width, &height))
            must(width > 0 && width < 65536 && height > 0 && height < 65536);
    }
    free(all);
    close(fd);
    (void)jpeg_size(data, size, &width, &height);
}

static void read_record(const uint8_t *data, size_t size)
{
    static struct recording_meta first, again;
    struct buf text = BUF_MAX(1024 * 1024), same = BUF_MAX(1024 * 1024);
    struct err err = { 0 };

    if (recording_meta_read((const char *)data, size, &first, &err)) {
        must(err.code != ERR_NONE);
        return;
    }
    must(first.mark_count <= RECORDING_MARKS_MAX);
    must(!recording_meta_write(&first, &text, &err));
    must(!recording_meta_read(text.data, text.len, &again, &err));
    must(!recording_meta_write(&again, &same, &err));
    must(!strcmp(text.data, same.data));
    must(*recording_kind_name(again.kind) && *recording_extension(again.kind));
    must(*recording_mime(again.kind) && *recording_state_name(again.state));
    buf_done(&text);
    buf_done(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_video(data, size);
    read_record(data, size);
    return 0;
}
