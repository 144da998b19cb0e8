/*
 * The files of recordings on their way to and from the sandbox, and what is made of them there:
 * what a page showed is decoded by nobody else.
 */
#ifndef TOOLS_RECORDING_FILE_H
#define TOOLS_RECORDING_FILE_H

#include "tools/recording.h"

#define RECORDING_TEXT_MAX (24 * 1024)        /* bytes of a transcript */
#define RECORDING_CONVERT_MS (10 * 60 * 1000) /* of ffmpeg */

/* fd (from its beginning) to that path in the caller's sandbox. */
int recording_copy_in(struct tool_call *call, struct sandbox *sb, int fd, const char *path,
                      struct err *err) MUST_CHECK;

/*
 * A video as "mp4" or "webm", made once by the sandbox's ffmpeg and kept beside it; *fd for
 * reading, the caller's. ERR_UNSUPPORTED names the package when there is no ffmpeg.
 */
int recording_convert(struct tool_call *call, const struct recording_file *f,
                      struct recording_meta *m, const char *format, int *fd,
                      struct err *err) MUST_CHECK;

/* A one-time URL of it, where they are offered. format: one that is kept, a constant; NULL: as it
 * was recorded. */
int recording_hand_out(struct tool_call *call, struct recording_store *store,
                       const struct recording_meta *m, const char *format, const char *name,
                       const char *mime, struct err *err) MUST_CHECK;

/* What a terminal recording shows, as plain text; of a long one beginning and end. */
int recording_transcript(int fd, struct buf *out, struct err *err) MUST_CHECK;

/* "video/mp4", ...; NULL for another format. */
const char *recording_format_mime(const char *format);

#endif
