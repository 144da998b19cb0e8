/*
 * What drive.c and its commands share. A command reads `args`, writes one JSON value, and returns
 * 0 or -1 as everything does.
 */
#ifndef TESTS_BROWSER_DRIVE_H
#define TESTS_BROWSER_DRIVE_H

#include "backend/browser/page.h"

struct drive {
    struct browser *browser;
    struct page *page; /* NULL: the line named none */
    yyjson_val *args;
    struct call *call;
    struct jw *out;
    struct err *err;
};

struct drive_row {
    const char *name;
    int (*fn)(const struct drive *d);
};

extern const struct drive_row drive_rows[], drive_input_rows[], drive_files_rows[];

void drive_report(struct jw *w, const struct page_report *report);

#endif
