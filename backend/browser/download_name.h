/*
 * File names that pages suggest, made harmless.
 */
#ifndef BACKEND_BROWSER_DOWNLOAD_NAME_H
#define BACKEND_BROWSER_DOWNLOAD_NAME_H

#include <stddef.h>

#define DOWNLOAD_NAME_MAX 160 /* bytes of a safe name with its NUL */

/*
 * One path component of valid UTF-8: what follows the last / or \, without control, bidi and
 * invisible characters, without leading dots and dashes, with what shells and other systems take
 * amiss as "_", and cut before its extension. "download" when nothing is left.
 */
void download_name(const char *suggested, char out[DOWNLOAD_NAME_MAX]);

/* Where the extension of a safe name begins ("a.tar.gz": ".tar.gz"); its end when it has none. */
size_t download_extension(const char *name);

#endif
