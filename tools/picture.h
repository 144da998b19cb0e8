/*
 * Pictures on their way to a model: recognised by their first bytes, measured by their
 * headers, never decoded here. What is too large is scaled inside the sandbox.
 */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include "backend/backend.h"
#include "mcp/tool.h"

#define PICTURE_BYTES_MAX (500 * 1000) /* below 700 kB of base64 */
#define PICTURE_SIDE_MAX 1568
#define PICTURE_AREA_MAX 1150000

/* "image/png", "image/jpeg", "image/gif", "image/webp", or NULL. */
const char *picture_mime(const void *data, size_t len);

/* Width and height; false when the header does not tell within the bytes given. */
bool picture_size(const void *data, size_t len, unsigned *width, unsigned *height);

/* True when a client takes it as it is. */
bool picture_fits(const void *data, size_t len);

/*
 * A smaller JPEG of the picture at `path`, made by ffmpeg in the sandbox, into *out.
 * ERR_TOO_LARGE, with what to do, when there is no ffmpeg.
 */
int picture_scale(struct tool_call *call, struct sandbox *sb, const char *path, struct buf *out,
                  struct err *err) MUST_CHECK;

#endif
