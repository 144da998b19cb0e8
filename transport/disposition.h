/*
 * What a file that is handed out is told as, whatever its name and its type are. Pure.
 */
#ifndef TRANSPORT_DISPOSITION_H
#define TRANSPORT_DISPOSITION_H

#define DISPOSITION_MAX 1280
#define DISPOSITION_NAME_MAX 201 /* bytes, with the NUL */

/*
 * A usable name: of a path the last part; control and direction characters, and those that are
 * special to a shell, to HTML or to a file system, become '_'; no leading dot; "download" for
 * nothing. UTF-8.
 */
void disposition_name(const char *name, char out[DISPOSITION_NAME_MAX]);

/* Content-Disposition: an attachment, with that name in ASCII and, where this says less, in UTF-8
 * (RFC 6266, 8187). */
void disposition_make(const char *name, char out[DISPOSITION_MAX]);

/* The type itself, or application/octet-stream for one that a browser would run or render. */
const char *disposition_type(const char *mime);

#endif
