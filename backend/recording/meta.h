/*
 * meta.json of a recording. What is read was written by an earlier server; it is checked all the
 * same.
 */
#ifndef BACKEND_RECORDING_META_H
#define BACKEND_RECORDING_META_H

#include "backend/recording/store.h"

#define RECORDING_SCHEMA 1
#define RECORDING_META_MAX (64 * 1024) /* bytes of the file */

int recording_meta_write(const struct recording_meta *meta, struct buf *out,
                         struct err *err) MUST_CHECK;
int recording_meta_read(const char *text, size_t len, struct recording_meta *out,
                        struct err *err) MUST_CHECK;

#endif
