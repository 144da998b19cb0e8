/*
 * A Matroska file of JPEG pictures (codec V_MJPEG), written as they come: each picture is a
 * cluster of its own, so that what is there can be played whenever the writing ended. Duration is
 * brought up to date in place; index and chapters follow at the end.
 *
 * Not thread-safe. A write that fails leaves the file as it was before that picture.
 */
#ifndef BACKEND_RECORDING_MKV_H
#define BACKEND_RECORDING_MKV_H

#include "backend/recording/store.h"

#define MKV_CUES_MAX 4096 /* entries of the index, a second apart at least */

struct mkv {
    int fd;                                     /* borrowed */
    uint64_t at, segment, seek_at, duration_at; /* offsets; segment: of its content */
    int64_t last_ms;
    struct {
        int64_t ms;
        uint64_t at;
    } * cues;
    unsigned cue_count;
};

/* The head of the file. name: UTF-8, may be "". */
int mkv_begin(struct mkv *m, int fd, int width, int height, const char *name, int64_t wall_ms,
              struct err *err) MUST_CHECK;
void mkv_done(struct mkv *m); /* frees memory, closes nothing */

/* At ms, which never go back. */
int mkv_frame(struct mkv *m, int64_t ms, const void *jpeg, size_t len, struct err *err) MUST_CHECK;

/* The file says that it is so long. */
int mkv_duration(struct mkv *m, int64_t ms, struct err *err) MUST_CHECK;

/* Index and chapters. A chapter lasts until the next one. */
int mkv_end(struct mkv *m, int64_t duration_ms, const struct recording_mark *marks, unsigned count,
            struct err *err) MUST_CHECK;

/* ---- reading ---- */

struct mkv_picture {
    int64_t ms;
    uint64_t at; /* of the JPEG in the file */
    size_t len;
};

/* The pictures of a file that this writer made, also of one that was cut off; free(*out). At most
 * MKV_PICTURES_MAX. */
#define MKV_PICTURES_MAX 262144
int mkv_pictures(int fd, struct mkv_picture **out, size_t *count, struct err *err) MUST_CHECK;

/* Width and height of a JPEG; false when it is none. */
bool jpeg_size(const void *data, size_t len, int *width, int *height);

#endif
